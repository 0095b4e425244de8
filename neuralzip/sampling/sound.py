"""Sounds from the autoregressive flows over audio, as WAVE files of one channel.

T samples.
"""

import io
import wave

import numpy as np
import torch

from neuralzip import zoo
from neuralzip.nets import iaf, maf
from neuralzip.sampling import Request

RATE = 16_000
"""Samples a second that a sound is played at; the models know no rates."""
LOUDNESS = 3000.0
"""Root mean square of a sound, of 32768."""
_FULL = 2**15 - 1


def make(model: zoo.Model, request: Request) -> bytes:
    """Return a WAVE file."""
    count = max(1, round(request.seconds * RATE))
    uniform = np.random.default_rng(request.seed).random((1, count))
    noise = torch.from_numpy(np.log(uniform / (1 - uniform) + 1e-9)).float()
    report = request.report
    net = maf.load(model) if model.meta["architecture"] == maf.ARCHITECTURE else iaf.load(model)
    samples = net.sample(noise, None if report is None else lambda done: report(2 * done, 2 * count))[0].numpy()
    return to_wave(np.clip(np.nan_to_num(samples) * LOUDNESS, -_FULL, _FULL).astype("<i2").tobytes())


def to_wave(frames: bytes) -> bytes:
    """Return the WAVE file of 16-bit samples."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(frames)
    return out.getvalue()
