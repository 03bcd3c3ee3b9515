"""A word to the memory: this element is wanted soon. Numba has no such call, LLVM has."""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic


@intrinsic
def prefetch(_typing: Any, array: Any, index: Any) -> Any:  # noqa: ANN401
    """prefetch(array, index): start loading array[index] into the cache; any index is safe, nothing waits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [address, number, number, number]), "llvm.prefetch.p0i8"
        )
        element = builder.bitcast(builder.gep(data, [arguments[1]]), address)
        read, keep, is_data = (ir.Constant(number, value) for value in (0, 3, 1))
        builder.call(function, [element, read, keep, is_data])
        return context.get_dummy_value()

    return types.void(array, index), generate
