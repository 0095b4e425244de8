"""The ways in which functions are compiled; all but the last are for functions that allocate nothing.

An `entry` is called from Python: cached on disk, and without the lock of the interpreter. An `inner` function
is called by compiled functions only; without wrappers for Python it costs half the compile time, and a fifth less
for not being compiled again for every constant that it is called with (inlining sees to those), and a third less
for being optimised and turned into machine code within its callers only. A `merged` function is an inner one that
always becomes part of its caller: for those called from one place with a large state, of which each array is seven
words to push and to load again. None relaxes floating-point arithmetic, and an integer division never raises.
An `allocating` function is an entry that makes arrays, and is told of errors.

Arrays come from the caller and outlive the call, so counting references to them is switched off: in loops that
pass tuples of arrays it costs as much as the arithmetic (the byte model took 13.4 us a byte with, 8.3 without).

What an entry's cache keeps is used as long as no file changes that the entry is made from (`sources`).
"""

import gc
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import _dynfunc
from numba.core import event, types
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher

from neuralzip.exact import sources

_OPTIONS = {"error_model": "numpy", "_nrt": False}
_UNWRAPPED = {"nopython": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_log = logging.getLogger("neuralzip")


class _Part(JITCodeLibrary):  # type: ignore[misc] # numba is untyped
    """Code that only becomes part of other code, and is optimised there, once."""

    def _optimize_final_module(self) -> None:
        """Leave it as it is."""

    def _finalize_final_module(self) -> None:
        """Make it no machine code."""
        self._finalize_dynamic_globals()
        self._finalized = True


def _uncallable(part: _Part, description: Any, environment: Any) -> Any:
    """Return what numba knows an inner function by: a builtin function without code."""
    name = description.qualname
    return _dynfunc.make_function(description.lookup_module(), name, "an inner function", 0, environment, (part,))


class _PartCompiler(Compiler):  # type: ignore[misc] # numba is untyped
    """Compiles to a `_Part`."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        context = self.state.targetctx  # a copy that is this compiler's own
        context.get_executable = _uncallable
        self.state.library = _Part(context.codegen(), "inner")


class _Inner(CPUDispatcher):  # type: ignore[misc] # numba is untyped
    """Compiles a function once for each combination of types; constants are numbers like others."""

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Return what a call with arguments of these types is compiled to."""
        plain = {name: types.unliteral(kind) for name, kind in dict(kws).items()}
        return super().get_call_template(tuple(map(types.unliteral, args)), plain)


def _inner(function: Callable[..., Any], options: dict[str, bool]) -> Any:
    return _Inner(function, targetoptions=_UNWRAPPED | _OPTIONS | options, pipeline_class=_PartCompiler)


def inner(function: Callable[..., Any]) -> Any:
    """Compile a function for calls by compiled functions."""
    return _inner(function, {})


def merged(function: Callable[..., Any]) -> Any:
    """Compile a function that becomes part of the compiled function that calls it."""
    return _inner(function, {"forceinline": True})


class _Kept(FunctionCache):  # type: ignore[misc] # numba is untyped
    """What was compiled, on the disk, as long as all that it was made from stays as it is."""

    looked = False

    def load_overload(self, *args: Any) -> Any:
        """Return compiled code, or None; the first thing that is asked of a cache."""
        if not self.looked:  # not sooner: most entries are never called
            self.looked = True
            self._cache_file._source_stamp = sources.stamp(Path(self._py_func.__code__.co_filename))
        return super().load_overload(*args)


class _Entry(CPUDispatcher):  # type: ignore[misc] # numba is untyped
    """Compiles a function that Python calls."""

    def enable_caching(self) -> None:
        """Keep on the disk what is compiled."""
        self._cache = _Kept(self.py_func)


def _entry(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    dispatcher = _Entry(function, targetoptions={"nopython": True, "nogil": True} | options)
    dispatcher.enable_caching()
    return dispatcher


def entry(function: Callable[..., Any]) -> Any:
    """Compile a function for calls by Python."""
    return _entry(function, _OPTIONS)


def allocating(function: Callable[..., Any]) -> Any:
    """Compile a function for calls by Python that makes arrays; as Python, it raises where it divides by zero."""
    return _entry(function, {})


class _Watch(event.Listener):  # type: ignore[misc] # numba is untyped
    """Sees when code is compiled; nothing is, where it comes from the cache.

    One line is logged in each process. The garbage collector rests meanwhile: it would walk through numba's many
    small objects again and again, for a tenth of the time.
    """

    told = collecting = False
    depth = 0  # functions call functions; numba's lock lets one thread compile at a time

    def on_start(self, event: Any) -> None:
        """Log the line and stop the collector."""
        if not self.told and event.data["dispatcher"].py_func.__module__.startswith("neuralzip."):
            self.told = True
            _log.info("first use: compiled code is made and kept, which takes some seconds")
        if self.depth == 0:
            self.collecting = gc.isenabled()
            gc.disable()
        self.depth += 1

    def on_end(self, event: Any) -> None:
        """Start the collector again."""
        self.depth -= 1
        if self.depth == 0 and self.collecting:
            gc.enable()


event.register("numba:compile", _Watch())
