"""The preparation stage: an Estimator fitted on train, and its Model that adds the features."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import pyarrow as pa
from pyspark.ml.base import Estimator, Model
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.functions import array_to_vector
from pyspark.ml.linalg import VectorUDT
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from sparring.data.numbers import as_number, as_text, outside
from sparring.engine import functions as F
from sparring.feature.batches import FORMS, Form, out_of_range, valid
from sparring.feature.encoder import CategoricalState, CyclicState, Encoder, EncoderState, NumericState
from sparring.feature.statistics import NumericSummary, category_counts, numeric_summaries
from sparring.one_machine.tables import FitsTables, TransformsTables, is_of_spark
from sparring.params import (
    KeywordParams,
    at_least,
    bool_param,
    check_params,
    checked_schema,
    floats_param,
    forbid_columns,
    int_param,
    one_of,
    require_columns,
    text_param,
    texts_param,
)
from sparring.spark.batches import map_batches
from sparring.spark.reserved import named, reserved

NUMBER = (T.NumericType, T.BooleanType)
TIMESTAMP = (T.DateType, T.TimestampType)
ATOMIC = (*NUMBER, *TIMESTAMP, T.StringType)
SPARSE_BELOW = 0.5
ARRAY = reserved("array")


class _FeaturePreparationParams(KeywordParams):
    """Params shared by the estimator and its model."""

    defaults: ClassVar[dict[str, Any]] = {
        "numericCols": [],
        "cyclicCols": [],
        "cyclicPeriods": [],
        "timestampCols": [],
        "categoricalCols": [],
        "impute": "median",
        "scale": True,
        "maxCategories": 200,
        "minFrequency": 1,
        "storage": "vector",
        "outputPrefix": "",
        "seed": 42,
        "handleInvalid": "error",
    }
    numericCols = texts_param("numericCols", "numbers: imputed, scaled")
    cyclicCols = texts_param("cyclicCols", "numbers on a circle: sine and cosine")
    cyclicPeriods = floats_param("cyclicPeriods", "period of each of cyclicCols, > 0")
    timestampCols = texts_param("timestampCols", "dates and times: year; month, weekday and hour as cycles")
    categoricalCols = texts_param("categoricalCols", "values without order: one-hot")
    impute = text_param("impute", "what a missing number becomes: median or mean")
    scale = bool_param("scale", "numbers to mean 0 and standard deviation 1")
    maxCategories = int_param(
        "maxCategories", "commonest values of a category that get a column, >= 1; the others share 'unseen'"
    )
    minFrequency = int_param(
        "minFrequency", "rows of train in which a value of a category must occur to get a column, >= 1"
    )
    storage = text_param(
        "storage",
        "vector: features, a vector; dense: features array<float>; sparse: indices array<int> and values array<float>; "
        "auto: dense or sparse, by density",
    )
    outputPrefix = text_param("outputPrefix", "begins the names of the output columns")
    seed = int_param("seed", "chooses samples of large tables")
    handleInvalid = text_param(
        "handleInvalid",
        "a row with an infinite number or one beyond float32: error, skip (no row) or keep (the number is missing)",
    )

    def _check(self, schema: T.StructType) -> None:
        """Raise unless Params are in range and columns exist, before any job."""
        check_params(
            self,
            {
                "impute": one_of("median", "mean"),
                "storage": one_of("vector", "auto", "dense", "sparse"),
                "handleInvalid": one_of("error", "skip", "keep"),
                "maxCategories": at_least(1),
                "minFrequency": at_least(1),
                "cyclicPeriods": (
                    "one number > 0 for each of cyclicCols",
                    lambda periods: (
                        len(periods) == len(self.getOrDefault("cyclicCols")) and all(period > 0 for period in periods)
                    ),
                ),
            },
        )
        owner = type(self).__name__
        for name, kinds in (
            ("numericCols", NUMBER),
            ("cyclicCols", NUMBER),
            ("timestampCols", TIMESTAMP),
            ("categoricalCols", ATOMIC),
        ):
            require_columns(schema, self.getOrDefault(name), f"{owner}.{name}", kinds)
        prefix = self.getOrDefault("outputPrefix")
        forbid_columns(schema, [f"{prefix}{name}" for name in ("features", "indices", "values")], owner)

    def _outputs(self, storage: str) -> list[T.StructField]:
        """Return the feature columns."""
        prefix, values = self.getOrDefault("outputPrefix"), T.ArrayType(T.FloatType(), False)
        if storage == "vector":
            return [T.StructField(f"{prefix}features", VectorUDT())]
        if storage == "dense":
            return [T.StructField(f"{prefix}features", values, False)]
        indices = T.StructField(f"{prefix}indices", T.ArrayType(T.IntegerType(), False), False)
        return [indices, T.StructField(f"{prefix}values", values, False)]


class FeaturePreparation(
    FitsTables, Estimator[Any], _FeaturePreparationParams, DefaultParamsReadable[Any], DefaultParamsWritable
):
    """Learn imputation, scaling and categories; fit it on the train part only.

    Missing numbers, null or NaN, are imputed, and get an indicator column if train had any.  Categories have two
    columns of their own for values that train did not show, or too rarely (``unseen``), and for nulls (``missing``).

    Parameters
    ----------
    numericCols, cyclicCols, timestampCols, categoricalCols : list of str, default []
        Columns by kind: number; number with a period; date or timestamp; any atomic type.
    cyclicPeriods : list of float, default []
        The period of each of ``cyclicCols``.
    impute : {"median", "mean"}, default "median"
    scale : bool, default True
    maxCategories : int, default 200
        Commonest values of a category that get a column.
    minFrequency : int, default 1
        Rows of train that a value needs for a column; a column of a few ones slows every linear solver.
    storage : {"vector", "dense", "sparse", "auto"}, default "vector"
        ``vector``: ``features`` as pyspark.ml's stages take it, sparse where that is smaller; ``dense``: ``features``
        array<float>; ``sparse``: ``indices`` and ``values``; ``auto``: sparse when less than half of the cells can be
        non-zero, else dense.
    outputPrefix : str, default ""
        Begins the names of the output columns, for tables that have columns of those names.
    seed : int, default 42
    handleInvalid : {"error", "skip", "keep"}, default "error"
        What becomes of a row with an infinite number or one beyond +-3.4e+38, which float32 cannot hold: an error that
        names the column, no row, or a row where that number is missing.  After fitting the same goes for a number
        that scaling takes beyond float32.

    Raises
    ------
    ParamError
        If a Param is out of range.
    SchemaError
        If a column is absent or of the wrong type, or the output columns exist.
    TableError
        With ``handleInvalid="error"``, when rows are read, if a number is out of range.

    Notes
    -----
    Cost of ``fit``: four passes over the train part (ranges, moments, medians, categories), no row is shuffled.

    Examples
    --------
    >>> preparation = FeaturePreparation(numericCols=["distance"], categoricalCols=["origin"])
    >>> model = preparation.fit(train)                                        # doctest: +SKIP
    >>> model.transform(test).select("features").show()                       # doctest: +SKIP
    """

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the feature columns."""
        self._check(schema)
        storage = self.getOrDefault("storage")
        return T.StructType([*schema.fields, *self._outputs("dense" if storage == "auto" else storage)])

    def _fit(self, dataset: DataFrame) -> FeaturePreparationModel:
        self._check(dataset.schema)
        state = self._learn(self._valid(dataset))
        model = FeaturePreparationModel(state=state.to_json(), storage=self._storage(state))
        return self._copyValues(model, {self.storage: model.getOrDefault("storage")})

    def _storage(self, state: EncoderState) -> str:
        chosen = self.getOrDefault("storage")
        if chosen != "auto":
            return chosen
        size = Encoder(state).size
        one_hot = sum(len(category.values) + 2 for category in state.categorical)
        filled = size - one_hot + len(state.categorical)
        return "sparse" if filled < SPARSE_BELOW * size else "dense"

    def _valid(self, dataset: DataFrame) -> DataFrame:
        """Return what is learnt from: without the rows, or the numbers, that float32 cannot hold."""
        names = [*self.getOrDefault("numericCols"), *self.getOrDefault("cyclicCols")]
        reasons = {name: F.coalesce(*outside(name, as_number(named(name)))) for name in names}
        how = self.getOrDefault("handleInvalid")
        if not names:
            return dataset
        if how == "keep":
            kept = {name: F.when(reason.isNull(), named(name)) for name, reason in reasons.items()}
            return dataset.select(*[kept.get(name, named(name)).alias(name) for name in dataset.columns])
        reason = F.coalesce(*reasons.values())
        if how == "error":
            found = dataset.agg(F.min(reason)).collect()[0][0]
            if found is not None:
                raise out_of_range(found)
        return dataset.where(reason.isNull())

    def _learn(self, dataset: DataFrame) -> EncoderState:
        numbers, timestamps = self.getOrDefault("numericCols"), self.getOrDefault("timestampCols")
        expressions = {name: named(name).cast("double") for name in numbers}
        expressions |= {name: F.year(named(name)).cast("double") for name in timestamps}
        summaries = numeric_summaries(dataset, expressions, self.getOrDefault("seed"))
        categories = category_counts(
            dataset,
            self.getOrDefault("categoricalCols"),
            self.getOrDefault("maxCategories"),
            self.getOrDefault("minFrequency"),
        )
        periods = zip(self.getOrDefault("cyclicCols"), self.getOrDefault("cyclicPeriods"), strict=True)
        return EncoderState(
            numeric=[self._numeric_state(name, summaries[name]) for name in numbers],
            cyclic=[CyclicState(name, period) for name, period in periods],
            timestamp=[self._numeric_state(name, summaries[name]) for name in timestamps],
            categorical=[CategoricalState(name, values) for name, values in categories.items()],
        )

    def _numeric_state(self, name: str, summary: NumericSummary) -> NumericState:
        fill = summary.median if self.getOrDefault("impute") == "median" else summary.mean
        # A constant column keeps its place and becomes 0: its deviation must not divide.
        scale = summary.deviation if self.getOrDefault("scale") and summary.deviation > 0 else 1.0
        shift = summary.mean if self.getOrDefault("scale") else 0.0
        return NumericState(name, fill, shift, scale, summary.missing > 0)


class FeaturePreparationModel(
    TransformsTables, Model, _FeaturePreparationParams, DefaultParamsReadable[Any], DefaultParamsWritable
):
    """The fitted preparation: adds ``features``, or ``indices`` and ``values``, to a table.

    Attributes
    ----------
    encoder : Encoder
        The same encoding without Spark, for a server or a single machine.

    Notes
    -----
    Cost of ``transform``: one pass in whole Arrow batches, no shuffle.
    """

    state = text_param("state", "what was learnt, as JSON")

    defaults: ClassVar[dict[str, Any]] = {"storage": "dense"}

    @property
    def encoder(self) -> Encoder:
        """The fitted encoding, free of Spark."""
        return Encoder(EncoderState.from_json(self.getOrDefault("state")))

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check columns; return the schema with the feature columns."""
        self._check(schema)
        return T.StructType([*schema.fields, *self._outputs(self.getOrDefault("storage"))])

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = checked_schema(self, dataset)
        storage = self.getOrDefault("storage")
        if storage != "vector" or not is_of_spark(dataset):
            return self._encoded(dataset, schema, FORMS[storage])
        arrays = T.StructType([*schema.fields[:-1], T.StructField(ARRAY, T.ArrayType(T.FloatType(), False), False)])
        encoded = self._encoded(dataset, arrays, FORMS["dense"])
        # Told their size, Spark does not look for it in the first row, for which it would end a worker.
        size = {"ml_attr": {"num_attrs": self.encoder.size}}
        vectors = encoded.withColumn(
            ARRAY, array_to_vector(F.col(ARRAY).cast("array<double>")).alias(ARRAY, metadata=size)
        )
        # It makes sparse vectors where these are smaller, in the JVM.
        assembled = VectorAssembler(inputCols=[ARRAY], outputCol=schema.names[-1]).transform(vectors)
        return assembled.drop(ARRAY)

    def _encoded(self, dataset: DataFrame, schema: T.StructType, form: Form) -> DataFrame:
        """Return the rows with their features in a form, in the columns that ``schema`` ends with."""
        encoder, width, how = self.encoder, len(dataset.columns), self.getOrDefault("handleInvalid")
        # Spark's text of a category, as it was learnt: Arrow writes 1.0 as 1.
        kinds = {name: dataset.schema[name].dataType for name in self.getOrDefault("categoricalCols")}
        other = [name for name, kind in kinds.items() if not isinstance(kind, T.StringType)]
        texts = [as_text(named(name), kinds[name]).alias(reserved(f"text{at}")) for at, name in enumerate(other)]

        def encode(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
            for batch in batches:
                given = pa.RecordBatch.from_arrays(batch.columns[:width], names=schema.names[:width])
                stays, read = valid(given, encoder, how)
                columns = form(encoder, read, dict(zip(other, batch.columns[width:], strict=True)))
                whole = pa.RecordBatch.from_arrays([*given.columns, *columns], names=schema.names)
                yield whole if stays is None else whole.filter(stays)

        return map_batches(dataset.select("*", *texts), encode, schema)
