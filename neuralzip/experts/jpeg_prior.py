"""Where the model of DCT coefficients starts: what carries over from picture to picture, whatever its quality.

R rows of weights, N inputs.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from neuralzip.experts.jpeg_state import JpegModel, new_model
from neuralzip.experts.mixer import falling
from neuralzip.experts.starts import (
    Array,
    between,
    check_arrays,
    entries_between,
    from_bytes,
    in_bytes,
    lengthened,
    loaded_maps,
    shortened,
)

_RATES = ((0.0024, 2), (0.002, 0))
"""Rate and haste of each layer of the mixer: less haste than from nothing."""
_MOST_SEEN = 100


class JpegPrior(NamedTuple):
    """A start.

    Attributes:
        weights: [R, N] int32, of the sets of the mixer one after another.
        final: [F, S] int32, the same of its second layer.
        histories: [PLACES, CONTEXTS, MAP_STATES] uint32 entries of counters.map_p.
        refined: [.., KNOTS] int32 probability maps.
    """

    weights: Array
    final: Array
    histories: Array
    refined: Array


def _views(model: JpegModel) -> JpegPrior:
    """Return what a model has: the memory itself."""
    return JpegPrior(model.mixer.weights, model.mixer.final, model.maps, model.refined)


def new_jpeg_prior() -> JpegPrior:
    """Return the start that knows nothing."""
    return _views(new_model(1))


def begin(prior: JpegPrior, model: JpegModel) -> None:
    """Let a model that is new start from here."""
    for array, view in zip(prior, _views(model), strict=True):
        view[...] = array
    for layer, chosen in enumerate(_RATES):
        model.mixer.rates[layer] = falling(*chosen)


def move(prior: JpegPrior, model: JpegModel, share: float) -> None:
    """Move a start by a share of the way to what a picture has taught."""
    for array, view in zip(prior, _views(model), strict=True):
        if array.dtype == np.uint32:
            array[...] = entries_between(array, view, share, _MOST_SEEN)
        else:
            array[...] = between(array, view, share)


def pack(prior: JpegPrior) -> dict[str, Array]:
    """Return the arrays of a weights file."""
    weights, steps = in_bytes(prior.weights)
    return {
        "weights": weights,
        "weights_steps": steps,
        "final": shortened(prior.final),
        "histories": prior.histories,
        "refined": prior.refined.astype(np.uint16),
    }


def unpack(arrays: Mapping[str, Array]) -> JpegPrior:
    """Return what `pack` packed.

    Raises:
        ModelError: arrays are missing or of another shape.
    """
    check_arrays(arrays, pack(new_jpeg_prior()), "weights of coefficients")
    return JpegPrior(
        weights=from_bytes(arrays["weights"], arrays["weights_steps"]),
        final=lengthened(arrays["final"]),
        histories=arrays["histories"],
        refined=loaded_maps(arrays["refined"]),
    )
