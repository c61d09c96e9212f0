"""Linear models: logistic regression of two and of several classes, linear, Poisson and gamma regression."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sparring.io.cells import Cells
from sparring.models.links import LINKS
from sparring.models.model import Model

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class LinearModel(Model):
    """Intercepts and coefficients, and the penalty that they were fitted under.

    Attributes
    ----------
    intercept : ndarray of float64, shape (rows,)
        One row, or one for each of several classes; not penalised.
    coefficients : ndarray of float64, shape (rows, size)
    link : {"logistic", "softmax", "identity", "poisson", "gamma"}
        From margins to scores; the last two are exponentials.
    reg_param, elastic_net_param : float
        Strength of the penalty, and the share of the L1 norm in it.
    """

    name: ClassVar[str] = "linear"
    file_name: ClassVar[str] = "linear.json"

    intercept: np.ndarray
    coefficients: np.ndarray
    link: str = "logistic"
    reg_param: float = 0.0
    elastic_net_param: float = 0.0

    def __post_init__(self) -> None:
        # One intercept and one row of coefficients may be given as they are.
        object.__setattr__(self, "intercept", np.atleast_1d(np.asarray(self.intercept, dtype=np.float64)))
        object.__setattr__(self, "coefficients", np.atleast_2d(np.asarray(self.coefficients, dtype=np.float64)))

    @property
    def width(self) -> int:
        """Number of feature columns that the model knows."""
        return self.coefficients.shape[1]

    def scores(self, cells: Cells) -> np.ndarray:
        """Return the scores of the rows, float64."""
        values, count = cells.values.astype(np.float64), len(cells.offsets) - 1
        rows = np.repeat(np.arange(count), np.diff(cells.offsets))
        margins = [
            np.bincount(rows, weights=values * coefficients[cells.indices], minlength=count)
            for coefficients in self.coefficients
        ]
        return LINKS[self.link](np.column_stack(margins) + self.intercept)

    def objective(self, features: csr_matrix | np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
        """Return what was minimised: the mean loss and lambda ((1-a)/2 |w|^2 + a |w|_1).

        The loss is the log loss of a classifier, in nats a row; of a regression half the squared error, or the negative
        log likelihood of Poisson's or the gamma distribution, less what does not depend on the model.

        Parameters
        ----------
        features : csr_matrix or ndarray, shape (n, size)
            Computed in float64 whatever is stored.
        labels, weights : ndarray of float64, shape (n,)
            Class codes, or numbers.

        Examples
        --------
        >>> model = LinearModel(np.zeros(1), np.zeros((1, 1)), "logistic", 0.1)
        >>> round(model.objective(np.array([[1.0], [2.0]]), np.array([0.0, 1.0]), np.ones(2)), 6)
        0.693147
        """
        margins = features.astype(np.float64) @ self.coefficients.T + self.intercept
        losses = _losses(self.link, margins, labels)
        w, share = self.coefficients, self.elastic_net_param
        penalty = (1 - share) / 2 * float((w * w).sum()) + share * float(np.abs(w).sum())
        return float(weights @ losses / weights.sum() + self.reg_param * penalty)

    def save(self, path: Path) -> None:
        """Write the coefficients as JSON."""
        path.write_text(json.dumps(self.to_dict(), allow_nan=False))

    @classmethod
    def load(cls, path: Path) -> LinearModel:
        """Return the coefficients in a JSON file, a package's or a run's ``coefficients.json``."""
        return cls.from_dict(json.loads(path.read_text()))

    def to_dict(self) -> dict[str, Any]:
        """Return the model as plain values; one row of coefficients is a list of numbers."""
        single = len(self.coefficients) == 1
        return {
            "link": self.link,
            "intercept": float(self.intercept[0]) if single else self.intercept.tolist(),
            "coefficients": self.coefficients[0].tolist() if single else self.coefficients.tolist(),
            "regParam": self.reg_param,
            "elasticNetParam": self.elastic_net_param,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> LinearModel:
        """Return the model that :meth:`to_dict` wrote; one without a link is a logistic regression."""
        return cls(
            stored["intercept"],
            stored["coefficients"],
            stored.get("link", "logistic"),
            float(stored.get("regParam", 0.0)),
            float(stored.get("elasticNetParam", 0.0)),
        )


def _losses(link: str, margins: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the loss of each row."""
    if link == "identity":
        return (margins[:, 0] - labels) ** 2 / 2
    if link == "poisson":
        return np.exp(margins[:, 0]) - labels * margins[:, 0]
    if link == "gamma":
        return labels * np.exp(-margins[:, 0]) + margins[:, 0]
    if link == "logistic":
        return np.logaddexp(0.0, np.where(labels == 1, -margins[:, 0], margins[:, 0]))
    highest = margins.max(axis=1)
    total = highest + np.log(np.exp(margins - highest[:, None]).sum(axis=1))
    return total - margins[np.arange(len(labels)), labels.astype(int)]
