"""Exact duplicates: rows whose chosen columns are equal, in one shuffle."""

from __future__ import annotations

from typing import Any, ClassVar

from pyspark.ml.base import Transformer
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from sparring.data.canonical import canonical_hash
from sparring.dedup.survivor import SurvivorParams
from sparring.one_machine.tables import TransformsTables
from sparring.params import bool_param, checked_schema, require_columns, texts_param


class Deduplicator(TransformsTables, Transformer, SurvivorParams, DefaultParamsReadable[Any], DefaultParamsWritable):
    """Mark which rows are copies of others, and which one of each cluster survives.

    All rows stay; keep the survivors with ``where("isSurvivor")``.

    Parameters
    ----------
    inputCols : list of str, default []
        Columns that make two rows equal; empty means all.
    keyCols : list of str, default []
        Break the last tie between rows of a cluster; without them rows equal in every column are alike anyway.
    survivor : str, default "first"
        ``first`` by key; ``latest`` by ``timeCol``; ``most_complete``, fewest nulls over all columns; ``max:COL``,
        the largest value of ``COL``.
    timeCol : str, optional
        For ``latest``.
    labelCol : str, optional
        For ``conflicts``.
    conflicts : {"keep", "drop", "majority"}, default "keep"
        A cluster with more than one label: its survivor stays; no row stays; the survivor is one of the
        commonest label, a tie being settled by ``survivor``.
    normalizeUnicode : bool, default False
        Compare text after Unicode normalisation form C.
    clusterCol, survivorCol : str, default "clusterId", "isSurvivor"
        Output: 32 hexadecimal digits that equal rows share, and a boolean.

    Raises
    ------
    ParamError, SchemaError
        Before any job.

    Notes
    -----
    Cost of ``transform``: one shuffle of the rows by hash, a sort within partitions, O(rows log rows); a row with
    a million copies is one sorted run that spills, no pair of copies is ever compared.

    Examples
    --------
    >>> marked = Deduplicator(inputCols=["name", "city"], keyCols=["id"]).transform(people)   # doctest: +SKIP
    >>> unique = marked.where("isSurvivor")                                                   # doctest: +SKIP
    """

    defaults: ClassVar[dict[str, Any]] = {"inputCols": [], "normalizeUnicode": False}
    inputCols = texts_param("inputCols", "columns that make two rows equal; empty = all")
    normalizeUnicode = bool_param("normalizeUnicode", "compare text after Unicode NFC")

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the two output columns."""
        require_columns(schema, self.getOrDefault("inputCols"), "Deduplicator.inputCols")
        return self._with_marks(schema)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        checked_schema(self, dataset)
        columns = self.getOrDefault("inputCols") or dataset.columns
        identity = canonical_hash(columns, dataset.schema, self.getOrDefault("normalizeUnicode"))
        return self._mark_survivors(dataset.withColumn(self.getOrDefault("clusterCol"), identity), dataset)
