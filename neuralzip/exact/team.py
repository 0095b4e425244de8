"""Work handed from one compiled loop to another that runs beside it in a second thread.

Each thread counts what it has done; the other waits, spinning, until a count is high enough, and then sees all
that was written before. After some microseconds a waiting thread offers its core to others, so that two threads
get on even on one core. Integers do not depend on who computes them, so this never changes a result.
"""

import os
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from neuralzip.exact.compiled import inner

POSSIBLE = os.name == "posix"
"""Whether the system call that offers the core is known here."""
_LINE = 16
"""Entries between two counts: they shall not share a line of the cache."""
_SPINS = 2000

Counts = npt.NDArray[np.int64]


def new_counts(threads: int) -> Counts:
    """Return counts of so many threads, all at 0."""
    return np.zeros(threads * _LINE, np.int64)


@intrinsic
def _publish(typing_context: Any, counts: Any, at: Any, value: Any) -> Any:
    """Store a value so that whoever sees it sees all that was written before."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        builder.store_atomic(args[2], builder.gep(data, [args[1]]), "release", 8)
        return context.get_dummy_value()

    return types.void(types.int64[::1], types.int64, types.int64), generate


@intrinsic
def _seen(typing_context: Any, counts: Any, at: Any) -> Any:
    """Load a value together with all that was written before it was stored."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load_atomic(builder.gep(data, [args[1]]), "acquire", 8)

    return types.int64(types.int64[::1], types.int64), generate


@intrinsic
def _offer_core(typing_context: Any) -> Any:
    """Let the system run another thread on this core."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if POSSIBLE:
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), generate


class Team(NamedTuple):
    """One member's view of a team.

    Attributes:
        points: [members * 16] int64, how many points each member has reached, one in a cache line; shared.
        me: number of this member.
        members: 1 or 2.
    """

    points: npt.NDArray[np.int64]
    me: int
    members: int


def new_team(members: int) -> list[Team]:
    """Return the views of the members of a new team."""
    points = np.zeros(members * _LINE, np.int64)
    return [Team(points, me, members) for me in range(members)]


@inner
def meet(team: Team) -> None:
    """Wait until every member has come to this point; what each wrote before is then seen by all."""
    if team.members == 1:
        return
    mine, other = team.me * _LINE, (1 - team.me) * _LINE
    point = team.points[mine] + 1
    _publish(team.points, mine, point)
    spins = 0
    while _seen(team.points, other) < point:
        spins += 1
        if spins > _SPINS:
            _offer_core()


@inner
def share(team: Team, count: int) -> tuple[int, int]:
    """Return (first, end) of the member's share of so many things."""
    return count * team.me // team.members, count * (team.me + 1) // team.members
