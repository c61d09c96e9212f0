"""Where each contender stands: the best, those as good, those that may be, and those shown worse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparring.evaluation.evaluate import deciding


@dataclass(frozen=True)
class Standing:
    """Contenders by what the paired tests show of them, in the order of their scores.

    Attributes
    ----------
    best : str
        The best value of the metric that decides.
    equivalent, undecided, worse : list of str
        The others: shown equivalent to the best within the margin; shown neither equivalent nor worse; shown worse.
    """

    best: str
    equivalent: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    worse: list[str] = field(default_factory=list)

    @property
    def leaders(self) -> list[str]:
        """The best and its equivalents."""
        return [self.best, *self.equivalent]

    @property
    def may_be_best(self) -> list[str]:
        """All that are not shown worse."""
        return [*self.leaders, *self.undecided]


def standing(
    names: Sequence[str], evaluations: Mapping[str, Mapping[str, Any]], differences: Iterable[Mapping[str, Any]]
) -> Standing:
    """Return where the contenders in ``names`` stand.

    Parameters
    ----------
    names : sequence of str
        At least one; each is a key of ``evaluations``.
    evaluations : mapping of str to mapping
        ``Evaluation.to_dict()`` by contender.
    differences : iterable of mapping
        ``Difference.to_dict()`` of every pair.
    """
    ranked = sorted(names, key=lambda name: -merit(evaluations[name]))
    found = Standing(ranked[0])
    rows = list(differences)
    for name in ranked[1:]:
        row = between(found.best, name, rows)
        # A difference that is certain and smaller than the margin does not matter.
        which = "equivalent" if row["equivalent"] else "worse" if row["different"] else "undecided"
        getattr(found, which).append(name)
    return found


def merit(evaluation: Mapping[str, Any]) -> float:
    """Return the metric that decides, of an ``Evaluation.to_dict()``, turned around where a lower value is better.

    Examples
    --------
    >>> merit({"metric": {"name": "rmse", "higher_is_better": False}, "metrics": {"rmse": {"value": 2.0}}})
    -2.0
    """
    sign = 1 if evaluation["metric"]["higher_is_better"] else -1
    return float(sign * deciding(evaluation)["value"])


def between(one: str, other: str, differences: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the difference of ``one`` minus ``other``, turned around where it was computed the other way.

    Raises
    ------
    StopIteration
        If the pair was not compared.
    """
    row = dict(next(row for row in differences if {row["left"], row["right"]} == {one, other}))
    if row["left"] == one:
        return row
    turned = {name: None if row[end] is None else -row[end] for name, end in (("low", "high"), ("high", "low"))}
    return {**row, "left": one, "right": other, "value": -row["value"], **turned}
