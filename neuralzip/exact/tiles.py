"""Products inside compiled loops: weights in tiles times a few vectors at once, at the speed of the wide kernels.

    acc[n, m] = sum over k of x[n, k] * weight[m, k]        x in [0, 255], weight in [-64, 63]

A tile holds 64 outputs by 4 inputs, the four weights of an output side by side: what one instruction of VNNI
multiplies and adds up. Where the processor has it, the intrinsic below calls it; elsewhere the same sums are
written as plain vector arithmetic. Both are exact by definition: no step saturates, sums wrap in int32 and fit.
Signed activations a enter as a + 128, that is with their highest bit flipped, which `bias` takes back.

On one core with AVX512-VNNI: some 130 billion multiply-adds a second for one vector, 270 for two, 500 for many,
where a dot product row by row has 46 and torch's int8 product 60 to 390 (`benchmarks/kernels.py`).

N vectors, K inputs, M outputs, G groups of 64 outputs.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from neuralzip.exact.compiled import entry, inner

OUTPUTS = 64
"""Outputs of a tile."""
INPUTS = 4
"""Inputs of a tile."""
ZERO = np.uint8(128)
"""How an activation of 0 enters."""
_VECTORS = OUTPUTS // 16

_INT8, _INT16, _INT32, _INT64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_SUMS = ir.VectorType(_INT32, 16)


def tiled(weight: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Return weights [M, K] in tiles [G, ceil(K / 4), 256], padded with zeros."""
    m, k = weight.shape
    padded = np.pad(weight, ((0, -m % OUTPUTS), (0, -k % INPUTS)))
    tiles = padded.reshape(-1, OUTPUTS, padded.shape[1] // INPUTS, INPUTS).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(tiles).reshape(len(tiles), -1, OUTPUTS * INPUTS)


def bias(weight: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    """Return [M], what has to be added to the sums of weights [M, K] when activations a entered as a + 128."""
    return (-128 * weight.astype(np.int64).sum(axis=-1)).astype(np.int32)


class _Lowering:
    """Writes one product of tiles into the function that is being compiled."""

    def __init__(self, context: Any, builder: Any) -> None:
        self.builder = builder
        self.features = context.codegen().magic_tuple()[2]

    def vector(self, data: Any, place: Any, kind: Any) -> Any:
        """Return the pointer to a vector of a type that begins at a place of an array."""
        return self.builder.bitcast(self.builder.gep(data, [place]), kind.as_pointer())

    def load(self, data: Any, place: Any, kind: Any) -> Any:
        """Load a vector or a number from any address."""
        value = self.builder.load(self.vector(data, place, kind))
        value.align = 1
        return value

    def spread(self, number: Any) -> Any:
        """Return a vector that holds one number everywhere."""
        nothing = ir.Constant(_SUMS, ir.Undefined)
        first = self.builder.insert_element(nothing, number, _INT32(0))
        return self.builder.shuffle_vector(first, nothing, ir.Constant(_SUMS, [0] * 16))

    def pick(self, value: Any, indices: range) -> Any:
        """Return the elements of a vector at some places."""
        chosen = ir.Constant(ir.VectorType(_INT32, len(indices)), list(indices))
        return self.builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), chosen)

    def add_products(self, sums: Any, x: Any, w: Any) -> Any:
        """Return the 16 sums plus the products of four bytes each: x unsigned, w signed."""
        if "+avx512vnni" in self.features:
            return self._call("llvm.x86.avx512.vpdpbusd.512", sums, x, w)
        if "+avxvnni" in self.features:
            halves = [[self.pick(v, range(at, at + 8)) for v in (sums, x, w)] for at in (0, 8)]
            low, high = (self._call("llvm.x86.avx512.vpdpbusd.256", *half) for half in halves)
            return self.builder.shuffle_vector(low, high, ir.Constant(_SUMS, list(range(16))))
        return self._add_plainly(sums, x, w)

    def _call(self, name: str, *vectors: Any) -> Any:
        kind = vectors[0].type
        function = cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(kind, [kind] * 3), name)
        return self.builder.call(function, vectors)

    def _add_plainly(self, sums: Any, x: Any, w: Any) -> Any:
        b, bytes64, words64 = self.builder, ir.VectorType(_INT8, 64), ir.VectorType(_INT16, 64)
        x, w = b.zext(b.bitcast(x, bytes64), words64), b.sext(b.bitcast(w, bytes64), words64)
        wide = ir.VectorType(_INT32, 32)
        odd_even = [b.mul(*(b.sext(self.pick(v, range(first, 64, 2)), wide) for v in (x, w))) for first in (0, 1)]
        pairs = b.add(*odd_even)
        return b.add(sums, b.add(self.pick(pairs, range(0, 32, 2)), self.pick(pairs, range(1, 32, 2))))


def _tile_product(vectors: int) -> Any:
    """Return the intrinsic for so many input vectors at once."""

    @intrinsic
    def product(
        typing_context: Any, weight: Any, at: Any, x: Any, x_at: Any, x_step: Any, acc: Any, acc_at: Any,
        acc_step: Any, steps: Any,
    ) -> Any:  # fmt: skip
        """Set 64 sums of each vector; places count elements, steps is K / 4."""
        return _SIGNATURE, lambda *call: _generate(vectors, *call)

    return product


_SIGNATURE = types.void(
    *(types.int8[::1], types.int64),
    *(types.uint8[::1], types.int64, types.int64),
    *(types.int32[::1], types.int64, types.int64),
    types.int64,
)


def _generate(vectors: int, context: Any, builder: Any, signature: Any, args: Any) -> Any:
    (_, at), (_, x_at, x_step), (_, acc_at, acc_step), steps = args[:2], args[2:5], args[5:8], args[8]
    write = _Lowering(context, builder)
    weights, inputs, outputs = (
        context.make_array(signature.args[k])(context, builder, args[k]).data for k in (0, 2, 5)
    )
    zero = ir.Constant(_SUMS, [0] * 16)
    sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(_VECTORS)] for _ in range(vectors)]
    with cgutils.for_range(builder, steps) as loop:
        base = builder.add(at, builder.mul(loop.index, _INT64(OUTPUTS * INPUTS)))
        tile = [write.load(weights, builder.add(base, _INT64(64 * m)), _SUMS) for m in range(_VECTORS)]
        for n, row in enumerate(sums):
            first = builder.add(x_at, builder.mul(x_step, _INT64(n)))
            place = builder.add(first, builder.mul(loop.index, _INT64(INPUTS)))
            four = write.spread(write.load(inputs, place, _INT32))
            for total, part in zip(row, tile, strict=True):
                builder.store(write.add_products(builder.load(total), four, part), total)
    for n, row in enumerate(sums):
        first = builder.add(acc_at, builder.mul(acc_step, _INT64(n)))
        for m, total in enumerate(row):
            place = builder.add(first, _INT64(16 * m))
            builder.store(builder.load(total), write.vector(outputs, place, _SUMS)).align = 4
    return context.get_dummy_value()


_product_1, _product_2, _product_4 = (_tile_product(vectors) for vectors in (1, 2, 4))


@inner
def products(weight: npt.NDArray[np.int8], x: npt.NDArray[np.uint8], acc: npt.NDArray[np.int32]) -> None:
    """Set acc to the products of tiled weights and some vectors; for calls inside compiled loops.

    Args:
        weight: [G, K / 4, 256] int8 from `tiled`, contiguous.
        x: [N, K] uint8, contiguous; K as padded.
        acc: [N, 64 G] int32 out, contiguous.
    """
    some_products(weight, x, acc, 0, weight.shape[0])


@inner
def some_products(
    weight: npt.NDArray[np.int8], x: npt.NDArray[np.uint8], acc: npt.NDArray[np.int32], first: int, end: int
) -> None:
    """Do what `products` does for the outputs of groups first .. end - 1 alone."""
    count, width, steps, height = x.shape[0], x.shape[1], weight.shape[1], acc.shape[1]
    flat, inputs, sums = weight.reshape(-1), x.reshape(-1), acc.reshape(-1)
    for group in range(first, end):
        at, n = group * steps * (OUTPUTS * INPUTS), 0
        while n < count:
            place, out = n * width, n * height + group * OUTPUTS
            if count - n >= 4:
                _product_4(flat, at, inputs, place, width, sums, out, height, steps)
                n += 4
            elif count - n >= 2:
                _product_2(flat, at, inputs, place, width, sums, out, height, steps)
                n += 2
            else:
                _product_1(flat, at, inputs, place, width, sums, out, height, steps)
                n += 1


@entry
def multiply(weight: npt.NDArray[np.int8], x: npt.NDArray[np.uint8], acc: npt.NDArray[np.int32]) -> None:
    """Do what `products` does, called from Python."""
    products(weight, x, acc)
