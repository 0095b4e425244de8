"""`neuralzip train jpeg`: let the model of DCT coefficients learn from pictures, and ship where it best starts."""

import functools
import io
from pathlib import Path

import click
import numpy as np
from PIL import Image

from neuralzip.codecs import jpeg_coefficients
from neuralzip.codecs.jpeg_coefficients import PRIOR, PRIOR_ID
from neuralzip.experts.jpeg_prior import JpegPrior, move, new_jpeg_prior, pack
from neuralzip.media import jpeg
from neuralzip.media.jpeg.coefficients import Coefficients
from neuralzip.train.starts import drawn, learn_in_rounds, ship

_SIDES = (128, 192, 256, 384, 512)
_QUALITIES = (50, 97)
_SUBSAMPLINGS = ((0, 0.25), (1, 0.1), (2, 0.65))
"""Pillow's numbers of 4:4:4, 4:2:2 and 4:2:0, and the share of each."""
_GREY = 0.1

_CARD = """# {id}

Where the model of JPEG files' DCT coefficients starts: mixing weights, history maps and probability maps,
integers, learnt by `neuralzip train jpeg` from {count} crops of photos of {least} to {most} pixels a side, coded
with qualities {low} to {high}, in {rounds} rounds. Bytes of the crops in the first round {first}, in the last
{last}.

Data: photos under CC BY-SA and free licences. No picture can be recovered from it.
"""


def pictures(folder: Path, seed: int, count: int) -> list[Coefficients]:
    """Return the coefficients of crops of the pictures of a folder, all used alike, as libjpeg codes them."""
    rng = np.random.default_rng(seed)
    made = []
    for path in drawn(folder, count, rng):
        with Image.open(path) as image:
            picture = image.convert("L" if rng.random() < _GREY else "RGB")
        side = int(rng.choice(_SIDES))
        left, top = (int(rng.integers(max(0, length - side) + 1)) for length in picture.size)
        picture = picture.crop((left, top, min(left + side, picture.width), min(top + side, picture.height)))
        numbers, shares = zip(*_SUBSAMPLINGS, strict=True)
        quality, subsampling = int(rng.integers(*_QUALITIES)), int(rng.choice(numbers, p=shares))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, subsampling=subsampling)
        made.append(jpeg.parse(file.getvalue(), picture.width * picture.height)[1])
    return made


def learn(prior: JpegPrior, given: Coefficients, share: float) -> float:
    """Code a picture, move the start towards what it taught; return its bits."""
    model, _, nll_bits = jpeg_coefficients.code(given, prior)
    move(prior, model, share)
    return nll_bits


def train(given: list[Coefficients], rounds: int, seed: int) -> tuple[JpegPrior, list[float]]:
    """Return (the start, bytes of each round)."""
    prior = new_jpeg_prior()
    return prior, learn_in_rounds(given, functools.partial(learn, prior), lambda: None, rounds, seed)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--models", type=click.Path(path_type=Path), default=Path("models"), help="Folder to write to.")
@click.option("--crops", "count", default=400, help="Crops to learn from.")
@click.option("--rounds", default=3, help="Rounds over all crops.")
@click.option("--seed", default=1, help="Seed of the crops and their order.")
def command(folder: Path, models: Path, count: int, rounds: int, seed: int) -> None:
    """Learn from the lossless pictures in FOLDER, made JPEG files."""
    given = pictures(folder, seed, count)
    prior, sizes = train(given, rounds, seed)
    card = _CARD.format(
        id=PRIOR_ID, count=count, least=min(_SIDES), most=max(_SIDES), low=_QUALITIES[0], high=_QUALITIES[1] - 1,
        rounds=rounds, first=round(sizes[0]), last=round(sizes[-1]),
    )  # fmt: skip
    settings = f'task = "jpeg"\ncrops = {count}\nrounds = {rounds}\nseed = {seed}\n'
    ship(models, pack(prior), (PRIOR_ID, PRIOR), card, settings)
