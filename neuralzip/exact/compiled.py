"""The three ways in which functions are compiled; all for functions that allocate nothing.

An `entry` is called from Python: cached on disk, and without the lock of the interpreter. An `inner` function
is called by compiled functions only; without wrappers for Python it costs half the compile time. A `merged`
function is an inner one that always becomes part of its caller: for those called from one place with a large
state, of which each array is seven words to push and to load again. None relaxes floating-point arithmetic, and
an integer division never raises.

Arrays come from the caller and outlive the call, so counting references to them is switched off: in loops that
pass tuples of arrays it costs as much as the arithmetic (the byte model took 13.4 us a byte with, 8.3 without).

numba's cache looks at the file of the entry only: after a change in a file of inner functions, touch the entries'.
"""

import numba

entry = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
inner = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", _nrt=False)
merged = numba.njit(
    no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", _nrt=False, forceinline=True
)
