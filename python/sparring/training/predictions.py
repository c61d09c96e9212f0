"""Stored predictions, as every trainer writes them: key, split, label, weight, group and the scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sparring.data.matrix import Part
from sparring.io import storage
from sparring.task.scores import PROBABILITIES, SCORE, scores_array

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ROW = ("key", "split", "label", "weight", "group")


def write_predictions(folder: str, part: str, rows: Part, scores: np.ndarray) -> None:
    """Write the scores of ``part`` as one Parquet file below ``folder``."""
    table = pa.table(
        {
            "key": pa.array(rows.keys, pa.string()),
            "split": pa.array([part] * len(rows.keys), pa.string()),
            "label": rows.labels,
            "weight": rows.weights,
            "group": pa.array(rows.groups, pa.string()),
            SCORE if scores.ndim == 1 else PROBABILITIES: scores_array(scores),
        }
    )
    system, inner = storage.filesystem(folder)
    system.create_dir(inner, recursive=True)
    pq.write_table(table, f"{inner}/part-{part}.parquet", filesystem=system)


def write_scored(scored: DataFrame, column: str, folder: str) -> None:
    """Write the predictions that Spark holds, with the scores in ``column``."""
    scored.select(*ROW, column).write.mode("overwrite").parquet(folder)
