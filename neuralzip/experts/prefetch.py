"""Ask for memory before it is needed, so that the waits for several places overlap. Never changes a result."""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_WORD = ir.IntType(32)
_BYTES = ir.IntType(8).as_pointer()
_FOR_WRITING, _KEEP, _DATA = 1, 3, 1


@intrinsic
def prefetch(typing_context: Any, array: Any, place: Any) -> Any:
    """Ask for the cache line of array[place], flat, that will be read and written."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        pointer = builder.bitcast(builder.gep(data, [args[1]]), _BYTES)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [_BYTES, _WORD, _WORD, _WORD]), "llvm.prefetch.p0i8"
        )
        builder.call(function, [pointer, *(_WORD(value) for value in (_FOR_WRITING, _KEEP, _DATA))])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate
