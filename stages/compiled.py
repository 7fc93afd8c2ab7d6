"""Loops that are compiled to machine code when they first run, and kept for the next process."""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile a function of arrays and numbers. Sums may be reordered, as SIMD needs; other threads run meanwhile.

    Where no folder for compiled code can be written, it is compiled anew in each process.
    """
    try:
        return cast(Function, njit(cache=True, fastmath=True, nogil=True)(function))
    except RuntimeError:  # "no locator available"
        return cast(Function, njit(fastmath=True, nogil=True)(function))
