"""Eight independent problems side by side: vector operations for numba loops that keep every lane exact.

A *vector* is LANES float64 lying one after another in a flat array, named by the place of its first number. Lane b
of a result depends on lane b of the operands only, and every operation is IEEE addition, subtraction,
multiplication, division or square root in the order written below, never contracted: a lane holds the same
number on every machine, whatever vectors its processor has. The code generator is told so by hand because numba
does not vectorise loops of eight by itself.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES = 8

_INDEX = ir.IntType(64)
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)


class _Places:
    """Loads and stores of vectors of one flat array."""

    def __init__(self, context: Any, builder: Any, array_type: Any, array: Any) -> None:
        self.builder = builder
        self.data = context.make_array(array_type)(context, builder, array).data

    def _pointer(self, place: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(self.data, [place]), _VECTOR.as_pointer())

    def load(self, place: Any) -> Any:
        """Return the vector at a place."""
        value = self.builder.load(self._pointer(place))
        value.align = 8
        return value

    def store(self, value: Any, place: Any) -> None:
        """Write a vector to a place."""
        self.builder.store(value, self._pointer(place)).align = 8

    def after(self, place: Any, vectors: int) -> Any:
        """Return the place a constant number of vectors later."""
        return self.builder.add(place, _INDEX(LANES * vectors))


def _signature(operands: int) -> Any:
    return types.void(types.float64[::1], *([types.int64] * operands))


@intrinsic
def subtract_products(
    typing_context: Any, array: Any, target: Any, a: Any, b: Any, b_step: Any, count: Any
) -> Any:
    """target -= sum of a[k] * b[k], k < count in order; a's vectors are adjacent, b's b_step numbers apart."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = _Places(context, builder, signature.args[0], args[0])
        target, a, b, b_step, count = args[1:]
        total = cgutils.alloca_once_value(builder, at.load(target))
        with cgutils.for_range(builder, count) as loop:
            x = at.load(builder.add(a, builder.mul(loop.index, _INDEX(LANES))))
            y = at.load(builder.add(b, builder.mul(loop.index, b_step)))
            builder.store(builder.fsub(builder.load(total), builder.fmul(x, y)), total)
        at.store(builder.load(total), target)
        return context.get_dummy_value()

    return _signature(5), generate


@intrinsic
def subtract_products_4(
    typing_context: Any, array: Any, target: Any, a: Any, b: Any, b_row: Any, count: Any
) -> Any:
    """Four adjacent targets m at once: target[m] -= sum of a[k] * b[m * b_row + k], k < count in order."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = _Places(context, builder, signature.args[0], args[0])
        target, a, b, b_row, count = args[1:]
        targets = [at.after(target, m) for m in range(4)]
        totals = [cgutils.alloca_once_value(builder, at.load(place)) for place in targets]
        rows = [builder.add(b, builder.mul(b_row, _INDEX(m))) for m in range(4)]
        with cgutils.for_range(builder, count) as loop:
            k = builder.mul(loop.index, _INDEX(LANES))
            x = at.load(builder.add(a, k))
            for total, row in zip(totals, rows, strict=True):
                product = builder.fmul(x, at.load(builder.add(row, k)))
                builder.store(builder.fsub(builder.load(total), product), total)
        for total, place in zip(totals, targets, strict=True):
            at.store(builder.load(total), place)
        return context.get_dummy_value()

    return _signature(5), generate


@intrinsic
def multiply(typing_context: Any, array: Any, target: Any, factor: Any) -> Any:
    """target *= factor."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = _Places(context, builder, signature.args[0], args[0])
        at.store(builder.fmul(at.load(args[1]), at.load(args[2])), args[1])
        return context.get_dummy_value()

    return _signature(2), generate


@intrinsic
def move_down(typing_context: Any, array: Any, target: Any, source: Any, first: Any, count: Any) -> Any:
    """Adjacent vectors target[k] = source[k] moved by one lane, k < count; lane 0 is the number at first[k]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = _Places(context, builder, signature.args[0], args[0])
        target, source, first, count = args[1:]
        with cgutils.for_range(builder, count) as loop:
            k = builder.mul(loop.index, _INDEX(LANES))
            moved = at.load(builder.add(source, builder.sub(k, _INDEX(1))))
            head = builder.load(builder.gep(at.data, [builder.add(first, k)]))
            at.store(builder.insert_element(moved, head, ir.IntType(32)(0)), builder.add(target, k))
        return context.get_dummy_value()

    return _signature(4), generate


@intrinsic
def inverse_root(typing_context: Any, array: Any, target: Any, least: Any) -> Any:
    """target = 1 / sqrt(max(target, least)); a NaN becomes 1 / sqrt(least)."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = _Places(context, builder, signature.args[0], args[0])
        value, least = at.load(args[1]), at.load(args[2])
        value = builder.select(builder.fcmp_ordered(">", value, least), value, least)
        root = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_VECTOR, [_VECTOR]), f"llvm.sqrt.v{LANES}f64"
        )
        one = ir.Constant(_VECTOR, [1.0] * LANES)
        at.store(builder.fdiv(one, builder.call(root, [value])), args[1])
        return context.get_dummy_value()

    return _signature(2), generate


@intrinsic
def absorb(
    typing_context: Any, array: Any, target: Any, copy: Any, weights: Any, x: Any, z: Any, i: Any, count: Any
) -> Any:
    """target[j] = target[j] * w[0] + w[1] * x[i] * x[j] + w[2] * z[i] * z[j], j < count: two weighted samples.

    The result is written to `copy` as well.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = _Places(context, builder, signature.args[0], args[0])
        target, copy, weights, x, z, i, count = args[1:]
        i = builder.mul(i, _INDEX(LANES))
        keep = at.load(weights)
        u = builder.fmul(at.load(at.after(weights, 1)), at.load(builder.add(x, i)))
        v = builder.fmul(at.load(at.after(weights, 2)), at.load(builder.add(z, i)))
        with cgutils.for_range(builder, count) as loop:
            j = builder.mul(loop.index, _INDEX(LANES))
            place = builder.add(target, j)
            total = builder.fmul(at.load(place), keep)
            total = builder.fadd(total, builder.fmul(u, at.load(builder.add(x, j))))
            total = builder.fadd(total, builder.fmul(v, at.load(builder.add(z, j))))
            at.store(total, place)
            at.store(total, builder.add(copy, j))
        return context.get_dummy_value()

    return _signature(7), generate
