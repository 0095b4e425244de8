"""Tables of transcendental functions, computed with unbounded integers: never a libm, the same on every machine.

Fixed point here has FRACTION bits; tables are rounded from it, halves up.
"""

import math

FRACTION = 128
ONE = 1 << FRACTION


def exp_fixed(numerator: int, denominator: int) -> int:
    """Return exp(numerator / denominator) in units of 2**-FRACTION, within a few units; |argument| <= 40 or so."""
    if numerator < 0:
        return (ONE << FRACTION) // exp_fixed(-numerator, denominator)
    term = total = ONE
    k = 0
    while term:
        k += 1
        term = term * numerator // (denominator * k)
        total += term
    return total


def powers(base: int, count: int) -> list[int]:
    """Return base**0 .. base**(count - 1), base and results in units of 2**-FRACTION."""
    values = [ONE]
    while len(values) < count:
        values.append(values[-1] * base >> FRACTION)
    return values[:count]


def root_of_two(steps: int) -> int:
    """Return 2**(1 / steps) in units of 2**-FRACTION, rounded down; steps is a power of two.

    Raises:
        ValueError: steps is not a power of two.
    """
    if steps < 1 or steps & (steps - 1):
        raise ValueError(f"{steps} steps to an octave: expected a power of two")
    value = 2 * ONE
    while steps > 1:
        value, steps = math.isqrt(value << FRACTION), steps // 2
    return value


def rounded(value: int, bits: int) -> int:
    """Return value, in units of 2**-FRACTION, in units of 2**-bits, halves up."""
    return (value + (1 << (FRACTION - bits - 1))) >> (FRACTION - bits)
