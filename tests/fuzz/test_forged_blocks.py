"""Blocks whose checksums are right and whose insides are not: a codec answers with an error of ours or bytes."""

import gzip
import io
import random
import time
import wave
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from neuralzip.codecs import registry
from neuralzip.codecs.base import Block, Options
from neuralzip.errors import NeuralzipError
from tests.golden import samples

ROUNDS = 150
MOST_SECONDS = 5.0


def picture() -> bytes:
    y, x = np.mgrid[:12, :16]
    pixels = np.stack([x * 9 + y, y * 11, (x * y) % 97], -1).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def photo() -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(picture())).resize((80, 56)).save(file, "jpeg", restart_marker_blocks=4)
    return file.getvalue()


def recording() -> bytes:
    t = np.arange(500)
    samples = np.stack([9000 * np.sin(t / 9), 7000 * np.sin(t / 9 + 1) + t % 7], -1).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(samples.tobytes())
    return file.getvalue()


SAMPLES: dict[str, Callable[[], bytes]] = {
    "image": picture,
    "idf": picture,
    "parallel": picture,
    "flow": picture,
    "vae": lambda: samples.ppm(48, 64),
    "audio": recording,
    "jpeg": photo,
    "archive": lambda: gzip.compress(b"She sells sea shells on the sea shore. " * 12, mtime=0),
    "table": lambda: b"".join(b"%d,%d,%.2f\n" % (i, i * i % 97, i / 7) for i in range(80)),
    "bytes": lambda: b"She sells sea shells on the sea shore. " * 12,
    "stdlib": lambda: b"She sells sea shells on the sea shore. " * 12,
    "raw": lambda: b"stored",
}


def forge(block: Block, source: random.Random) -> Block:
    """Return the block with its payload, its parameters or its size changed."""
    params, payload, raw_size = bytearray(block.params), bytearray(block.payload), block.raw_size
    what = source.choice(["payload", "start", "params", "cut", "noise", "size"])
    if what == "payload":
        payload[source.randrange(len(payload))] ^= source.randint(1, 255)
    elif what == "start":
        payload[source.randrange(min(len(payload), 30))] = source.choice([0, 1, 127, 128, 255])
    elif what == "params" and params:
        params[source.randrange(len(params))] = source.choice([0, 1, 2, 127, 128, 255])
    elif what == "cut":
        del payload[source.randrange(len(payload)) :]
    elif what == "noise":
        payload = bytearray(source.randbytes(len(payload)))
    else:
        raw_size = source.choice([1, raw_size - 1, raw_size + 1, 3 * raw_size])
    return Block(block.codec, bytes(params), bytes(payload), raw_size, block.models)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_forged_blocks(name: str) -> None:
    codec = registry.by_name(name)
    options = Options(memory_bytes=1 << 28)
    block = next(iter(codec.encode(io.BytesIO(SAMPLES[name]()), options)))
    source = random.Random(name)
    codec.decode(block, options)
    for _ in range(ROUNDS):
        forged = forge(block, source)
        started = time.process_time()
        try:
            codec.decode(forged, options)
        except NeuralzipError:
            pass
        assert time.process_time() - started < MOST_SECONDS, forged
