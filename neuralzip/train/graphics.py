"""`neuralzip train graphics`: let the graphics model learn from pictures, and ship where it best starts."""

import functools
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from neuralzip.codecs.image import parser, plane_order
from neuralzip.codecs.image_graphics import MOST_PLANES, SURELY_PHOTO, code, colours_of, repeat_share, start
from neuralzip.codecs.image_planes import Planes
from neuralzip.codecs.image_stacks import GRAPHICS, GRAPHICS_ID
from neuralzip.errors import NeuralzipError
from neuralzip.experts import bits
from neuralzip.experts.image_prior import Prior, fill, move, new_prior, pack
from neuralzip.train.starts import learn_in_rounds, ship

LEAST_SAMPLES = 1 << 12
_MOST_SEEN = 100

_CARD = """# {id}

Where the graphics model of the image codec starts: mixing weights, probability maps, the trust in cues and what
histories mean, integers, learnt by `neuralzip train graphics` from {count} pictures (screenshots, charts, sprites,
icons) in {rounds} rounds. Bytes of the pictures in the first round {first}, in the last {last}.

Data: GPL, GFDL and public-domain packages, and own renderings. No picture can be recovered from it.
"""


def pictures(folder: Path) -> Iterator[Planes]:
    """Yield the planes [P, H, W] of the PNG files below a folder that are graphics, and not tiny."""
    for path in sorted(folder.rglob("*.png")):
        try:
            picture = parser(True).parse(path.read_bytes()).pictures[0]
        except NeuralzipError as error:
            click.echo(f"{path.name}: left out: {error}", err=True)
            continue
        channels = picture.pixels.shape[2]
        planes = np.ascontiguousarray(picture.pixels.transpose(2, 0, 1)[plane_order(channels)]).astype(np.uint16)
        if planes.size >= LEAST_SAMPLES and channels <= MOST_PLANES and repeat_share(planes) > SURELY_PHOTO:
            yield planes


def learn(prior: Prior, planes: Planes, share: float) -> float:
    """Code a picture, move the start towards what it taught; return its bits."""
    limits = [(int(plane.min()), int(plane.max())) for plane in planes]
    model = start(len(planes), planes.shape[1], planes.shape[2], limits, prior)
    coder = code(colours_of(planes), model, bits.encoder(1 << 16), None)
    move(prior, *model, share, _MOST_SEEN)
    return bits.logged_bits(coder)


def train(given: list[Planes], rounds: int, seed: int) -> tuple[Prior, list[float]]:
    """Return (the start, bytes of each round)."""
    prior = new_prior()
    sizes = learn_in_rounds(given, functools.partial(learn, prior), lambda: fill(prior), rounds, seed)
    return prior, sizes


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--models", type=click.Path(path_type=Path), default=Path("models"), help="Folder to write to.")
@click.option("--rounds", default=3, help="Rounds over all pictures.")
@click.option("--seed", default=1, help="Seed of their order.")
def command(folder: Path, models: Path, rounds: int, seed: int) -> None:
    """Learn from the PNG files below FOLDER."""
    given = list(pictures(folder))
    if not given:
        raise click.ClickException(f"{folder}: no graphics in PNG files")
    prior, sizes = train(given, rounds, seed)
    card = _CARD.format(
        id=GRAPHICS_ID, count=len(given), rounds=rounds, first=round(sizes[0]), last=round(sizes[-1])
    )
    settings = f'task = "graphics"\nrounds = {rounds}\nseed = {seed}\n'
    ship(models, pack(prior), (GRAPHICS_ID, GRAPHICS), card, settings)
