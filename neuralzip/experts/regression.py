"""Least squares for the columns of a table: a number is predicted from its row and the two rows above.

Each column keeps normal equations A w = b that forget slowly; they are solved by Cholesky when the column is
met. Strict arithmetic (float64 +, -, *, / and sqrt, scalar, fixed order, nothing contracted), so that both sides
get the same numbers. Exact relations (a sum of other columns, a copy) are met often: weights that come out close
to an integer are rounded to it, which restores all digits of such a column.

C columns, K inputs of a column.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neuralzip.exact.compiled import inner

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

COLUMNS = 64
"""Columns further right are not predicted."""
INPUTS = 16
_LEFT = 12
_KEEP = 0.998
_RIDGE = 1e-11
_DEPENDENT = 1e-12
_NEAR = 1e-4
_EAGER_ROWS = 64
_PATIENCE = 4


class Regression(NamedTuple):
    """State of the predictors of all columns.

    Attributes:
        gram: [C, K, K] float64, lower triangle of A.
        moment: [C, K] float64, b.
        weights: [C, K] float64, w as last solved.
        rows: [C] int64, rows taken in.
        inputs: [K] float64, of the cell in work.
        root: [K, K] float64, working memory.
    """

    gram: Floats
    moment: Floats
    weights: Floats
    rows: Ints
    inputs: Floats
    root: Floats


def new_regression() -> Regression:
    """Return predictors that have seen nothing."""
    return Regression(
        gram=np.zeros((COLUMNS, INPUTS, INPUTS)),
        moment=np.zeros((COLUMNS, INPUTS)),
        weights=np.zeros((COLUMNS, INPUTS)),
        rows=np.zeros(COLUMNS, np.int64),
        inputs=np.zeros(INPUTS),
        root=np.zeros((INPUTS, INPUTS)),
    )


@inner
def _factor(gram: Floats, root: Floats) -> None:
    """Set root to the Cholesky factor of gram; inputs that depend on earlier ones get a zero pivot."""
    for i in range(INPUTS):
        for j in range(i + 1):
            total = gram[i, j]
            if i == j:
                total *= 1.0 + _RIDGE
            for k in range(j):
                total -= root[i, k] * root[j, k]
            if i > j:
                root[i, j] = total / root[j, j] if root[j, j] > 0.0 else 0.0
            else:
                root[i, i] = math.sqrt(total) if total > _DEPENDENT * gram[i, i] else 0.0


@inner
def _substitute(root: Floats, moment: Floats, weights: Floats) -> None:
    """Set weights to the solution of root root^T w = moment."""
    for i in range(INPUTS):
        total = moment[i]
        for k in range(i):
            total -= root[i, k] * weights[k]
        weights[i] = total / root[i, i] if root[i, i] > 0.0 else 0.0
    for i in range(INPUTS - 1, -1, -1):
        total = weights[i]
        for k in range(i + 1, INPUTS):
            total -= root[k, i] * weights[k]
        weights[i] = total / root[i, i] if root[i, i] > 0.0 else 0.0


@inner
def _round_weights(gram: Floats, moment: Floats, weights: Floats) -> None:
    """Round weights that are near an integer, and let the constant (input 0) be the best for what they became."""
    constant = moment[0]
    for k in range(1, INPUTS):
        nearest = math.floor(weights[k] + 0.5)
        if abs(weights[k] - nearest) < _NEAR:
            weights[k] = nearest
        constant -= weights[k] * gram[k, 0]
    weights[0] = constant / gram[0, 0]


@inner
def _gather(inputs: Floats, values: Floats, column: int) -> None:
    """Set the inputs of a column from values [3, C'], rows from this one upwards, unknown ones zero."""
    inputs[:] = 0.0
    inputs[0] = 1.0
    inputs[1] = values[1, column]
    inputs[2] = values[2, column]
    for j in range(1, min(_LEFT, column) + 1):
        inputs[2 + j] = values[0, column - j]
    inputs[3 + _LEFT] = values[1, column + 1]


@inner
def predict(state: Regression, values: Floats, column: int) -> float:
    """Return the predicted value of a column; `learn` needs the inputs that this leaves.

    Args:
        state: the predictors.
        values: [3, C + 1] float64, values of this row (zeros right of column), of the row above and of the second.
        column: below COLUMNS.
    """
    _gather(state.inputs, values, column)
    rows = state.rows[column]
    if rows < 2:
        return values[1, column]
    weights = state.weights[column]
    if rows < _EAGER_ROWS or rows % _PATIENCE == 0:
        _factor(state.gram[column], state.root)
        _substitute(state.root, state.moment[column], weights)
        _round_weights(state.gram[column], state.moment[column], weights)
    total = 0.0
    for k in range(INPUTS):
        total += weights[k] * state.inputs[k]
    return total


@inner
def learn(state: Regression, column: int, value: float) -> None:
    """Take in the value that came where `predict` was last called."""
    gram, moment, inputs = state.gram[column], state.moment[column], state.inputs
    for i in range(INPUTS):
        moment[i] = moment[i] * _KEEP + inputs[i] * value
        for j in range(i + 1):
            gram[i, j] = gram[i, j] * _KEEP + inputs[i] * inputs[j]
    state.rows[column] += 1
