"""How kernels are compiled: once per machine, kept in recon's cache folder.

`reassoc` and `contract` let sums and products be vectorised and fused; NaN and infinity keep their meaning. The work of
one `prange` step never depends on how many threads there are, so neither do the results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


MOST = int(numba.get_num_threads())
"""Threads there are: the cores that this process may use."""
MATHS = {"reassoc", "contract", "nsz", "arcp"}


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile for one thread; called from other kernels it is inlined."""
    return cast("Callable[P, R]", numba.njit(cache=True, fastmath=MATHS, error_model="numpy", nogil=True)(function))


def parallel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile with `prange` over threads."""
    compiled = numba.njit(cache=True, fastmath=MATHS, error_model="numpy", nogil=True, parallel=True)(function)
    return cast("Callable[P, R]", compiled)


def use_threads(number: int) -> None:
    """Let kernels run on `number` threads; 0 is all cores this process may use."""
    numba.set_num_threads(min(number, MOST) if number else MOST)
