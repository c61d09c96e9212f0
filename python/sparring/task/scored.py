"""Scored rows of one part, as a task sees them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Scored:
    """Labels with what was predicted for them.

    Attributes
    ----------
    labels, weights : ndarray of float64, shape (n,)
    scores : ndarray of float64, shape (n,) or (n, classes)
    decisions : ndarray of float64, shape (n,)
        The labels that the scores stand for.
    names : list of str
        The classes as their owner writes them, in the order of their codes; empty for numbers.
    label : str
        Name of the label's column, which is also the unit of a number.
    """

    labels: np.ndarray
    weights: np.ndarray
    scores: np.ndarray
    decisions: np.ndarray
    names: list[str] = field(default_factory=list)
    label: str = "label"
