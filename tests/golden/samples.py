"""Small inputs of the golden files that trained models wrote: arithmetic and a fixed generator, no libraries."""

import random
import struct
import zlib

import numpy as np
import numpy.typing as npt

WORDS = (
    "the of and a river stone light over under carries old water house garden seven returns early never".split()
)


def prose(size: int) -> bytes:
    source = random.Random(2)
    text = ""
    while len(text) < size:
        words = source.choices(WORDS, k=source.randint(4, 12))
        text += " ".join(words).capitalize() + source.choice([". ", ".\n", "; "])
    return text.encode()[:size]


def various() -> bytes:
    """Words, code, separated values, records and noise."""
    source = random.Random(3)
    code = "".join(f"  if (x[{i}] > {i * i}) {{ total += f(x[{i}], (int){i}); }}\n" for i in range(12))
    values = "".join(f'{i};{i * 37 % 101},{i / 8:.3f}\t"{WORDS[i % 7]}"\n' for i in range(30))
    records = b"".join(struct.pack("<HhBI", i, -i * 3, 7, i * i) for i in range(60))
    umlauts = "Über den Flüssen – häufig größer. ".encode() * 3
    return prose(800) + code.encode() + values.encode() + records + umlauts + source.randbytes(100) + prose(300)


def pixels(height: int, width: int, bits: int) -> npt.NDArray[np.int64]:
    """Soft shapes with some noise: [height, width, 3]."""
    source = random.Random(4)
    noise = np.array([source.randint(-5, 5) for _ in range(height * width * 3)]).reshape(height, width, 3)
    y, x = np.mgrid[:height, :width]
    hill = 200 - ((x - 14) ** 2 + 2 * (y - 9) ** 2) // 6
    edge = np.where(3 * x + 2 * y > 70, 60, 0)
    rgb = np.stack([hill + edge, hill - 20 + 2 * y, hill // 2 + 3 * x], -1) + noise
    fine = (x * 7919 + y * 104729 + x * y)[..., None] % (1 << (bits - 8))
    return (np.clip(rgb, 0, 255) << (bits - 8)) + fine


def ppm(height: int, width: int) -> bytes:
    return b"P6\n# golden\n%d %d\n255\n" % (width, height) + pixels(height, width, 8).astype(np.uint8).tobytes()


def grey_12(height: int, width: int) -> bytes:
    samples = pixels(height, width, 12)[..., 0].astype(">u2")
    return b"P5 %d %d 4095\n" % (width, height) + samples.tobytes()


def interface() -> bytes:
    """A PNG of frames, stripes and a repeated glyph: [48, 64, 3]."""
    source = random.Random(5)
    picture = np.full((48, 64, 3), 240, np.uint8)
    picture[:8] = (30, 60, 160)
    picture[12:44, 4:60] = 255
    picture[12:44:31, 4:60] = picture[12:44, 4:60:55] = (90, 90, 90)
    glyphs = [np.array([source.random() < 0.4 for _ in range(35)]).reshape(7, 5) for _ in range(9)]
    for row in range(14, 36, 9):
        for column in range(7, 53, 6):
            picture[row : row + 7, column : column + 5][source.choice(glyphs)] = (20, 20, 20)
    picture[1:7, 40:60] += np.arange(20, dtype=np.uint8)[:, None]
    for row, column in ((source.randrange(48), source.randrange(64)) for _ in range(40)):
        picture[row, column] = source.randrange(256), 90, source.randrange(200)
    lines = b"".join(b"\0" + line.tobytes() for line in picture)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    ]
    chunks = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def wav(frames: int, channels: int, width: int) -> bytes:
    """A recording of a decaying oscillation with noise; the right channel follows the left."""
    source, data = random.Random(6), bytearray()
    speed, place, last = 0, 20000 << 8, 0
    for _ in range(frames):
        speed -= place // 90 + speed // 400
        place += speed
        left = (place >> 8) + source.randint(-40, 40)
        for value in (left, (left + last) // 2 + source.randint(-9, 9))[:channels]:
            data += (
                min(max(value, -30000), 30000).__lshift__(8 * width - 16).to_bytes(width, "little", signed=True)
            )
        last = left
    form = struct.pack("<HHIIHH", 1, channels, 8000, 8000 * channels * width, channels * width, 8 * width)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def csv() -> bytes:
    lines = ["id,city,value,rate\n"]
    for i in range(150):
        lines.append(f"{i},{WORDS[i * i % 11]},{(i * 7919) % 1009},{(i * 31 % 400) / 8:.3f}\n")
    return "".join(lines).encode()


def npy(dtype: str) -> bytes:
    source = random.Random(7)
    values = np.cumsum([[source.randint(-9, 12 + k) for k in range(5)] for _ in range(60)], axis=0)
    array = (values / 8).astype(dtype) if dtype[1] == "f" else values.astype(dtype)
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': (60, 5), }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode() + array.tobytes()
