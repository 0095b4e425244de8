"""The progress bar: on stderr, only on a terminal, only for work of over a second."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from neuralzip.cli.messages import note, printable

PACKAGE = Path(__file__).resolve().parent.parent
Report = Callable[[int, int], None]
DELAY_S = 1.0
INTERVAL_S = 0.2


@contextlib.contextmanager
def progress_bar(name: str, *, quiet: bool) -> Iterator[Report | None]:
    """Yield a function for Options.progress, or None where nothing is to be shown."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    if not os.environ.get("NUMBA_CACHE_DIR") and not any(PACKAGE.glob("*/__pycache__/*.nbi")):
        note("first use: compiled code is made and kept, which takes some seconds")
    from tqdm import tqdm  # 20 ms

    times = {"delay": DELAY_S, "mininterval": INTERVAL_S}
    bar = tqdm(desc=printable(name), unit="B", unit_scale=True, leave=False, file=sys.stderr, **times)

    def report(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    with bar:
        yield report
