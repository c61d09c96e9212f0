"""The three columns of a classifier in pyspark.ml: ``rawPrediction`` and ``probability`` as vectors, ``prediction``."""

from __future__ import annotations

import numpy as np
from pyspark.ml.functions import array_to_vector
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparring.spark.reserved import named
from sparring.task.scores import likeliest

# A probability of 0 or 1 has no logarithm of its odds.
LEAST = float(np.finfo(np.float64).tiny)


def with_class_columns(rows: DataFrame, scores: str, raw: str, probability: str, prediction: str) -> DataFrame:
    """Return the rows with pyspark.ml's three columns of a classifier instead of ``scores``.

    Parameters
    ----------
    rows : DataFrame
    scores : str
        Probability of class 1 (double), or of all classes (array of double).
    raw, probability, prediction : str
        Names of the new columns.
    """
    single = isinstance(rows.schema[scores].dataType, T.DoubleType)
    found = named(scores)
    shares = F.array(1 - found, found) if single else found
    kept = [named(name) for name in rows.columns if name != scores]
    decided = (found >= 0.5).cast("double") if single else likeliest(found).cast("double")
    return rows.select(
        *kept,
        array_to_vector(_raw(found, single)).alias(raw),
        array_to_vector(shares).alias(probability),
        decided.alias(prediction),
    )


def _raw(found: Column, single: bool) -> Column:
    if not single:
        return F.transform(found, lambda share: F.log(F.greatest(share, F.lit(LEAST))))
    odds = F.log(F.greatest(found, F.lit(LEAST))) - F.log(F.greatest(1 - found, F.lit(LEAST)))
    return F.array(-odds, odds)
