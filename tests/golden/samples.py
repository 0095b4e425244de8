"""Small inputs of the golden files that trained models wrote: arithmetic and a fixed generator, no libraries."""

import gzip
import io
import random
import struct
import tarfile
import zlib

import numpy as np
import numpy.typing as npt
import soundfile
from PIL import Image

from neuralzip.media.png.profiles import SRGB, profile

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


def gzipped() -> bytes:
    """Two members; the second is of stored blocks, as gzip -0 would write it."""
    data = prose(700)
    stored = b"\1" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data
    trailer = struct.pack("<II", zlib.crc32(data), len(data))
    return gzip.compress(various(), 6, mtime=1) + b"\x1f\x8b\x08\0\0\0\0\0\0\3" + stored + trailer


def tarred(files: dict[str, bytes], form: int = tarfile.USTAR_FORMAT) -> bytes:
    """Return a tar archive of files, a folder and a link."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as made:
        for name, kind in (("folder", tarfile.DIRTYPE), ("link", tarfile.SYMTYPE)):
            other = tarfile.TarInfo(name)
            other.type = kind
            made.addfile(other)
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
    return file.getvalue()


def held() -> dict[str, bytes]:
    """Files for an archive: text and a recording."""
    return {"a.txt": prose(900), "b.wav": wav(300, 1, 2)}


def pdf() -> bytes:
    """Objects with zlib streams, one of them damaged, and a JPEG; not a file to look at."""
    streams = [zlib.compress(prose(600 + 100 * k), level) for k, level in enumerate((1, 6, 9))]
    streams += [streams[0][:-1] + b"?", photo_jpeg(60, 90)]
    objects = [
        b"%d 0 obj\n<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream\nendobj\n" % (k, len(data), data)
        for k, data in enumerate(streams)
    ]
    return b"%PDF-1.4\n" + b"".join(objects) + b"trailer\n<< /Size 4 >>\n%%EOF\n"


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
    return png(parts)


def grey(height: int, width: int) -> bytes:
    return b"P5 %d %d 255\n" % (width, height) + pixels(height, width, 8)[..., 0].astype(np.uint8).tobytes()


def see_through(height: int, width: int) -> bytes:
    """A PNG of a photo whose opacity falls to the right: [height, width, 4]."""
    picture = np.dstack([pixels(height, width, 8), np.tile(255 - np.arange(width) * 3, (height, 1))]).astype(
        np.uint8
    )
    lines = b"".join(b"\0" + line.tobytes() for line in picture)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    ]
    return png(parts)


def png(parts: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG of chunks."""
    chunks = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def rings() -> bytes:
    """A grey PNG [16, 24] that zopfli 1.0.3 packed in 15 iterations, with a well-known colour profile."""
    packed = bytes.fromhex(
        "78da9d8f5d190500044317420821841042082184104208b1eebcdf7f8fc767c7c011b5a881e568aeb596b6cd1f0b1172"
        "cf5ef15a2bf818b1efeb852af9256934bc25d6890370f7c8e33c38454922a51411e4bd62d1b824bae5eca8aa9ee33c88"
        "7b8b92cbc2cc2c8e0fed2749c465bdeef1eaab3fe4bb742bab93b770c5227702332a8885eee389d87beb01ba369205"
    )
    lines = b"".join(b"\0" + bytes((y * y // 9 + x * x // 7) % 11 * 20 for x in range(24)) for y in range(16))
    assert zlib.decompress(packed) == lines
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 24, 16, 8, 0, 0, 0, 0)),
        (b"iCCP", b"icc\0\0" + zlib.compress(profile(SRGB))),
        (b"IDAT", packed),
        (b"IEND", b""),
    ]
    return png(parts)


def photo_jpeg(height: int, width: int, **choices: int) -> bytes:
    """A photo as a JPEG file of libjpeg; as with FLAC, our own encoder would prove nothing."""
    file = io.BytesIO()
    Image.fromarray(pixels(height, width, 8).astype(np.uint8)).save(file, "JPEG", quality=90, **choices)
    return file.getvalue()


def jpeg_born(height: int, width: int) -> bytes:
    """The PNM of what libjpeg makes of a JPEG file."""
    shown = np.asarray(Image.open(io.BytesIO(photo_jpeg(height, width, subsampling=2))))
    return b"P6 %d %d 255\n" % (width, height) + shown.tobytes()


def stretched(height: int, width: int) -> bytes:
    """A grey PNM whose values leave gaps: [height, width]."""
    samples = np.clip(pixels(height, width, 8)[..., 0] * 13 // 8, 0, 255)
    return b"P5 %d %d 255\n" % (width, height) + samples.astype(np.uint8).tobytes()


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
    return _wave(bytes(data), channels, width)


def _wave(data: bytes, channels: int, width: int) -> bytes:
    """A WAVE file of interleaved samples."""
    form = struct.pack("<HHIIHH", 1, channels, 8000, 8000 * channels * width, channels * width, 8 * width)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def loop_wav(frames: int, times: int) -> bytes:
    """A bar of `wav` in stereo several times, to the last bit."""
    return _wave(wav(frames, 2, 2)[44:] * times, 2, 2)


def levels(frames: int) -> npt.NDArray[np.int16]:
    """The samples [T, 2] of `wav`."""
    return np.frombuffer(wav(frames, 2, 2)[44:], "<i2").reshape(-1, 2)


def flac(frames: int) -> bytes:
    """The same as a FLAC file; the one sample that a library writes, since ours would prove nothing."""
    file = io.BytesIO()
    soundfile.write(file, levels(frames), 8000, format="FLAC", compression_level=0.8)
    return file.getvalue()


def float_wav(frames: int, kind: str, gain: float) -> bytes:
    """The same as float samples; with a gain of 0 they are no multiples of anything."""
    plain = levels(frames).astype(np.float64).reshape(-1)
    values = plain * gain if gain else plain / 32768 + 1 / (3 + np.arange(len(plain)))
    width = int(kind[2])
    form = struct.pack("<HHIIHH", 3, 2, 8000, 16000 * width, 2 * width, 8 * width)
    data = values.astype(kind).tobytes()
    return b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<I", 16) + form + b"data\xff\xff\xff\xff" + data


def zero_bits_wav(frames: int) -> bytes:
    """The same with low bits that are zero, more of them in every stretch of 256 frames."""
    zeros = np.arange(frames)[:, None] // 256 % 6
    return wav(frames, 2, 2)[:44] + (levels(frames) >> zeros << zeros).astype("<i2").tobytes()


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
