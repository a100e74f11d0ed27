"""Loops whose every step needs the one before: plain Python while they are short, compiled once they are long, with equal bits.

A kernel is one plain function of floats, integers and one-dimensional arrays that it reads and fills, element by element. It keeps
to `+ - * /`, comparisons, `min`, `max`, `math.exp` and `math.sqrt`: those give the same bits in CPython and in machine code that
numba makes without fast-math. Constants and helpers stand in the kernel's own module, because the compiler's cache looks only at
that file's age; what other modules decide comes in as an argument.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any, Generic, TypeVar, TypeVarTuple, cast

import numpy as np

COMPILED_FROM_STEPS = 20_000
"""In one process: below it plain Python (0.2 s) takes less time than numba's import and the load of the compiled kernel."""

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class Tiered(Generic[*_Arguments, _Result]):
    """A kernel in two tiers. Call it with the kernel's arguments and `steps=`, how many steps this call will live through."""

    def __init__(self, kernel: Callable[[*_Arguments], _Result], helpers: tuple[Callable[..., object], ...]) -> None:
        self._kernel = kernel
        self._helpers = helpers
        self._steps = 0
        self._machine: Callable[..., Any] | None = None

    def __call__(self, *arguments: *_Arguments, steps: int) -> _Result:
        self._steps += steps
        if self._machine is None and self._steps <= COMPILED_FROM_STEPS:
            return self.plain(*arguments)
        return self.compiled(*arguments)

    def plain(self, *arguments: *_Arguments) -> _Result:
        """In CPython. Arrays go in as lists, whose elements are several times faster, and are filled from them afterwards."""
        values = cast("tuple[Any, ...]", arguments)
        given = [value.tolist() if isinstance(value, np.ndarray) else value for value in values]
        result = cast("Callable[..., _Result]", self._kernel)(*given)
        for value, filled in zip(values, given, strict=True):
            if isinstance(value, np.ndarray) and value.flags.writeable:
                value[:] = filled
        return result

    def compiled(self, *arguments: *_Arguments) -> _Result:
        """As machine code, beside which other threads run: seconds at the first call after a change of the source, then from a cache."""
        if self._machine is None:
            self._machine = _compiled(self._kernel, self._helpers)
        try:
            return cast("_Result", self._machine(*arguments))
        except OSError:  # of the cache, on a full disk, before the kernel ran: that has no files
            self._machine = _compiled(self._kernel, self._helpers, cache=False)
            return cast("_Result", self._machine(*arguments))


def tiered(kernel: Callable[[*_Arguments], _Result], *, helpers: tuple[Callable[..., object], ...] = ()) -> Tiered[*_Arguments, _Result]:
    """A kernel that compiles itself when it is worth it. `helpers`: every function of its module that it or its helpers call."""
    return Tiered(kernel, helpers)


def _compiled(kernel: Callable[..., Any], helpers: tuple[Callable[..., object], ...], *, cache: bool = True) -> Callable[..., Any]:
    """The kernel jitted in a copy of its module's names, in which the helpers are jitted too; the module itself stays plain."""
    import numba

    names = dict(cast("FunctionType", kernel).__globals__)
    for helper in helpers:
        names[helper.__name__] = numba.njit(error_model="numpy", nogil=True)(_copy(helper, names))
    try:
        machine = numba.njit(cache=cache, error_model="numpy", nogil=True)(_copy(kernel, names))
    except RuntimeError as reason:  # no folder for a cache is writable
        if "no locator available" not in str(reason):
            raise
        machine = numba.njit(error_model="numpy", nogil=True)(_copy(kernel, names))
    return cast("Callable[..., Any]", machine)


def _copy(function: Callable[..., Any], names: dict[str, Any]) -> FunctionType:
    return FunctionType(cast("FunctionType", function).__code__, names, function.__name__)
