"""Did two engines train the same model?  The same value of the function they minimised, the same scores.

Coefficients alone show little (a flat optimum has many); the value of both, computed by one implementation in float64
on the very matrix they were trained on, and the largest difference between their scores show it.  Which contenders
should agree, and how near, is what their trainers say in ``result.json`` under ``equivalence``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sparring.errors import ComparisonError
from sparring.evaluation.predictions import Predictions
from sparring.models import Model

Result = Mapping[str, Any]


@dataclass(frozen=True)
class EquivalenceCheck:
    """How far apart two contenders are that should be one model.

    Attributes
    ----------
    left, right : str
        Names of the contenders; ``right`` is the reference.
    group : str
        Name of what both minimise.
    differing : list of str
        The settings of the function that differ between the two: then it is not the same function.
    objective_gap : float or None
        ``|f(left) - f(right)|`` of the function that both minimised; None where it is not compared.
    objective_tolerance : float or None
    max_score_difference : float
        Over the test rows, joined by key, and over the classes.
    score_tolerance : float or None
        None: the scores need not agree, the metric within its margin does.
    within_margin : bool or None
        Whether the paired test shows the two equivalent; None where there was no test.
    """

    left: str
    right: str
    group: str
    differing: list[str]
    objective_gap: float | None
    objective_tolerance: float | None
    max_score_difference: float
    score_tolerance: float | None
    within_margin: bool | None = None

    @property
    def equal(self) -> bool:
        """Whether the two are the same model within the tolerances."""
        if self.differing:
            return False
        if self.objective_tolerance is not None and not self._objective_agrees:
            return False
        if self.score_tolerance is None:
            return bool(self.within_margin)
        return self.max_score_difference <= self.score_tolerance

    @property
    def _objective_agrees(self) -> bool:
        gap, most = self.objective_gap, self.objective_tolerance
        return gap is not None and most is not None and gap <= most

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes and ``equal``, JSON-ready."""
        return {**asdict(self), "equal": self.equal}


def equivalence_pairs(results: Sequence[Result]) -> list[tuple[str, str]]:
    """Return the pairs of contenders that should be one model, from their ``result.json``.

    The reference, on the right, is the first contender of a group in the order of ``results``; failed ones are left
    out.

    Examples
    --------
    >>> linear = {"status": "ok", "equivalence": {"group": "logistic"}}
    >>> equivalence_pairs([linear | {"name": "a"}, linear | {"name": "b"}, linear | {"name": "c", "equivalence": None}])
    [('b', 'a')]
    """
    groups: dict[str, list[str]] = {}
    for result in results:
        if result["status"] == "ok" and result["equivalence"] is not None:
            groups.setdefault(result["equivalence"]["group"], []).append(result["name"])
    return [(other, names[0]) for names in groups.values() for other in names[1:]]


def differing_settings(left: Result, right: Result) -> list[str]:
    """Return the settings of the minimised function in which two contenders of one group differ, by value."""
    one, other = (result["equivalence"]["settings"] for result in (left, right))
    return sorted(name for name in one.keys() | other.keys() if plain(one.get(name)) != plain(other.get(name)))


def tolerance(left: Result, right: Result, name: str) -> float | None:
    """Return the wider tolerance ``name`` of two contenders; None where one of them has none.

    Examples
    --------
    >>> one, other = ({"equivalence": {"score_tolerance": most}} for most in (1e-6, None))
    >>> tolerance(one, one, "score_tolerance"), tolerance(one, other, "score_tolerance")
    (1e-06, None)
    """
    stated = [result["equivalence"][name] for result in (left, right)]
    return None if None in stated else float(max(stated))


def max_score_difference(left: Predictions, right: Predictions) -> float:
    """Return the largest ``|score - score|`` over rows of the same key.

    Raises
    ------
    ComparisonError
        If the keys of the two differ.
    """
    if len(left) != len(right) or not np.array_equal(left.keys, right.keys):
        common = np.intersect1d(left.keys, right.keys).size
        raise ComparisonError(
            f"The predictions are of other rows: {len(left)} and {len(right)} keys, {common} in common",
            "Score both contenders on the same prepared matrix.",
        )
    return float(np.abs(left.scores - right.scores).max())


def check_equivalence(
    left: Result,
    right: Result,
    predictions: Mapping[str, Predictions],
    models: Mapping[str, Model] | None = None,
    train: Any = None,
    within_margin: bool | None = None,
) -> EquivalenceCheck:
    """Return how far ``left`` and ``right`` are apart.

    Parameters
    ----------
    left, right : mapping
        ``result.json`` of a pair of :func:`equivalence_pairs`.
    predictions : mapping of str to Predictions
        Test predictions by contender.
    models : mapping of str to Model, optional
        By contender, where the value of what they minimised is to be compared.
    train : sparring.data.matrix.Part, optional
        The matrix that both were fitted on; anything with ``features``, ``labels`` and ``weights``.
    within_margin : bool, optional
        Whether the paired test shows the two equivalent.

    Raises
    ------
    ComparisonError
        If the two predicted different rows.
    """
    names = (left["name"], right["name"])
    differing = differing_settings(left, right)
    gap, most = None, tolerance(left, right, "objective_tolerance")
    if most is not None and not differing and models is not None and train is not None:
        gap = _objective_gap([models[name] for name in names], train)
    return EquivalenceCheck(
        *names,
        right["equivalence"]["group"],
        differing,
        gap,
        most,
        max_score_difference(predictions[names[0]], predictions[names[1]]),
        tolerance(left, right, "score_tolerance"),
        within_margin,
    )


def _objective_gap(models: list[Model], train: Any) -> float | None:
    values = [model.objective(train.features, train.labels, train.weights) for model in models]
    return None if values[0] is None or values[1] is None else abs(values[0] - values[1])


def plain(value: Any) -> str:
    """Return a setting as comparable text: numbers by value, for SageMaker's are text."""
    try:
        return repr(float(value))
    except (TypeError, ValueError):
        return str(value)
