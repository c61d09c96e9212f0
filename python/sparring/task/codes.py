"""Checks of labels that are codes of classes."""

from __future__ import annotations

import numpy as np

from sparring.errors import LabelError


def require_codes(labels: np.ndarray, count: int, owner: str) -> None:
    """Raise :class:`LabelError` unless ``labels`` are the codes 0 to ``count`` - 1, all present; ``owner`` has them.

    Examples
    --------
    >>> require_codes(np.array([1.0, 0.0]), 2, "the predictions")
    """
    found = np.unique(labels)
    if found.tolist() == list(range(count)):
        return
    wanted = "0 and 1, both present" if count == 2 else f"all codes from 0 to {count - 1}"
    raise LabelError(
        f"The labels in {owner} are {found.tolist()[:5]}; metrics need {wanted}",
        "Check the label column, or make the part larger.",
    )
