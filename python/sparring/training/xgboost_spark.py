"""XGBoost on Spark: XGBoost's own distributed training, in tasks that run at the same time (barrier mode).

``xgboost.spark`` has an estimator for this.  It is not used, for it cannot keep what makes contenders comparable: it
gives rows to workers at random, reads sparse vectors with zeros as missing cells, and so with one worker makes another
model than one machine does.  Here each worker holds the rows whose hash of the key is its own, in the order of their
keys, with absent cells missing: the same training calls on the same rows.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.config.schema import RunConfig
from sparring.data.fingerprint import fingerprints_of_frame
from sparring.data.matrix import PreparedMatrix
from sparring.errors import ConfigError, TrainingError
from sparring.feature.vectors import read_arrays, read_vectors
from sparring.io import storage
from sparring.io.cells import cells_of, stack
from sparring.models import XGBoostModel
from sparring.spark.batches import map_batches
from sparring.spark.cluster import task_slots
from sparring.task import task_named
from sparring.task.scores import score_type, scores_array
from sparring.training.phases import Phases
from sparring.training.predictions import ROW, write_scored
from sparring.training.spark import session_of
from sparring.training.spec import Outcome, RowsRead, TrainingSpec
from sparring.training.trainer import Equivalence
from sparring.training.xgboost_parameters import XGBoostParameters
from sparring.training.xgboost_single_node import BOOSTER
from sparring.training.xgboost_trainer import XGBoostTrainer

if TYPE_CHECKING:
    import xgboost
    from pyspark.sql import DataFrame, SparkSession

WORKERS, WORKER, IS_VALIDATION = "num_workers", "sparring__worker", "sparring__validation"
SUMMARY = "training_summary.json"


class SparkXGBoost(XGBoostTrainer):
    """XGBoost, distributed over Spark's tasks; a cell absent from a row is missing to it.

    Notes
    -----
    One worker makes the model that one machine makes.  Several make another one, for each builds its histograms'
    bounds from its own rows; two runs with as many workers make the same.
    """

    engine = "spark"
    title = "XGBoost on Spark"

    def __init__(self, hyperparameters: dict[str, Any], owner: str) -> None:
        given = dict(hyperparameters)
        self.workers = given.pop(WORKERS, None)
        if self.workers is not None and (isinstance(self.workers, bool) or not isinstance(self.workers, int)):
            raise ConfigError(f"{owner}: {WORKERS} must be a whole number >= 1, got {self.workers!r}", "Change it.")
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"{owner}: {WORKERS} must be a whole number >= 1, got {self.workers}", "Change it.")
        super().__init__(given, owner)

    def effective(self) -> dict[str, Any]:
        """Return all hyperparameters, defaults included."""
        return {**self.parameters.effective(), WORKERS: self.workers or "one a core"}

    def check_environment(self, config: RunConfig) -> None:
        """Raise :class:`ConfigError` for more workers than can run at the same time on this machine."""
        cores = config.resources.cores
        if cores is not None and self.workers is not None and self.workers > cores:
            raise ConfigError(
                f"{WORKERS} is {self.workers} and resources.cores {cores}: the workers could not run at the same time",
                f"Set {WORKERS} to {cores} at most.",
            )

    def equivalence(self, spec: TrainingSpec) -> Equivalence:
        """Return the group of all XGBoosts; the scores agree where one worker sees the rows in one order."""
        group = super().equivalence(spec)
        return group if self.worker_count(spec) == 1 else replace(group, score_tolerance=None)

    def worker_count(self, spec: TrainingSpec) -> int:
        """Return the number of workers: as configured, or one for each core."""
        return int(self.workers or spec.cores)

    def fit(self, spec: TrainingSpec, phases: Phases) -> tuple[Outcome, RowsRead]:
        """Fit, score and write with Spark.

        Notes
        -----
        Phases: session, fit (with one shuffle of the rows to their workers), score (with the writing of predictions),
        write.  Workers hold their rows in memory.
        """
        import xgboost

        with phases("session"):
            spark = session_of(spec)
        workers, matrix = self.worker_count(spec), PreparedMatrix(spec.matrix)
        _require_slots(spark, workers)
        rows = read_arrays(spark, matrix)
        with phases("fit"):
            model, summary = self._trained(rows, matrix.encoding().size, workers, spec)
        with phases("score"):
            column = task_named(spec.task).score_column()
            scored = score_rows(model, rows.where("split <> 'train'"), spec)
            write_scored(scored, column, spec.predictions)
        with phases("write"):
            storage.write_bytes(storage.join(spec.model, BOOSTER), model.data)
            storage.write_json(storage.join(spec.model, SUMMARY), summary)
        outcome = Outcome(
            hyperparameters={**self.effective(), WORKERS: workers},
            capacity=self.parameters.capacity(model.booster),
            versions={"spark": spark.version, "xgboost": xgboost.__version__},
            notes=[f"Trained by {workers} workers at the same time, a thread each."],
        )
        return outcome, lambda: fingerprints_of_frame(read_vectors(spark, matrix))

    def _trained(
        self, rows: DataFrame, size: int, workers: int, spec: TrainingSpec
    ) -> tuple[XGBoostModel, dict[str, Any]]:
        """Return the model, and the loss of each round."""
        from pyspark.sql import functions as F

        stops = self.parameters.early_stopping_rounds is not None
        used = rows.where("split = 'train'" if not stops else "split <> 'test'")
        native = self.parameters.native(1, spec.seed, spec.task, spec.class_count)
        placed = used.withColumn(IS_VALIDATION, F.col("split") == "validation").drop("split", "group")
        with _tracker(rows.sparkSession, workers) as contact:
            work = _worker(self.parameters, native, size, contact)
            answers = _placed(placed, workers).mapInArrow(work, "model binary, summary string", barrier=True)
            (answer,) = [row for row in answers.collect() if row["model"] is not None]
        return XGBoostModel(bytes(answer["model"])), json.loads(answer["summary"])

    @classmethod
    def load_model(cls, folder: str) -> XGBoostModel:
        """Return the booster that the fit left in ``folder``, as a model that scores without Spark."""
        return XGBoostModel(storage.read_bytes(storage.join(folder, BOOSTER)))


def score_rows(model: XGBoostModel, rows: DataFrame, spec: TrainingSpec) -> DataFrame:
    """Return the rows of a matrix with the scores of a booster.

    Notes
    -----
    Cost: one pass in Arrow batches; the booster travels with the tasks.
    """
    from pyspark.sql import types as T

    column = task_named(spec.task).score_column()
    kind = score_type(spec.score_count)
    schema = T.StructType([*(rows.schema[name] for name in ROW), T.StructField(column, kind)])
    data = rows.sparkSession.sparkContext.broadcast(model.data)

    def scored(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        booster = XGBoostModel(data.value)
        for batch in batches:
            if batch.num_rows:
                scores = scores_array(booster.scores(cells_of(batch)))
                yield pa.RecordBatch.from_arrays([*(batch.column(name) for name in ROW), scores], [*ROW, column])

    return map_batches(rows, scored, schema)


def _placed(rows: DataFrame, workers: int) -> DataFrame:
    """Return the rows, those of a worker in one partition in the order of their keys, whatever the partitioning was."""
    from pyspark.sql import functions as F

    if workers == 1:
        # Barrier mode takes no coalesce.
        return rows.repartition(1).sortWithinPartitions("key")
    numbers = F.array(*[F.lit(number) for number in _numbers(rows.sparkSession, workers)])
    worker = numbers[F.pmod(F.xxhash64("key"), F.lit(workers)).cast("int")]
    return rows.withColumn(WORKER, worker).repartition(workers, WORKER).sortWithinPartitions("key").drop(WORKER)


def _numbers(spark: SparkSession, workers: int) -> list[int]:
    """Return a number for each worker that Spark's own hash puts into a partition of its own."""
    from pyspark.sql import functions as F

    place = F.pmod(F.hash(F.col("id").cast("int")), F.lit(workers))
    found = spark.range(100 * workers).groupBy(place.alias("place")).agg(F.min("id").alias("number")).collect()
    return [int(row["number"]) for row in sorted(found, key=lambda row: row["place"])]


def _worker(
    parameters: XGBoostParameters, native: dict[str, Any], size: int, contact: dict[str, Any]
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return what each task does with its rows."""

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import xgboost
        from pyspark import TaskContext

        context = TaskContext.get()
        assert context is not None
        number = context.partitionId()
        held = [batch for batch in batches if batch.num_rows]
        with ExitStack() as together:
            if contact:
                told = {**contact, "dmlc_task_id": f"{number:08d}"}
                together.enter_context(xgboost.collective.CommunicatorContext(**told))
            booster, summary = _train(held, parameters, native, size)
        first = number == 0
        model = bytes(booster.save_raw("ubj")) if first else None
        yield pa.RecordBatch.from_pydict(
            {"model": pa.array([model], pa.binary()), "summary": pa.array([json.dumps(summary)])}
        )

    return work


def _train(
    held: list[pa.RecordBatch], parameters: XGBoostParameters, native: dict[str, Any], size: int
) -> tuple[xgboost.Booster, dict[str, Any]]:
    """Train with the other workers on the rows of this one."""
    import xgboost

    train, validation = (_matrix(held, size, wanted) for wanted in (False, True))
    history: dict[str, Any] = {}
    watched: dict[str, Any] = {"evals": [(train, "train")]}
    if parameters.early_stopping_rounds is not None:
        stop = xgboost.callback.EarlyStopping(rounds=parameters.early_stopping_rounds, save_best=True)
        watched = {"evals": [(train, "train"), (validation, "validation")], "callbacks": [stop]}
    booster = xgboost.train(
        native, train, num_boost_round=parameters.num_round, evals_result=history, verbose_eval=False, **watched
    )
    return booster, history


def _matrix(held: list[pa.RecordBatch], size: int, validation: bool) -> xgboost.DMatrix:
    """Return the rows of train or of validation; a worker may have none."""
    import xgboost

    chosen = [batch.filter(pc.equal(batch.column(IS_VALIDATION), validation)) for batch in held]
    parts = [batch for batch in chosen if batch.num_rows]
    if not parts:
        empty = np.empty((0, size), dtype=np.float32)
        return xgboost.DMatrix(empty, label=np.empty(0), nthread=1)
    features = stack([cells_of(batch) for batch in parts], size)
    labels, weights = (np.concatenate([np.asarray(b.column(name)) for b in parts]) for name in ("label", "weight"))
    return xgboost.DMatrix(features, label=labels, weight=weights, nthread=1)


def _require_slots(spark: SparkSession, workers: int) -> None:
    """Raise unless all workers can run at the same time."""
    slots = task_slots(spark)
    if workers > slots:
        raise TrainingError(
            f"XGBoost on Spark wants {workers} workers at the same time, this Spark runs {slots} tasks",
            f"Set {WORKERS} to {slots} at most, or give the job more executors.",
        )
    if spark.conf.get("spark.dynamicAllocation.enabled", "false") == "true":
        raise TrainingError(
            "XGBoost on Spark needs workers at the same time, and Spark allocates executors as it sees fit",
            "Set spark.dynamicAllocation.enabled=false.",
        )


@contextmanager
def _tracker(spark: SparkSession, workers: int) -> Iterator[dict[str, Any]]:
    """Yield how workers find each other: by XGBoost's tracker in this process.  One worker needs none."""
    if workers == 1:
        yield {}
        return
    from xgboost.tracker import RabitTracker

    host = str(spark.sparkContext.getConf().get("spark.driver.host", "127.0.0.1"))
    tracker = RabitTracker(host_ip=socket.gethostbyname(host), n_workers=workers, sortby="task")
    tracker.start()
    try:
        yield dict(tracker.worker_args())
    finally:
        tracker.free()
