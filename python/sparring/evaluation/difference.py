"""Are two contenders different, or the same for all that matters?  Paired tests on the same test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

from sparring.errors import ComparisonError
from sparring.evaluation.evaluate import Evaluation
from sparring.evaluation.power import detectable, rows_to_find, rows_to_tell

# Scores that differ by less, in standard deviations of the scores, are one model, rounded twice.
IDENTICAL = 1e-3


@dataclass(frozen=True)
class Difference:
    """The metric that decides of ``left`` minus that of ``right``.

    Attributes
    ----------
    left, right : str
        Names of the contenders.
    metric : str
        Its name.
    higher_is_better : bool
    better : str or None
        The contender of the better value; None where both are the same.
    value : float
    low, high : float or None
        Paired interval (Student's t); None when nothing is known about the spread.
    standard_error, freedom : float or None
        Of the value, with its degrees of freedom; None when it cannot be known.
    p_value, p_adjusted : float or None
        Two-sided test that the difference is 0, and the same after Holm over all pairs that were tested.
    margin : float
        Differences smaller than this do not matter.
    p_equivalence : float or None
        Test that the difference is at least ``margin`` (TOST), after Holm over all pairs that were tested.
    identical : bool
        Whether both gave the same scores, up to rounding: then nothing is tested between them.
    different, equivalent : bool
        Whether ``p_adjusted`` is below ``alpha``; whether ``p_equivalence`` is, or the scores are identical.
    alpha, tests : float, int
        Level of each family of tests, and how many tests it has.
    detectable : float or None
        The true difference that this test would have found with 80% probability.
    rows_to_tell, rows_to_find : int or None
        Test rows that would tell the two apart or show them equivalent, and that would find a difference as large as
        the observed one, each with 80% probability.
    reliable : bool
        Whether the test part is large enough for these tests.
    """

    left: str
    right: str
    metric: str
    higher_is_better: bool
    better: str | None
    value: float
    low: float | None
    high: float | None
    standard_error: float | None
    freedom: float | None
    p_value: float | None
    p_adjusted: float | None
    margin: float
    p_equivalence: float | None
    identical: bool
    different: bool
    equivalent: bool
    alpha: float
    tests: int
    detectable: float | None
    rows_to_tell: int | None
    rows_to_find: int | None
    reliable: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, JSON-ready."""
        return asdict(self)


@dataclass(frozen=True)
class PairedTest:
    """The paired test of two contenders before it is adjusted for the others.

    ``error`` is the standard error and ``cautious`` the one behind the test of equivalence; both NaN when unknown.
    ``sign`` is 1 where a higher value is better, -1 where a lower one is.
    """

    value: float
    error: float
    cautious: float
    freedom: float
    identical: bool
    sign: int = 1

    @property
    def lead(self) -> float:
        """How much better ``left`` is."""
        return self.sign * self.value

    @property
    def p_value(self) -> float:
        """Two-sided; NaN when nothing is known, or when the scores are identical and nothing is tested."""
        if self.identical or np.isnan(self.error):
            return float("nan")
        return 2 * self.p_greater if self.lead > 0 else 2 * (1 - self.p_greater)

    @property
    def p_greater(self) -> float:
        """One-sided: that ``left`` is no better than ``right``."""
        if self.identical or self.value == 0:
            return 0.5
        return float(stdtr(self.freedom, -self.lead / self.error))

    def reach(self, confidence: float) -> float:
        """Return half the length of the interval."""
        return float(stdtrit(self.freedom, (1 + confidence) / 2) * (self.error or self.cautious))


def differences(evaluations: Mapping[str, Evaluation], *, margin: float | None = None) -> list[Difference]:
    """Return the difference in the metric that decides of every pair of contenders.

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        By contender; all on the same test rows.
    margin : float, optional
        Differences smaller than this are of no practical matter; by default that of the metric, which for an error in
        the label's unit takes a baseline (:meth:`sparring.task.Task.margin`).

    Raises
    ------
    ComparisonError
        If two contenders were not evaluated on the same rows.

    Notes
    -----
    The level of both families of tests is one minus the confidence of the evaluations.  All pairs of distinct models
    are one family, although the verdict looks at those with the best one only: which is best was seen in the same rows.
    """
    pairs = list(combinations(evaluations, 2))
    if margin is None and pairs:
        margin = evaluations[pairs[0][0]].metric.margin(None)
    tests = {pair: paired_test(evaluations[pair[0]], evaluations[pair[1]]) for pair in pairs}
    models = distinct_models(evaluations)
    # The pair of distinct models that a pair of contenders stands for.
    family = [pair for pair in pairs if models[pair[0]] == pair[0] and models[pair[1]] == pair[1]]
    different = dict(zip(family, holm([tests[pair].p_value for pair in family]), strict=True))
    equivalent = dict(zip(family, holm([_tost(tests[pair], margin or 0.0) for pair in family]), strict=True))
    place = {name: number for number, name in enumerate(evaluations)}
    found = []
    for pair, test in tests.items():
        stands_for = tuple(sorted((models[name] for name in pair), key=place.__getitem__))
        adjusted = [tested.get((stands_for[0], stands_for[1]), np.nan) for tested in (different, equivalent)]
        found.append(
            _difference(pair, evaluations[pair[0]], test, margin or 0.0, adjusted[0], adjusted[1], len(family))
        )
    return found


def distinct_models(evaluations: Mapping[str, Evaluation]) -> dict[str, str]:
    """Return for each contender the first one that gave the same scores, itself where it is the first.

    Two engines that trained one model are one model to a test, and counted once in a family of tests.
    """
    models: dict[str, str] = {}
    for name, evaluation in evaluations.items():
        same = [other for other in set(models.values()) if identical(evaluations[other], evaluation)]
        models[name] = min(same, key=list(evaluations).index) if same else name
    return models


def paired_test(left: Evaluation, right: Evaluation) -> PairedTest:
    """Return the paired test of two evaluations, with degrees of freedom for small test parts.

    After DeLong for the ROC AUC; else of what each cluster adds to the difference of the metrics; of a metric that
    cannot be taken apart so, over resamples of the clusters which both share.

    Raises
    ------
    ComparisonError
        If the two were not evaluated on the same rows, or by other metrics.

    Notes
    -----
    Two guards for test parts on which every cluster says the same.  The difference is tested as if one more cluster (of
    each class, for the ROC AUC) had shown none at all, so that it is never more certain than the number of clusters
    allows.  Equivalence is tested as if one more cluster might differ twice as much as any that was seen, or, where few
    differ at all, turn around: that two models agree on every row of a small test part does not show that they agree.
    """
    require_pairable(left, right)
    value = left.evidence.value - right.evidence.value
    found = left.evidence.paired(right.evidence)
    guard = value**2 * found.one_more
    error = float(np.sqrt(found.variance + guard))
    scale = max(found.unit, abs(left.evidence.value), abs(right.evidence.value))
    return PairedTest(
        value if abs(value) > 1e-15 * scale else 0.0,
        error if error > 1e-12 * scale or np.isnan(error) else 0.0,
        float(np.sqrt(found.variance + max(found.caution, guard))),
        found.freedom,
        identical(left, right),
        left.metric.sign,
    )


def require_pairable(left: Evaluation, right: Evaluation) -> None:
    """Raise :class:`ComparisonError` unless both stand on the same rows and groups, with one metric and confidence."""
    if left.metric.name != right.metric.name:
        raise ComparisonError(
            f"Two contenders were evaluated by {left.metric.name} and by {right.metric.name}; a paired test needs one",
            "Evaluate both with the same metric.",
        )
    for name in ("digest", "confidence"):
        if left.sample[name] != right.sample[name]:
            raise ComparisonError(
                f"Two contenders differ in the {name} of their test sample: {left.sample[name]} and "
                f"{right.sample[name]}; a paired test needs the same rows",
                "Score both on the same prepared matrix and evaluate them with the same settings.",
            )


def tost(value: float, standard_error: float, margin: float, freedom: float = np.inf) -> float:
    """Return the p-value of two one-sided tests that ``|difference| >= margin`` (Schuirmann, 1987).

    Parameters
    ----------
    value, standard_error : float
        The difference and its standard error; an error of 0 means that the difference is known.
    margin : float
        Positive, in units of ``value``.
    freedom : float, default infinite
        Degrees of freedom of the standard error.

    Examples
    --------
    >>> tost(0.0, 0.001, 0.002) < 0.05, tost(0.0019, 0.001, 0.002) < 0.05
    (True, False)
    """
    if standard_error == 0:
        return 0.0 if abs(value) < margin else 1.0
    return float(stdtr(freedom, (abs(value) - margin) / standard_error))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return ``p_values`` adjusted for testing them all (Holm, 1979); NaN stays NaN and does not count.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(values), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.tolist()


def _difference(
    pair: tuple[str, str],
    evaluation: Evaluation,
    test: PairedTest,
    margin: float,
    p_adjusted: float,
    p_equivalence: float,
    family: int,
) -> Difference:
    confidence, rows = evaluation.sample["confidence"], evaluation.sample["rows"]
    alpha = round(1 - confidence, 12)
    open_question = not test.identical and not np.isnan(test.error)
    reach = test.reach(confidence) if open_question else float("nan")
    error = test.error or test.cautious
    most = 1.0 if evaluation.metric.bounded else float("inf")
    return Difference(
        *pair,
        evaluation.metric.name,
        evaluation.metric.higher_is_better,
        None if test.value == 0 else pair[0] if test.lead > 0 else pair[1],
        test.value,
        max(-most, test.value - reach) if open_question else (test.value if test.identical else None),
        min(most, test.value + reach) if open_question else (test.value if test.identical else None),
        _known(test.error),
        test.freedom if open_question else None,
        _known(test.p_value),
        _known(p_adjusted),
        margin,
        _known(p_equivalence),
        test.identical,
        bool(p_adjusted < alpha),
        test.identical or bool(p_equivalence < alpha),
        alpha,
        family,
        detectable(error, test.freedom, alpha, family) if open_question else None,
        rows_to_tell(error, rows, margin, alpha, family, test.cautious) if open_question else None,
        rows_to_find(test.value, error, rows, alpha, family) if open_question and test.value else None,
        evaluation.metrics[evaluation.metric.name].reliable,
    )


def _tost(test: PairedTest, margin: float) -> float:
    if test.identical or np.isnan(test.cautious):
        return float("nan")
    return tost(test.value, test.cautious, margin, test.freedom)


def identical(left: Evaluation, right: Evaluation) -> bool:
    """Return whether two contenders gave the same scores, but for rounding; constants are alike that score the same."""
    spreads = [float(np.max(each.scores.std(axis=0))) for each in (left, right)]
    # Below this a score that is the same for all rows has a deviation by rounding alone.
    rounding = 1e-12 * max(1.0, *(float(np.abs(each.scores).max()) for each in (left, right)))
    if min(spreads) < rounding:
        gap = abs(left.evidence.value - right.evidence.value)
        return max(spreads) < rounding and gap <= 1e-12 * max(1.0, abs(left.evidence.value))
    return bool(np.abs(left.scores - right.scores).max() <= IDENTICAL * min(spreads))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
