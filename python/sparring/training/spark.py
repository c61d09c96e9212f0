"""Training on Spark: the session, and what all of MLlib's trainers share."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from sparring.data.fingerprint import fingerprints_of_frame
from sparring.data.matrix import PreparedMatrix
from sparring.feature.vectors import read_vectors
from sparring.io import storage
from sparring.spark.session import SessionSpec, get_session, s3a_settings
from sparring.task import task_named
from sparring.training.phases import Phases
from sparring.training.predictions import write_scored
from sparring.training.spec import Outcome, RowsRead, TrainingSpec
from sparring.training.trainer import Trainer

if TYPE_CHECKING:
    from pyspark.ml import Estimator, Model
    from pyspark.sql import DataFrame, SparkSession

COLUMNS: dict[str, Any] = {"featuresCol": "features", "labelCol": "label", "weightCol": "weight"}


def session_of(spec: TrainingSpec) -> SparkSession:
    """Return the contender's Spark session."""
    settings = s3a_settings([spec.matrix])
    spark = get_session(SessionSpec(f"sparring {spec.name}", spec.cores, spec.memory, **settings))
    spark.sparkContext.setLogLevel("ERROR")
    return spark


class MllibTrainer(Trainer):
    """A trainer of MLlib: an estimator on vectors."""

    engine = "spark"
    library = "mllib"

    @abstractmethod
    def estimator(self, spec: TrainingSpec) -> Estimator[Any]:
        """Return the estimator; Spark must be running."""

    @abstractmethod
    def save(self, model: Any, spec: TrainingSpec) -> None:
        """Write what is served besides the model in MLlib's own form."""

    def fit(self, spec: TrainingSpec, phases: Phases) -> tuple[Outcome, RowsRead]:
        """Fit, score and write with Spark.

        Notes
        -----
        Phases: session, fit (with the reading of the vectors), score (with the writing of predictions), write.

        Cost: the fit's own passes over the files, and one to score.  Train is not cached here: MLlib keeps it in a form
        of its own, and a second copy cost more than it saved.
        """
        with phases("session"):
            spark = session_of(spec)
        estimator = self.estimator(spec)
        rows = read_vectors(spark, PreparedMatrix(spec.matrix))
        train, scored = rows.where("split = 'train'").coalesce(spec.cores), rows.where("split <> 'train'")
        with phases("fit"):
            model = estimator.fit(train)
        with phases("score"):
            column = task_named(spec.task).score_column()
            write_scored(_scored(model, scored, spec), column, spec.predictions)
        with phases("write"):
            model.write().overwrite().save(storage.join(spec.model, "mllib"))
            self.save(model, spec)
        outcome = Outcome(hyperparameters=self.effective(), versions={"spark": spark.version})
        return outcome, lambda: fingerprints_of_frame(rows)


def _scored(model: Model, rows: DataFrame, spec: TrainingSpec) -> DataFrame:
    from pyspark.ml.functions import vector_to_array
    from pyspark.sql import functions as F

    column, scored = task_named(spec.task).score_column(), model.transform(rows)
    if spec.class_count == 0:
        return scored.withColumn(column, F.col("prediction"))
    probabilities = vector_to_array(F.col("probability"))
    return scored.withColumn(column, probabilities[1] if spec.class_count == 2 else probabilities)
