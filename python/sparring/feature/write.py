"""Writing the prepared matrix: fitted on train, every part encoded alike, with its fingerprint."""

from __future__ import annotations

from dataclasses import asdict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyspark
from pyspark.errors import PythonException
from pyspark.ml.param import Params
from pyspark.ml.util import DefaultParamsWriter

from sparring.data.contract import GROUP, KEY, LABEL, SPLIT, WEIGHT
from sparring.data.fingerprint import fingerprints_of_frame
from sparring.data.matrix import Encoding, PreparedMatrix
from sparring.data.row_counts import write_rows
from sparring.errors import TableError
from sparring.feature.batches import OUT_OF_RANGE_STEP
from sparring.feature.preparation import FeaturePreparation, FeaturePreparationModel
from sparring.feature.vectors import vector_struct
from sparring.io import storage
from sparring.spark.reserved import PREFIX, named, quoted
from sparring.spark.tasks import reason_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from sparring.config.schema import FeaturesConfig, PrepareConfig


def prepare(rows: DataFrame, features: FeaturesConfig, options: PrepareConfig, seed: int, folder: str) -> Encoding:
    """Fit on train, encode all parts and write them below ``folder``.

    Parameters
    ----------
    rows : DataFrame
        Standardized rows with ``sparring__split`` (train, validation or test) and ``sparring__group`` (string).
    features : FeaturesConfig
    options : PrepareConfig
    seed : int
    folder : str
        Receives ``matrix/split=...``, ``preparation`` (the saved model) and ``encoding.json``.

    Notes
    -----
    Cost: four passes over train to fit, one over all rows to encode and write, one over the matrix for its
    fingerprint; nothing is shuffled but distinct category values.
    """
    model = _estimator(features, options, seed).fit(rows.where(named(SPLIT) == "train"))
    return _write(model, rows, folder)


def _estimator(features: FeaturesConfig, options: PrepareConfig, seed: int) -> FeaturePreparation:
    return FeaturePreparation(
        numericCols=features.numeric,
        cyclicCols=list(features.cyclic),
        cyclicPeriods=list(features.cyclic.values()),
        timestampCols=features.timestamp,
        categoricalCols=features.categorical,
        impute=options.impute,
        scale=options.scale,
        maxCategories=options.max_categories,
        minFrequency=options.min_frequency,
        storage=options.storage,
        outputPrefix=PREFIX,
        seed=seed,
    )


def save_stage(stage: Params, folder: str) -> None:
    """Save a stage as ``stage.write().overwrite().save(folder)`` does, without a session of Spark."""
    # Of a context it asks the version only.
    context: Any = SimpleNamespace(version=pyspark.__version__)
    metadata = DefaultParamsWriter._get_metadata_to_save(stage, context)
    storage.delete(folder)
    for name, text in (("part-00000", f"{metadata}\n"), ("_SUCCESS", "")):
        storage.write_text(storage.join(folder, "metadata", name), text)


def _write(model: FeaturePreparationModel, rows: DataFrame, folder: str) -> Encoding:
    """Write the matrix, then what was learnt; ``encoding.json`` comes last and means that all is there."""
    spark, matrix = rows.sparkSession, PreparedMatrix(folder)
    # Only what is encoded or kept crosses to Python.
    used = rows.select(KEY, LABEL, WEIGHT, GROUP, SPLIT, *map(quoted, model.encoder.columns))
    standard = {KEY: "key", LABEL: "label", WEIGHT: "weight", GROUP: "group", SPLIT: "split"}
    columns = [named(own).alias(name) for own, name in standard.items()]
    vectors = vector_struct(model.getOrDefault("storage"), model.encoder.size, PREFIX)
    encoded = model.transform(used).select(*columns, vectors)
    try:
        write_rows(encoded, matrix.rows, "split")
    except (PythonException, TableError) as error:
        # A number of another part than train, beyond what train's scale takes to float32.
        kind, _, message = reason_of(error).partition(": ")
        if isinstance(error, TableError):
            message = str(error)
        elif not kind.endswith(TableError.__name__):
            raise
        raise TableError(
            f"{message.removesuffix(f'. {OUT_OF_RANGE_STEP}')} once it is scaled as the train part is",
            "Fix the row: next to what train holds it is no plausible number.",
        ) from error
    save_stage(model, storage.join(folder, "preparation"))
    prints = fingerprints_of_frame(spark.read.parquet(matrix.rows))
    encoder = model.encoder
    encoding = Encoding(
        size=encoder.size,
        storage=model.getOrDefault("storage"),
        names=encoder.names,
        fingerprints=prints,
        rows={part: int(text.split("-")[1]) for part, text in prints.items()},
    )
    storage.write_json(storage.join(folder, "encoding.json"), asdict(encoding))
    return encoding
