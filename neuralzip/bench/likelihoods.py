"""Code lengths under the nets alone, as they were trained (float) and as they are shipped (integer).

The difference is what quantisation costs. The float weights are those of the resume checkpoint beside the integer
ones; where a net is shipped without, or a file is not one that it sees as a whole, there is no figure. Where
experts are mixed in, the coded bits lie below both.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from neuralzip import zoo
from neuralzip.bench.recordings import of_recording
from neuralzip.codecs.base import Block
from neuralzip.codecs.image import parser
from neuralzip.container.fields import FieldReader
from neuralzip.errors import UnsupportedError
from neuralzip.media import png
from neuralzip.nets import char_rnn, char_rnn_view, pixel_front, pixelcnn, wavenet
from neuralzip.nets.char_rnn_guide import Guide
from neuralzip.nets.idf import Idf
from neuralzip.nets.parallel_pixelcnn import ParallelPixelCnn
from neuralzip.nets.pixel_sight import Planes, look
from neuralzip.nets.realnvp import RealNvp
from neuralzip.train import checkpoints, parallel
from neuralzip.train.idf import GroupModel, picture_bits

RESUME_FILE = "resume.safetensors"
NETS: Mapping[str, tuple[str, Callable[..., nn.Module]]] = {
    "fast": ("image-fast", pixelcnn.PixelCNN),
    "idf": ("image-idf", Idf),
    "parallel": ("image-parallel", ParallelPixelCnn),
    "flow": ("image-flow", RealNvp),
}
"""Choices of --model that code a picture by a net alone: its id and its class."""
_ROWS, _MARGIN = 64, 16
"""Rows that are evaluated at once, and rows above them that their taps may reach."""
_STEPS = 4096
_LINE_FEED = b"\n"

Symbols = npt.NDArray[np.uint8]


def of_file(data: bytes, preset: str | None, blocks: Sequence[Block]) -> Mapping[str, float]:
    """Return bits by "float" and "integer", as far as they can be told.

    Args:
        data: the file.
        preset: the user's --model.
        blocks: what the file was compressed to.
    """
    if preset is not None and preset in NETS and all(block.codec in ("image", preset) for block in blocks):
        float_bits, coded = of_picture(data, preset), [block.nll_bits for block in blocks]
        if float_bits is not None and len(coded) == 1 and coded[0] is not None:
            # The integer net's output is the frequency table itself, so its code length is that of the table.
            return {"float": float_bits, "integer": coded[0]}
    if len(blocks) == 1 and blocks[0].codec == "bytes":
        return of_bytes(data, blocks[0])
    if blocks and blocks[0].codec == "audio" and (model := _models(blocks[0])):
        shape = model[0][1].meta.get("config", {})
        return of_recording(data, blocks, trained(model[0][0], lambda: wavenet.WaveNet(**shape)))
    return {}


def trained(model_id: str, build: Callable[[], nn.Module]) -> nn.Module | None:
    """Return the float net of a model, None where its checkpoint is not there."""
    weights: Path | None = dict(zoo.model_files()).get(model_id)
    if weights is None or not weights.with_name(RESUME_FILE).exists():
        return None
    net = build()
    checkpoints.load(weights.with_name(RESUME_FILE), net)
    return net.float().eval()


def of_picture(data: bytes, preset: str) -> float | None:
    """Return the bits of the one 8-bit RGB picture in a file under a float net, None for anything else."""
    try:
        pictures = parser(png.is_png(data)).parse(data).pictures
    except UnsupportedError:
        return None
    if len(pictures) != 1 or pictures[0].kind != "rgb" or pictures[0].depth != 8:
        return None
    net = trained(*NETS[preset])
    planes = np.ascontiguousarray(pictures[0].pixels.transpose(2, 0, 1)[[1, 0, 2]])
    if net is None:
        return None
    if isinstance(net, pixelcnn.PixelCNN):
        return _wavefront_bits(net, planes)
    if isinstance(net, ParallelPixelCnn):
        return parallel.picture_bits(net, planes)
    return picture_bits(cast(GroupModel, net), planes)


@torch.no_grad()
def _wavefront_bits(net: pixelcnn.PixelCNN, planes: Planes) -> float:
    """Return the bits of planes [3, H, W]; stripe by stripe, since the float activations take much memory."""
    sight = look(planes, pixel_front.make_tables())
    total = 0.0
    for first in range(0, planes.shape[1], _ROWS):
        top = max(0, first - _MARGIN)
        parts = [torch.from_numpy(part[None, top : first + _ROWS]) for part in sight]
        total += float(net.bits(net(parts[0]), *parts[1:])[:, first - top :].double().sum())
    return total


def of_bytes(data: bytes, block: Block) -> Mapping[str, float]:
    """Return the bits of a block's bytes under its char-RNN; nothing for a block of experts alone."""
    net_model = next((model for name, model in _models(block) if name.startswith("text-")), None)
    if net_model is None:
        return {}
    kind, count = block.params[2], FieldReader(block.params, place=3).number()
    lanes = [data[i * len(data) // count : (i + 1) * len(data) // count] for i in range(count)]
    bits = {"integer": sum(_integer_bits(net_model, kind, lane) for lane in lanes if lane)}
    shape = char_rnn.Shape(**{**net_model.meta["shape"], "hash_rows": tuple(net_model.meta["shape"]["hash_rows"])})
    net = trained(net_model.id, lambda: char_rnn.CharRNN(shape))
    if isinstance(net, char_rnn.CharRNN):
        bits["float"] = sum(_float_bits(net, kind, lane) for lane in lanes if lane)
    return bits


def _models(block: Block) -> list[tuple[str, zoo.Model]]:
    found = [zoo.load_identity(identity) for identity in block.models]
    return [(model.id, model) for model in found]


def _bits(logits: torch.Tensor, chosen: Symbols) -> float:
    """Return the bits of symbols [T] under logits [T, 256] in nats."""
    target = torch.from_numpy(chosen.astype(np.int64))
    return float(nn.functional.cross_entropy(logits.double(), target, reduction="sum")) / float(np.log(2))


def _integer_bits(model: zoo.Model, kind: int, lane: bytes) -> float:
    guide, symbols, total = Guide(model, 1, kind, "cpu"), np.frombuffer(lane, np.uint8), 0.0
    for first in range(0, len(symbols), _STEPS):
        chosen = symbols[first : first + _STEPS]
        logits = torch.from_numpy(guide.foresee(chosen[None].copy())[0])
        total += _bits(logits.double() * 2.0 ** -model.meta["logit_bits"], chosen)
    return total


@torch.no_grad()
def _float_bits(net: char_rnn.CharRNN, kind: int, lane: bytes) -> float:
    symbols, total = np.frombuffer(_LINE_FEED + lane, np.uint8), 0.0
    states, history = net.start(torch.tensor([kind])), np.zeros((1, 2), np.uint32)
    for first in range(0, len(lane), _STEPS):
        seen, chosen = symbols[first : first + _STEPS][: len(lane) - first], symbols[first + 1 :][:_STEPS]
        rows = np.empty((1, len(seen), 5), np.int64)
        char_rnn_view.context_rows(seen[None].copy(), history, np.array(net.shape.hash_rows, np.int64), rows)
        logits, states = net(torch.from_numpy(rows), states)
        total += _bits(logits[0], chosen)
    return total
