"""The progress bar: on stderr, only on a terminal, only for work of over a second."""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator

from neuralzip.cli.messages import printable

Report = Callable[[int, int], None]
DELAY_S = 1.0
INTERVAL_S = 0.2


@contextlib.contextmanager
def progress_bar(name: str, *, quiet: bool) -> Iterator[Report | None]:
    """Yield a function for Options.progress, or None where nothing is to be shown."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm  # 20 ms

    times = {"delay": DELAY_S, "mininterval": INTERVAL_S}
    bar = tqdm(desc=printable(name), unit="B", unit_scale=True, leave=False, file=sys.stderr, **times)

    def report(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    log = logging.getLogger("neuralzip")
    handler = _Notes()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        with bar:
            yield report
    finally:
        log.removeHandler(handler)


class _Notes(logging.Handler):
    """Shows what is logged on stderr, above the bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        from tqdm import tqdm

        tqdm.write(printable(record.getMessage()), file=sys.stderr)
