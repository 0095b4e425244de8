"""Take FLAC files apart and write their frames again: how many come back, and what the encoder's choices cost.

    python benchmarks/flac_choices.py FILE...

The samples are not coded here; "choices" is all that a .nz file keeps of the frames beside them.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from neuralzip.media import bitcoder
from neuralzip.media.audio.flac import stream


def measure(path: Path) -> tuple[int, int, int]:
    """Return (bytes of the frames that came back, bytes of the choices, all bytes behind the metadata)."""
    frames = choices = 0
    with path.open("rb") as file:
        start = stream.read_start(file)
        for run in stream.runs(file, start, 1 << 20):
            coded = bitcoder.finish(run.coder)
            samples = np.concatenate(run.samples, axis=1)
            if stream.restore(samples, coded, run.bits, len(run.body)) != run.body:
                raise SystemExit(f"{path}: frames did not come back")
            frames, choices = frames + len(run.body), choices + len(coded)
    return frames, choices, path.stat().st_size - start.size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    rows = []
    begun = time.process_time()
    for path in parser.parse_args().files:
        rows.append(measure(path))
        frames, choices, total = rows[-1]
        print(
            f"{path.name:40} {frames:9} of {total:9} bytes, choices {choices:6} ({100 * choices / frames:.3f} %)"
        )
    frames, choices, total = (sum(column) for column in zip(*rows, strict=True))
    print(f"{len(rows)} files: {frames} of {total} bytes, choices {choices} ({100 * choices / frames:.3f} %), "
          f"{time.process_time() - begun:.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
