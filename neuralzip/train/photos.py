"""`neuralzip train photos`: let the mixing model of photos learn from pictures, and ship where it best starts."""

import functools
from pathlib import Path

import click
import numpy as np

from neuralzip import zoo
from neuralzip.codecs.image_joint import code_joint
from neuralzip.codecs.image_planes import Samples
from neuralzip.codecs.image_stacks import NET_ID, PHOTOS, PHOTOS_ID
from neuralzip.experts import bits
from neuralzip.experts.image_photo_prior import PhotoPrior, fill, move, new_photo_prior, pack
from neuralzip.nets.pixelcnn_exact import IntPixelCNN
from neuralzip.train.image import read_planes
from neuralzip.train.starts import drawn, learn_in_rounds, ship

_SIDES = (96, 128, 192, 256, 384)
_GREY = 0.2
_COLOUR = (0.587, 0.299, 0.114)
"""Weights of G, R and B in a grey picture."""

_CARD = """# {id}

Where the mixing model of photos starts beside the net: mixing weights and probability maps, integers, learnt by
`neuralzip train photos` from {count} crops of {least} to {most} pixels a side, a fifth of them grey, in {rounds}
rounds. Bytes of the crops in the first round {first}, in the last {last}.

Data: photos under CC BY-SA and free licences. No picture can be recovered from it.
"""


def crops(folder: Path, seed: int, count: int) -> list[Samples]:
    """Return crops [3, S, S], as G, R, B, or grey ones [1, S, S], of the photos of a folder, all used alike."""
    rng = np.random.default_rng(seed)
    cut = []
    for path in drawn(folder, count, rng):
        planes = read_planes(path).astype(np.int32)
        side = int(min(rng.choice(_SIDES), *planes.shape[1:]))
        y, x = (rng.integers(length - side + 1) for length in planes.shape[1:])
        planes = planes[:, y : y + side, x : x + side]
        if rng.random() < _GREY:
            planes = np.rint(np.tensordot(_COLOUR, planes, 1)).astype(np.int32)[None]
        cut.append(np.ascontiguousarray(planes))
    return cut


def learn(net: IntPixelCNN, prior: PhotoPrior, samples: Samples, share: float) -> float:
    """Code a picture, move the start towards what it taught; return its bits."""
    limits = [(int(plane.min()), int(plane.max())) for plane in samples]
    coders = code_joint(net, samples, limits, prior=prior)
    move(prior, coders[0].state, share)
    return sum(bits.logged_bits(each.coder) for each in coders)


def train(net: IntPixelCNN, given: list[Samples], rounds: int, seed: int) -> tuple[PhotoPrior, list[float]]:
    """Return (the start, bytes of each round)."""
    prior = new_photo_prior()
    taught = functools.partial(learn, net, prior)
    return prior, learn_in_rounds(given, taught, lambda: fill(prior), rounds, seed)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--models", type=click.Path(path_type=Path), default=Path("models"), help="Folder to write to.")
@click.option("--crops", "count", default=266, help="Crops to learn from.")
@click.option("--rounds", default=2, help="Rounds over all crops.")
@click.option("--seed", default=1, help="Seed of the crops and their order.")
def command(folder: Path, models: Path, count: int, rounds: int, seed: int) -> None:
    """Learn from the pictures in FOLDER, beside the net that is installed."""
    given = crops(folder, seed, count)
    prior, sizes = train(IntPixelCNN(zoo.load(NET_ID)), given, rounds, seed)
    card = _CARD.format(
        id=PHOTOS_ID, count=len(given), least=min(_SIDES), most=max(_SIDES), rounds=rounds,
        first=round(sizes[0]), last=round(sizes[-1]),
    )  # fmt: skip
    settings = f'task = "photos"\ncrops = {count}\nrounds = {rounds}\nseed = {seed}\n'
    ship(models, pack(prior), (PHOTOS_ID, PHOTOS), card, settings)
