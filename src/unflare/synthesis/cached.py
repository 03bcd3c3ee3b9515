"""Compiled kernels that are kept on disk and know all their sources.

Numba keeps a kernel for as long as the file that it stands in does not change, and does not look at the other files
that it calls functions of. A change there would leave the old kernel in use.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from numba.core.caching import FunctionCache


class _Cache(FunctionCache):  # type: ignore[misc]
    """Numba's, with the text of other modules as a part of the key."""

    def __init__(self, function: Callable[..., Any], modules: tuple[ModuleType, ...]) -> None:
        super().__init__(function)
        text = b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
        self._digest = hashlib.sha256(text).hexdigest()

    def _index_key(self, *called: Any) -> tuple[Any, ...]:  # noqa: ANN401
        return (*super()._index_key(*called), self._digest)


def cached(*modules: ModuleType) -> Callable[[Any], Any]:
    """Decorates a compiled function that has parts from these modules."""

    def with_cache(kernel: Any) -> Any:  # noqa: ANN401
        kernel._cache = _Cache(kernel.py_func, modules)
        return kernel

    return with_cache
