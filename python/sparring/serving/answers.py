"""Answers of a package: each row's scores and what they mean in the label's own values, in the type that was accepted.

===========  ==========================================  ==================================
task         JSON, JSON Lines, Parquet                   CSV
===========  ==========================================  ==================================
binary       ``score`` (P(positive)), ``predicted``      the score
multiclass   ``probabilities`` (of all classes, in the   the probabilities, comma-separated
             order of the package), ``predicted``
regression   ``predicted``                               the prediction
===========  ==========================================  ==================================

CSV is as SageMaker's own algorithms answer.
"""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sparring.serving.raw_rows import CSV, JSON, JSON_LINES, PARQUET
from sparring.task import Target, Task
from sparring.task.scores import scores_array

PREDICTED = "predicted"
# What Accept may name, the preferred type first.
OFFERED = (CSV, JSON, JSON_LINES, PARQUET)


class Answers:
    """Writes scores as answers.

    Parameters
    ----------
    task : Task
    target : Target
    threshold : float or None
        Of two classes: a score that equals it is positive, as in the evaluation.

    Examples
    --------
    >>> from sparring.task import BINARY
    >>> answers = Answers(BINARY, Target("string", ("no", "yes")), 0.5)
    >>> answers.written(np.array([0.25, 0.5]), "application/jsonlines")
    b'{"score": 0.25, "predicted": "no"}\\n{"score": 0.5, "predicted": "yes"}\\n'
    """

    def __init__(self, task: Task, target: Target, threshold: float | None) -> None:
        self.task, self.target, self.threshold = task, target, threshold
        self._texts = [json.dumps(value) for value in target.classes]

    @property
    def fields(self) -> list[str]:
        """Names of what is answered."""
        return [self.task.score_column(), PREDICTED] if self.target.classes else [PREDICTED]

    def predicted(self, scores: np.ndarray) -> pa.Array:
        """Return the label's value that each row's scores mean, in the label's type; of a number the score itself."""
        if not self.target.classes:
            return pa.array(scores, pa.float64())
        return self.target.decoded(self._codes(scores))

    def _codes(self, scores: np.ndarray) -> np.ndarray:
        return self.task.decisions(scores, self.threshold).astype(np.int64)

    def written(self, scores: np.ndarray, kind: str) -> bytes:
        """Return scores as CSV, JSON, JSON Lines or Parquet, each exact to the last bit."""
        if kind == PARQUET:
            stream = io.BytesIO()
            columns = dict.fromkeys(self.fields, scores_array(scores)) | {PREDICTED: self.predicted(scores)}
            pq.write_table(pa.table(columns), stream)
            return stream.getvalue()
        if kind == CSV:
            return "".join(f"{_line(row)}\n" for row in scores.tolist()).encode()
        rows = self._objects(scores)
        if kind == JSON_LINES:
            return "".join(f"{row}\n" for row in rows).encode()
        return f'{{"predictions": [{", ".join(rows)}]}}'.encode()

    def _objects(self, scores: np.ndarray) -> list[str]:
        if not self.target.classes:
            return [f'{{"{PREDICTED}": {score!r}}}' for score in scores.tolist()]
        pairs = zip(scores.tolist(), self._codes(scores).tolist(), strict=True)
        name = self.task.score_column()
        return [f'{{"{name}": {score!r}, "{PREDICTED}": {self._texts[code]}}}' for score, code in pairs]


def _line(row: float | list[float]) -> str:
    return ",".join(map(repr, row)) if isinstance(row, list) else repr(row)
