"""What a task shows of scored rows besides metrics, as plain data: a page draws kinds of plots, not tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from typing_extensions import NotRequired, TypedDict

from sparring.task.metric import Shown
from sparring.task.ranking import calibration_curve, rank, roc_curve

# What the page writes a figure as: as a metric, or a whole number.
Kind = Shown | Literal["count"]
MOST_NAMES = 12
OTHERS = "all others"


class Plot(TypedDict):
    """A plot of one contender; those of one name of several contenders are drawn on the same axes.

    Attributes
    ----------
    name : str
        Unique within a task.
    kind : {"line", "calibration", "quantiles", "matrix"}
        ``line``: ``points`` joined, on axes from 0 to 1.  ``calibration``: ``points`` that a good model has on the
        diagonal, joined and marked.  ``quantiles``: ``points`` joined, around a line at 0.  ``matrix``: ``cells`` by
        row and column, one picture a contender.
    title, x, y : str
        Above it and at its axes.
    reference : str
        What the dotted line is.
    points : list of [x, y]
    names, cells : list of str, list of list of float
        Of a matrix: the names of its rows and columns, and its values.
    """

    name: str
    kind: Literal["line", "calibration", "quantiles", "matrix"]
    title: str
    x: str
    y: str
    reference: NotRequired[str]
    points: NotRequired[list[list[float]]]
    names: NotRequired[list[str]]
    cells: NotRequired[list[list[float]]]


class Table(TypedDict):
    """A table about one contender's predictions: ``heads`` are of its columns, the first of which names the row.

    ``kinds`` says how a page writes the figures of each column but the first; each of ``rows`` has its ``name`` and its
    ``values``.
    """

    title: str
    heads: list[str]
    kinds: list[Kind]
    rows: list[dict[str, Any]]


def roc_plot(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> Plot:
    """Return the ROC curve of a probability."""
    return {
        "name": "roc",
        "kind": "line",
        "title": "ROC curve",
        "x": "False positive rate",
        "y": "True positive rate",
        "reference": "chance",
        "points": roc_curve(rank(labels, scores), weights),
    }


def calibration_plot(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray, changes: Mapping[str, str] | None = None
) -> Plot:
    """Return the mean label of rows with like scores, beside their mean score, in ten bins of equal weight.

    ``changes`` are other texts than those of a probability.
    """
    bins = calibration_curve(labels, scores, weights)
    plot: Any = {
        "name": "calibration",
        "kind": "calibration",
        "title": "Calibration, ten bins of equal weight",
        "x": "Mean predicted probability",
        "y": "Observed rate",
        "reference": "perfect calibration",
        "points": [[part["score"], part["rate"]] for part in bins],
    }
    return plot | dict(changes or {})


def residual_plot(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray, unit: str) -> Plot:
    """Return the quantiles of the errors, label minus estimate: 1% to 99% of the weight, where tails hide nothing."""
    errors = labels - scores
    order = np.argsort(errors)
    shares = np.cumsum(weights[order]) / weights.sum()
    steps = np.linspace(0.01, 0.99, 50)
    places = np.minimum(np.searchsorted(shares, steps), len(errors) - 1)
    return {
        "name": "residuals",
        "kind": "quantiles",
        "title": "Errors, from the most too high to the most too low",
        "x": "Share of the rows",
        "y": f"{unit}: observed minus predicted",
        "reference": "no error",
        "points": np.column_stack([steps, errors[order][places]]).tolist(),
    }


def confusion_plot(labels: np.ndarray, decided: np.ndarray, weights: np.ndarray, names: list[str]) -> Plot:
    """Return how the rows of each class were decided, as shares of the class; the commonest classes by name."""
    count = len(names)
    places = (labels * count + decided).astype(np.int64)
    cells = np.bincount(places, weights, minlength=count**2).reshape(count, count)
    if count > MOST_NAMES:
        common = np.sort(np.argsort(-cells.sum(axis=1), kind="stable")[: MOST_NAMES - 1])
        names = [*(names[code] for code in common), OTHERS]
        cells = _gathered(_gathered(cells, common).T, common).T
    totals = cells.sum(axis=1, keepdims=True)
    shares = np.divide(cells, totals, out=np.zeros_like(cells), where=totals > 0)
    return {
        "name": "confusion",
        "kind": "matrix",
        "title": "Confusion: of each class, the share that was predicted as",
        "x": "Predicted",
        "y": "Observed",
        "names": names,
        "cells": shares.round(6).tolist(),
    }


def _gathered(cells: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return the rows ``kept``, and one more that sums up all others."""
    others = np.setdiff1d(np.arange(len(cells)), kept)
    return np.vstack([cells[kept], cells[others].sum(axis=0)])


def written(value: float, shown_as: Shown, signed: bool = False) -> str:
    """Return a metric, or with ``signed`` a difference of two, as people read it.

    Examples
    --------
    >>> written(0.74023, "score"), written(0.74023, "share"), written(1234.567, "amount"), written(0.012345, "amount")
    ('0.7402', '74.0%', '1,235', '0.01235')
    >>> written(0.0023, "share", signed=True), written(-12.5, "amount", signed=True)
    ('+0.0023', '-12.50')
    """
    sign = "+" if signed else ""
    if shown_as == "share" and not signed:
        return f"{100 * value:.1f}%"
    if shown_as != "amount":
        return f"{value:{sign}.4f}"
    if value == 0 or not math.isfinite(value):
        return f"{value:{sign}.0f}"
    decimals = 3 - math.floor(math.log10(abs(value)))
    # Beyond so many decimals, or digits, nobody counts them.
    return f"{value:{sign},.{max(decimals, 0)}f}" if -9 <= decimals <= 9 else f"{value:{sign}.3e}"
