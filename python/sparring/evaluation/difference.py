"""Are two contenders different, or the same for all that matters?  Paired tests on the same test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.stats import norm

from sparring.errors import ComparisonError
from sparring.evaluation.delong import AucComponents, delong_covariance
from sparring.evaluation.evaluate import METRICS, Evaluation, Interval

DEFAULT_MARGIN = 0.002


@dataclass(frozen=True)
class Difference:
    """ROC AUC of ``left`` minus that of ``right``.

    Attributes
    ----------
    left, right : str
        Names of the contenders.
    metric : str
        ``"roc_auc"``.
    value, low, high : float
        The difference and its percentile interval from the paired bootstrap of units.
    standard_error : float or None
        After DeLong; None when it cannot be known.
    p_value, p_adjusted : float or None
        Two-sided test that the difference is 0 (DeLong), and the same after Holm over all pairs.
    margin : float
        Differences smaller than this do not matter.
    p_equivalence : float or None
        Test that the difference is at least ``margin`` (TOST).
    equivalent : bool
        Whether ``p_equivalence`` is below ``alpha``.
    alpha : float
        Level of the equivalence test.
    """

    left: str
    right: str
    metric: str
    value: float
    low: float | None
    high: float | None
    standard_error: float | None
    p_value: float | None
    p_adjusted: float | None
    margin: float
    p_equivalence: float | None
    equivalent: bool
    alpha: float

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, JSON-ready."""
        return asdict(self)


def differences(
    evaluations: Mapping[str, Evaluation], *, margin: float = DEFAULT_MARGIN, alpha: float = 0.05
) -> list[Difference]:
    """Return the difference in ROC AUC of every pair of contenders.

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        By contender; all on the same test rows with the same seed and number of resamples.
    margin : float, default 0.002
        Differences in AUC smaller than this are of no practical matter.
    alpha : float, default 0.05
        Level of the equivalence tests.

    Raises
    ------
    ComparisonError
        If two contenders were not evaluated on the same rows and resamples.
    """
    pairs = list(combinations(evaluations, 2))
    tests = [_delong_test(evaluations[left], evaluations[right], margin) for left, right in pairs]
    adjusted = holm([p_value for _, _, p_value, _ in tests])
    found = []
    for (left, right), (value, error, p_value, p_equivalence), p_adjusted in zip(pairs, tests, adjusted, strict=True):
        interval = paired_bootstrap(evaluations[left], evaluations[right], "roc_auc")
        found.append(
            Difference(
                left,
                right,
                "roc_auc",
                value,
                interval.low,
                interval.high,
                _known(error),
                _known(p_value),
                _known(p_adjusted),
                margin,
                _known(p_equivalence),
                bool(p_equivalence < alpha),
                alpha,
            )
        )
    return found


def paired_bootstrap(left: Evaluation, right: Evaluation, metric: str) -> Interval:
    """Return ``left`` minus ``right`` in ``metric`` with its percentile interval over common resamples.

    Raises
    ------
    ComparisonError
        If the two were not evaluated on the same rows and resamples.
    """
    require_pairable(left, right)
    column = METRICS.index(metric)
    gaps = left.replicates[:, column] - right.replicates[:, column]
    confidence = left.sample["confidence"]
    low, high = np.nanpercentile(gaps, [50 * (1 - confidence), 50 * (1 + confidence)])
    return Interval(left.metrics[metric].value - right.metrics[metric].value, float(low), float(high))


def require_pairable(left: Evaluation, right: Evaluation) -> None:
    """Raise :class:`ComparisonError` unless both stand on the same rows, groups, seed and resamples."""
    for name in ("digest", "seed", "resamples", "confidence"):
        if left.sample[name] != right.sample[name]:
            raise ComparisonError(
                f"Two contenders differ in the {name} of their test sample: {left.sample[name]} and "
                f"{right.sample[name]}; a paired test needs the same rows and resamples",
                "Score both on the same prepared matrix and evaluate them with the same settings.",
            )


def tost(value: float, standard_error: float, margin: float) -> float:
    """Return the p-value of two one-sided z-tests that ``|difference| >= margin`` (Schuirmann, 1987).

    Parameters
    ----------
    value, standard_error : float
        The difference and its standard error; an error of 0 means that the difference is known.
    margin : float
        Positive, in units of ``value``.

    Examples
    --------
    >>> tost(0.0, 0.001, 0.002) < 0.05, tost(0.0019, 0.001, 0.002) < 0.05
    (True, False)
    """
    if standard_error == 0:
        return 0.0 if abs(value) < margin else 1.0
    return float(norm.sf((margin - abs(value)) / standard_error))


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


def auc_gap(left: AucComponents, right: AucComponents, confidence: float = 0.95) -> Interval:
    """Return the difference of two AUCs on different rows, with DeLong's interval.

    Rows are taken for independent; where some are judged by both the true interval is narrower.
    """
    variance = delong_covariance(left, left) + delong_covariance(right, right)
    gap = left.auc - right.auc
    if np.isnan(variance):
        return Interval(gap, None, None)
    reach = float(norm.ppf((1 + confidence) / 2) * np.sqrt(variance))
    return Interval(gap, gap - reach, gap + reach)


def _delong_test(left: Evaluation, right: Evaluation, margin: float) -> tuple[float, float, float, float]:
    """Return difference, standard error, two-sided p-value and p-value of equivalence."""
    require_pairable(left, right)
    a, b = left.components, right.components
    value = a.auc - b.auc
    variance = delong_covariance(a, a) + delong_covariance(b, b) - 2 * delong_covariance(a, b)
    # Equal contributions cancel up to rounding; a tiny negative variance is zero.
    error = float(np.sqrt(max(variance, 0.0))) if not np.isnan(variance) else float("nan")
    if error < 1e-12:
        return value, 0.0, 1.0 if abs(value) < 1e-12 else 0.0, tost(value, 0.0, margin)
    return value, error, float(2 * norm.sf(abs(value) / error)), tost(value, error, margin)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
