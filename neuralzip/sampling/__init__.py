"""Samples drawn from trained models: what a model believes a picture, a sound or a text to be.

A maker is a module here with a function `make`, for one kind of sample. Which one draws from a model is told by
the model's architecture, so that listing them imports no torch.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from neuralzip import zoo
from neuralzip.errors import UsageError

Report = Callable[[int, int], None]

ENDINGS = {"sound": "wav", "picture": "png", "text": "txt"}
"""Kind of sample -> ending of its file; a kind is also the name of its maker's module."""
_KINDS = {
    "maf": "sound",
    "iaf": "sound",
    "parallel": "picture",
    "pixelcnn": "picture",
    "idf": "picture",
    "realnvp": "picture",
    "char-rnn-1": "text",
}
"""Architecture -> kind."""


@dataclass(frozen=True, slots=True)
class Request:
    """How large a sample is to be, and which one.

    Attributes:
        seed: equal seeds give equal samples.
        seconds: length of a sound.
        size: width and height of a picture.
        length: bytes of a text.
        report: called with (bytes done, bytes in total) now and then.
    """

    seed: int = 0
    seconds: float = 2.0
    size: tuple[int, int] = (256, 256)
    length: int = 1000
    report: Report | None = None


def kind_of(model: zoo.Model) -> str:
    """Return the kind of a model's samples.

    Raises:
        UsageError: it has none.
    """
    architecture = str(model.meta.get("architecture"))
    if architecture not in _KINDS:
        raise UsageError(f"model '{model.id}' draws no samples; these do: {', '.join(models()) or 'none'}")
    return _KINDS[architecture]


def models() -> list[str]:
    """Return the ids of the installed models that samples can be drawn from."""
    ids = (name for name, _ in zoo.model_files())
    return [name for name in ids if zoo.load(name).meta.get("architecture") in _KINDS]


def draw(model: zoo.Model, request: Request) -> bytes:
    """Return the file of a sample.

    Raises:
        UsageError: the model has no samples.
        ModelError: its weights are damaged.
    """
    maker = importlib.import_module(f"{__name__}.{kind_of(model)}")
    data: bytes = maker.make(model, request)
    return data
