"""Ask the processor for memory that is needed soon, from compiled code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

_FOR_READING, _INTO_THE_FIRST_CACHE, _DATA = 0, 1, 1


def _fetch(_typing: Any, array: Any, at: Any) -> Any:
    """prefetch(array, at): the cache line of number `at` of a C-ordered array is fetched meanwhile.

    Nothing waits for it and nothing is changed; any `at` is allowed, also one outside.

    Reference: https://llvm.org/docs/LangRef.html#llvm-prefetch-intrinsic
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        """The instruction itself, as numba asks for it while it compiles a caller."""
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        pointer, whole = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, whole, whole, whole])
        function = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        address = builder.bitcast(builder.gep(data, [arguments[1]]), pointer)
        builder.call(function, [address, *map(whole, (_FOR_READING, _INTO_THE_FIRST_CACHE, _DATA))])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


prefetch = cast("Callable[[Any, int], None]", intrinsic(_fetch))
NUMBERS_PER_LINE = 16
"""float32 numbers of a cache line of 64 bytes; asking once for so many is enough (twice too often for float64)."""
