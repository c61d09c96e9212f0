"""The metrics of numbers: each an entry with its function, its influence and its direction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparring.errors import ConfigError
from sparring.task.influence import mean_influence
from sparring.task.metric import Metric, register_family, register_metric

NUMBER = frozenset({"regression"})


def _mean(losses: np.ndarray, weights: np.ndarray) -> float:
    return float(weights @ losses / weights.sum())


def rmse(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(_mean((scores - labels) ** 2, weights)))


def rmse_influence(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the influence of each row on :func:`rmse`; none where every estimate is right."""
    squares = (scores - labels) ** 2
    root = np.sqrt(_mean(squares, weights))
    return mean_influence(squares, weights) / (2 * root) if root > 0 else np.zeros(len(labels))


def r2(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    """Return the share of the labels' variance that the estimates explain; NaN when the labels are all the same."""
    around = _squares(labels, weights)
    total = float(weights @ around)
    return 1 - float(weights @ (scores - labels) ** 2) / total if total > 0 else float("nan")


def r2_influence(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the influence of each row on :func:`r2`: that of a ratio of sums."""
    around, squares = _squares(labels, weights), (scores - labels) ** 2
    total = weights @ around
    return weights * (weights @ squares / total * around - squares) / total


def _squares(labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (labels - _mean(labels, weights)) ** 2


def median_error(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted median of the absolute errors, as scikit-learn has it: between two values their mean."""
    return reweighted_median_error(labels, scores)(weights)


def reweighted_median_error(labels: np.ndarray, scores: np.ndarray) -> Callable[[np.ndarray], float]:
    """Return :func:`median_error` as a function of the weights, which may be 0: errors are sorted once."""
    return reweighted_median(np.abs(scores - labels))


def reweighted_median(values: np.ndarray) -> Callable[[np.ndarray], float]:
    """Return the median of ``values`` as a function of their weights; between two values it is their mean.

    Examples
    --------
    >>> reweighted_median(np.array([3.0, 1.0, 2.0]))(np.array([1.0, 1.0, 0.0]))
    2.0
    """
    order = np.argsort(values)
    ordered = values[order]

    def median(weights: np.ndarray) -> float:
        sums = np.cumsum(weights[order])
        # Rounding must not decide between one value and the mean of two.
        half, rounding = sums[-1] / 2, 1e-9 * sums[-1]
        lower, upper = np.searchsorted(sums, [half - rounding, half + rounding])
        return float(ordered[lower] + ordered[min(upper, len(sums) - 1)]) / 2

    return median


def pinball(quantile: float) -> Metric:
    """Return the pinball loss at ``quantile``: what an estimate of that quantile of the label minimises.

    Parameters
    ----------
    quantile : float
        In (0, 1): an estimate that is too low costs so much for each unit, one that is too high the rest of 1.

    Raises
    ------
    ConfigError
        If ``quantile`` is not in (0, 1).

    Examples
    --------
    >>> metric = pinball(0.9)
    >>> metric.name, metric.function(np.array([10.0]), np.array([8.0]), np.ones(1))
    ('pinball_0.9', 1.8)
    """
    if not 0 < quantile < 1:
        raise ConfigError(
            f"evaluation.metric: pinball_{quantile:g} is no loss of a quantile; quantiles lie between 0 and 1",
            "Name one such as pinball_0.9.",
        )

    def losses(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
        missing = labels - scores
        return np.maximum(quantile * missing, (quantile - 1) * missing)

    return Metric(
        f"pinball_{quantile:g}",
        f"pinball loss at {quantile:g}",
        False,
        NUMBER,
        lambda labels, scores, weights: _mean(losses(labels, scores), weights),
        influence=lambda labels, scores, weights: mean_influence(losses(labels, scores), weights),
        interval="skewed",
        in_label_units=True,
    )


RMSE = register_metric(
    Metric("rmse", "RMSE", False, NUMBER, rmse, influence=rmse_influence, interval="skewed", in_label_units=True)
)
MAE = register_metric(
    Metric(
        "mae",
        "MAE",
        False,
        NUMBER,
        lambda labels, scores, weights: _mean(np.abs(scores - labels), weights),
        influence=lambda labels, scores, weights: mean_influence(np.abs(scores - labels), weights),
        interval="skewed",
        in_label_units=True,
    )
)
R2 = register_metric(Metric("r2", "R\u00b2", True, NUMBER, r2, influence=r2_influence, interval="skewed"))
MEDAE = register_metric(
    Metric(
        "medae",
        "median absolute error",
        False,
        NUMBER,
        median_error,
        reweighted=reweighted_median_error,
        in_label_units=True,
    )
)
register_family("pinball", pinball)
