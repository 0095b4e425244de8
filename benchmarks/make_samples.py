"""Render the photo and the recording in benchmarks/samples, from nothing but arithmetic.

`python benchmarks/make_samples.py` writes scene.png (a ray-traced still life with surface texture, depth of field
and sensor noise) and quartet.wav (four plucked and bowed voices in a small room). Both are our own work.
"""

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

SAMPLES = Path(__file__).parent / "samples"
HEIGHT, WIDTH, RAYS = 192, 256, 12
RATE, SECONDS = 44100, 4
Array = npt.NDArray[np.float64]

# centre x, y, z, radius; red, green, blue, shininess
SPHERES = np.array(
    [
        [-1.1, 0.7, 5.2, 0.7, 0.75, 0.22, 0.16, 0.5],
        [0.5, 0.5, 4.3, 0.5, 0.85, 0.62, 0.18, 0.3],
        [1.5, 0.9, 6.0, 0.9, 0.25, 0.42, 0.26, 0.6],
        [-0.2, 0.3, 3.5, 0.3, 0.35, 0.30, 0.55, 0.8],
    ]
)
LIGHT = np.array([-0.55, 0.75, -0.36])


def noise(points: Array, seed: int) -> Array:
    """Smooth noise in [-1, 1] at points [N, 3]: five octaves of value noise."""
    total = np.zeros(len(points))
    table = np.random.default_rng(seed).uniform(-1, 1, 4096)
    for octave in range(5):
        scaled = points * 2.0**octave * 1.7
        cell = np.floor(scaled).astype(np.int64)
        part = scaled - cell
        weight = part * part * (3 - 2 * part)
        value = np.zeros(len(points))
        for corner in np.ndindex(2, 2, 2):
            share = np.prod(np.where(np.array(corner) == 1, weight, 1 - weight), axis=1)
            at = (cell + np.array(corner)) @ np.array([1, 57, 1931])
            value += share * table[at % 4096]
        total += value * 0.55**octave
    return total


def hit(origin: Array, ray: Array) -> tuple[Array, npt.NDArray[np.int64]]:
    """Distance along each ray [N, 3] to the nearest thing, and its number: a sphere, 4 the table, -1 the wall."""
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(ray[:, 1] < 0, -origin[:, 1] / ray[:, 1], np.inf)
    thing = np.where(distance < 12, 4, -1)
    distance = np.where(distance < 12, distance, np.inf)
    for number, sphere in enumerate(SPHERES):
        offset = origin - sphere[:3]
        half = np.sum(offset * ray, axis=1)
        root = half * half - np.sum(offset * offset, axis=1) + sphere[3] ** 2
        near = -half - np.sqrt(np.maximum(root, 0))
        seen = (root > 0) & (near > 1e-4) & (near < distance)
        distance, thing = np.where(seen, near, distance), np.where(seen, number, thing)
    return distance, thing


def shade(origin: Array, ray: Array) -> Array:
    """Colours [N, 3] that come back along rays."""
    distance, thing = hit(origin, ray)
    away = np.where(np.isfinite(distance), distance, 12.0)
    point = origin + ray * away[:, None]
    wall = np.array([0.52, 0.55, 0.58]) * (0.8 + 0.03 * point[:, 1] + 0.05 * noise(point * 0.6, 1))[:, None]
    grain = noise(point * np.array([6.0, 1.0, 0.7]), 2)[:, None]
    wood = np.array([0.46, 0.31, 0.2]) * (1 + 0.25 * grain + 0.1 * np.sin(9 * point[:, :1] + 3 * grain))
    colour = np.where((thing == 4)[:, None], wood, wall)
    normal = np.where((thing == 4)[:, None], np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, -1.0]))
    shine = np.zeros(len(ray))
    for number, sphere in enumerate(SPHERES):
        mine = thing == number
        skin = 1 + 0.22 * noise(point[mine] * 5 + number, 3 + number)
        colour[mine] = sphere[4:7] * skin[:, None]
        normal[mine] = (point[mine] - sphere[:3]) / sphere[3] + 0.04 * noise(point[mine] * 20, 9)[:, None]
        shine[mine] = sphere[7]
    light = LIGHT / np.linalg.norm(LIGHT)
    blocked = np.isfinite(hit(point + 1e-3 * normal, np.broadcast_to(light, point.shape))[0]) & (thing >= 0)
    facing = np.clip(normal @ light, 0, 1) * np.where(blocked, 0.1, 1.0)
    mirrored = ray - 2 * np.sum(ray * normal, axis=1)[:, None] * normal
    glance = np.clip(mirrored @ light, 0, 1) ** 24 * shine * ~blocked
    return colour * (0.25 + 0.85 * facing)[:, None] + glance[:, None]


def photo() -> npt.NDArray[np.uint8]:
    """The scene as a camera sees it: [H, W, 3]."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[:HEIGHT, :WIDTH].reshape(2, -1).astype(np.float64)
    image = np.zeros((HEIGHT * WIDTH, 3))
    for _ in range(RAYS):
        jitter_x, jitter_y = random.uniform(-0.5, 0.5, (2, HEIGHT * WIDTH))
        focus = np.stack([(x + jitter_x - WIDTH / 2) / 46, 1.1 - (y + jitter_y - HEIGHT / 2) / 46, 0 * x], 1)
        focus += np.array([0, 0.1, 5.0])
        lens = np.stack([*random.normal(0, 0.03, (2, HEIGHT * WIDTH)), 0 * x], 1) + np.array([0, 1.6, -1.0])
        ray = focus - lens
        image += shade(lens, ray / np.linalg.norm(ray, axis=1)[:, None]) / RAYS
    image = image.reshape(HEIGHT, WIDTH, 3)
    image += random.normal(0, 1, image.shape) * (0.001 + 0.005 * np.sqrt(np.clip(image, 0, 1)))
    return np.clip(255 * np.clip(image, 0, 1) ** (1 / 1.9) + 0.5, 0, 255).astype(np.uint8)


def pluck(frequency: float, length: int, random: np.random.Generator) -> Array:
    """A plucked string (Karplus and Strong 1983): a burst of noise in a damped loop."""
    period = round(RATE / frequency)
    out = np.zeros(length)
    out[:period] = random.uniform(-1, 1, period)
    for start in range(period, length, period):
        now = out[start - period : start]
        before = np.r_[out[start - period - 1] if start > period else 0.0, now[:-1]]
        piece = 0.497 * (now + before)
        out[start : start + period] = piece[: length - start]
    return out


def bow(frequency: float, length: int) -> Array:
    """A bowed string: harmonics with vibrato and a slow attack."""
    t = np.arange(length) / RATE
    phase = 2 * np.pi * frequency * (t + 0.0006 * np.sin(2 * np.pi * 5.2 * t) / 5.2)
    tone = sum(np.sin(k * phase + k) / k**1.4 for k in range(1, 12))
    return np.asarray(tone) * np.minimum(t / 0.15, 1) * np.minimum((t[-1] - t) / 0.2, 1)


def recording() -> npt.NDArray[np.int16]:
    """Four voices in a room: [T, 2]."""
    random = np.random.default_rng(11)
    total = RATE * SECONDS
    dry = np.zeros((total, 2))
    beat = RATE // 4
    for step, degree in enumerate([0, 7, 12, 16, 19, 16, 12, 7, 5, 9, 12, 17, 7, 11, 14, 12]):
        start, pan = step * beat, 0.3 + 0.4 * (step % 3) / 2
        note = pluck(196 * 2 ** (degree / 12), min(3 * beat, total - start), random)
        dry[start : start + len(note)] += 0.5 * note[:, None] * np.array([1 - pan, pan])
    chords = [(0, -12, 0.6), (8, -7, 0.6), (12, -5, 0.6), (0, 4, 0.25), (8, 5, 0.25), (12, 2, 0.25)]
    for start, degree, pan in chords:
        note = bow(196 * 2 ** (degree / 12), (8 if start == 0 else 4) * beat)
        dry[start * beat : start * beat + len(note)] += 0.09 * note[:, None] * np.array([1 - pan, pan])
    wet = dry.copy()
    for delay, gain in [(1103, 0.32), (1787, 0.26), (2617, 0.2), (3559, 0.15), (5077, 0.1)]:
        wet[delay:] += gain * dry[:-delay, ::-1]
    wet += random.normal(0, 0.0006, wet.shape)
    return np.round(wet / np.abs(wet).max() * 26000).astype(np.int16)


def main() -> None:
    SAMPLES.mkdir(exist_ok=True)
    Image.fromarray(photo()).save(SAMPLES / "scene.png", optimize=True)
    with wave.open(str(SAMPLES / "quartet.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(recording().astype("<i2").tobytes())


if __name__ == "__main__":
    main()
