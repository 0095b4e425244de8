"""What the WaveNet sees of a sample before it is known: numbers without scale, in int8.

Errors and distances count in the blend's running mean error s, so that one net serves every level and width:

    last error of the blend, and the partner channel's, each over its own s      2**-5, within 4 s
    each stage of the bank less the blend, over s                                2**-7, within 1 s
    logarithms of mean errors: recent and latest of the blend and the partner over their longer ones, recent and
    latest of each shown expert over the blend's, s itself, the last errors' sizes
    predicted step from the last sample, and the last sample, over s             signed logarithms
    phase of the blend between two integers, role of the channel

A pair's second channel sees the first one's error of the same moment.
"""

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner
from neuralzip.experts.audio_bank import RICH_STAGES
from neuralzip.experts.audio_opinion import over
from neuralzip.experts.audio_state import (
    LEAST,
    LOUDEST,
    POINT,
    K,
    Residual,
    inverse_of,
    log2_eighths,
    running_scale,
)

Bytes = npt.NDArray[np.int8]
Reals = npt.NDArray[np.float64]

STAGES = RICH_STAGES
"""A net sees the bank RICH."""
INPUTS = 13 + STAGES + 2 * K


@inner
def _byte(x: int) -> np.int8:
    return np.int8(min(max(x, -127), 127))


@inner
def _signed_log(x: np.int64) -> np.int64:
    """Return 8 * log2(1 + |x|), with the sign of x; x in 2**-5."""
    size = log2_eighths(abs(x) + 32) - 40
    return size if x >= 0 else -size


@inner
def _centre(prediction: float) -> np.int64:
    """Return a prediction in 2**-POINT, within what samples can be."""
    return np.int64(np.floor(min(max(prediction, -LOUDEST), LOUDEST) * (1 << POINT) + 0.5))


@inner
def view(r: Residual, stages: Reals, c: int, partner: int, latest: int, out: Bytes) -> None:
    """Set out [INPUTS]; the blend and the mean errors are those before the sample.

    Args:
        r: experts' predictions and errors.
        stages: [STAGES] predictions of the whole bank.
        c: channel.
        partner: the other channel of the pair, c itself where there is none.
        latest: the channel's last sample.
        out: filled.
    """
    scale, other = running_scale(r, c), running_scale(r, partner)
    unit = inverse_of(scale)
    blend = r.means[K]
    error, other_error = over(r.last[c, 0], unit, 5), over(r.last[partner, 0], inverse_of(other), 5)
    out[0] = _byte(error)
    out[1] = _byte(other_error)
    out[2] = _byte(log2_eighths(abs(error) + 1))
    out[3] = _byte(log2_eighths(abs(other_error) + 1))
    out[4], out[5] = _course(r, c)
    out[6], out[7] = _course(r, partner)
    out[8] = _byte(log2_eighths(scale) - 160)
    out[9] = _byte(_signed_log(over(blend - (latest << POINT), unit, 5)))
    out[10] = _byte(_signed_log(over(latest << POINT, unit, 5)))
    out[11] = _byte(((blend + 128) & 255) - 128)
    out[12] = np.int8(-32 if partner == c else 32 * c)
    for k in range(STAGES):
        out[13 + k] = _byte(over(_centre(stages[k]) - blend, unit, 7))
    for k in range(K):
        _compare(r, c, k, log2_eighths(scale), out)


@inner
def _course(r: Residual, c: int) -> tuple[np.int8, np.int8]:
    """Return the logarithms of the blend's recent and latest errors over its longer ones."""
    longer = log2_eighths(r.errors[c, K, 1] + LEAST)
    recent, latest = log2_eighths(r.errors[c, K, 0] + LEAST), log2_eighths(r.errors[c, K, 2] + LEAST)
    return _byte(4 * (recent - longer)), _byte(4 * (latest - longer))


@inner
def _compare(r: Residual, c: int, k: int, level: int, out: Bytes) -> None:
    """Enter the logarithms of an expert's recent and latest errors over the blend's."""
    out[13 + STAGES + k] = _byte(8 * (log2_eighths(r.errors[c, k, 0] + LEAST) - level))
    out[13 + STAGES + K + k] = _byte(4 * (log2_eighths(r.errors[c, k, 2] + LEAST) - level))
