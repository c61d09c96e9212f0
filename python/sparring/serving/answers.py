"""Answers of a package: for each row its score and the label's value that it means, in the type that was accepted."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sparring.serving.raw_rows import CSV, JSON, JSON_LINES, PARQUET
from sparring.task.label import LabelValues

SCORE, PREDICTED = "score", "predicted"
# What Accept may name, the preferred type first.
OFFERED = (CSV, JSON, JSON_LINES, PARQUET)
ARROW_TYPES = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
}


class Answers:
    """Writes scores as answers.

    Parameters
    ----------
    labels : LabelValues
    threshold : float
        A score that equals it is positive, as in the evaluation.

    Examples
    --------
    >>> answers = Answers(LabelValues("string", "no", "yes"), 0.5)
    >>> answers.written(np.array([0.25, 0.5]), "application/jsonlines")
    b'{"score": 0.25, "predicted": "no"}\\n{"score": 0.5, "predicted": "yes"}\\n'
    """

    def __init__(self, labels: LabelValues, threshold: float) -> None:
        self.threshold = threshold
        self.values = _array(labels)
        self._texts = [json.dumps(value) for value in (labels.negative, labels.positive)]

    def predicted(self, scores: pa.Array | np.ndarray) -> pa.Array:
        """Return the label's value of each score, in the label's type; null for null."""
        scores = pa.array(scores, pa.float64())
        positive = np.asarray(scores.fill_null(0.0)) >= self.threshold
        return self.values.take(pa.array(positive.astype(np.int8), mask=np.asarray(scores.is_null())))

    def written(self, scores: np.ndarray, kind: str) -> bytes:
        """Return scores as CSV (one a line), JSON, JSON Lines or Parquet, each exact to the last bit.

        All but CSV hold ``score`` and ``predicted``; CSV is the score alone, as SageMaker's own algorithms answer.
        """
        if kind == PARQUET:
            stream = io.BytesIO()
            pq.write_table(pa.table({SCORE: scores, PREDICTED: self.predicted(scores)}), stream)
            return stream.getvalue()
        if kind == CSV:
            return "".join(f"{score!r}\n" for score in scores.tolist()).encode()
        rows = self._objects(scores)
        if kind == JSON_LINES:
            return "".join(f"{row}\n" for row in rows).encode()
        return f'{{"predictions": [{", ".join(rows)}]}}'.encode()

    def _objects(self, scores: np.ndarray) -> list[str]:
        positive = (scores >= self.threshold).tolist()
        pairs = zip(scores.tolist(), positive, strict=True)
        return [f'{{"{SCORE}": {score!r}, "{PREDICTED}": {self._texts[side]}}}' for score, side in pairs]


def _array(labels: LabelValues) -> pa.Array:
    """Return the negative and the positive value as Spark's type of the label has them."""
    both = [labels.negative, labels.positive]
    if labels.type.startswith("decimal("):
        precision, scale = labels.type.removeprefix("decimal(").rstrip(")").split(",")
        return pa.array(both, pa.string()).cast(pa.decimal128(int(precision), int(scale)))
    return pa.array(both, ARROW_TYPES.get(labels.type, pa.string()))
