"""Scoring a table with a finished run's model: rows in, predictions and quarantined rows out, and what it took."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from sparring.config.load import apply_overrides, parse_config
from sparring.config.prices import load_prices
from sparring.config.schema import RunConfig, TableConfig
from sparring.data.contract import KEY, REASON
from sparring.data.moments import exact_moments
from sparring.errors import ConfigError, EndpointError
from sparring.inference.cost import serving_cost
from sparring.inference.decision import predicted_column
from sparring.inference.modes import MODES, PROBABILITY, Scoring
from sparring.inference.table import key_columns, open_rows
from sparring.io import storage
from sparring.one_machine.choice import AUTO, ONE_MACHINE, SPARK, Engine, Source, engine_for, session_on
from sparring.report.scoring import FACTS, FOLDER
from sparring.report.write import refresh_report
from sparring.run.manifest import require_run
from sparring.run.package import archive, package
from sparring.sagemaker.emulator import open_target
from sparring.sagemaker.resource_registry import ResourceRegistry, registry_path
from sparring.sagemaker.target import AwsTarget
from sparring.serving.manifest import PackageManifest
from sparring.spark.reserved import named, quoted, reserved
from sparring.spark.session import SessionSpec, available_cores, s3a_settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

BUILTIN = "builtin:"
# Modes that need no account: named after the engine that scores.
HERE = (ONE_MACHINE, SPARK)
# The scores of one class and of several, and the label's own value.
SCORES, PREDICTED = ("probability", "probabilities"), "predicted"
EMULATOR_NOTE = "served by the local emulator of SageMaker: its time and price are not SageMaker's"


@dataclass(frozen=True)
class Prediction:
    """One table to score.

    Attributes
    ----------
    table : str
        Parquet, CSV or JSON; any path Spark reads.  ``builtin:flights`` is the demo's own table: what
        ``table.builtin`` may be.
    run : str
        Folder of a finished run.
    mode : {"auto", "one_machine", "spark", "realtime", "serverless", "async", "batch"}
        ``auto`` is ``one_machine`` or ``spark``, whichever reads the table (see ``engine`` of the configuration).
    contender : str or None
        Whose model; None is the verdict's choice.
    out : str or None
        Folder for the result; None is ``scoring/MODE`` in the run's folder.
    overrides : list of str
        ``key=value`` of the run's configuration, such as ``predict.requests.max_rows=1000``.
    """

    table: str
    run: str
    mode: str
    contender: str | None = None
    out: str | None = None
    overrides: tuple[str, ...] = ()

    def execute(self) -> dict[str, Any]:
        """Score the table and return the facts, which ``scoring.json`` beside the predictions holds too.

        ``OUT/predictions`` (key columns; predicted: the label's own value; and
        probability, of several classes probabilities: an array in the order of ``target.classes`` in scoring.json) and
        ``OUT/quarantined``
        (key columns, reason) are written as Parquet.  Without ``out`` the run's page tells of it too.

        Raises
        ------
        SparringError
            Before anything is created, if the run, the contender, the table or the configuration is not usable; later
            if scoring fails.  Nothing that was created or half-written stays.
        """
        if self.mode != AUTO and self.mode not in MODES:
            allowed = ", ".join((AUTO, *MODES))
            raise ConfigError(f"mode must be one of {allowed}, got {self.mode!r}", "Choose one of them.")
        config = self._config()
        table = self._table(config)
        engine = engine_for(self.mode if self.mode in HERE else config.engine, [Source.of(table)])
        if self.mode == AUTO:
            return replace(self, mode=engine.name).execute()
        folder = self._folder()
        with ExitStack() as resources:
            unpacked = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="sparring-predict-")))
            manifest = package(self.run, self.contender, unpacked, config.predict.threshold)
            packed = resources.enter_context(tempfile.NamedTemporaryFile(suffix=".tar.gz"))
            packed.write(archive(unpacked))
            packed.flush()
            session = resources.enter_context(session_on(engine, _spec(config, [self.table, folder])))
            rows = open_rows(session, table, manifest.columns)
            target = None if self.mode in HERE else open_target(config.sagemaker, resources)
            names = [column.name for column in manifest.columns]
            registry = self._registry(target)
            scoring = Scoring(packed.name, names, config.predict, target, registry, width=manifest.width)
            # Only now is an earlier result given up: all that can be wrong beforehand has been looked at.
            storage.delete(folder)
            try:
                facts = _score(scoring, manifest, rows, folder, self._about(config, manifest, target, engine))
            except BaseException:
                storage.delete(folder)
                raise
        if self.out is None:
            refresh_report(storage.normalize(self.run))
        return facts

    def _config(self) -> RunConfig:
        path = storage.join(storage.normalize(self.run), "manifest.json")
        require_run(self.run)
        tree = storage.read_json(path)["config"]
        return parse_config(apply_overrides(tree, list(self.overrides)), path)

    def _folder(self) -> str:
        folder = storage.normalize(self.out or storage.join(self.run, FOLDER, self.mode))
        marker = storage.join(folder, FACTS)
        if storage.exists(folder) and not storage.exists(marker):
            raise ConfigError(
                f"--out {storage.plain(folder)} exists and holds no earlier result", "Name another folder."
            )
        return folder

    def _registry(self, target: AwsTarget | None) -> ResourceRegistry | None:
        """Return the registry of what is created, below the run's folder, where its cleaning up looks."""
        if target is None:
            return None
        return ResourceRegistry(target, registry_path(storage.join(storage.normalize(self.run), FOLDER, self.mode)))

    def _table(self, config: RunConfig) -> TableConfig:
        builtin = self.table.removeprefix(BUILTIN) if self.table.startswith(BUILTIN) else None
        changes = {"path": None if builtin else self.table, "builtin": builtin, "format": "auto"}
        try:
            return TableConfig.model_validate(config.table.model_dump() | changes)
        except ValidationError as error:
            raise ConfigError(
                f"{self.table!r} is no table that Sparring brings along",
                f"Give a path, or one such as {BUILTIN}flights.",
            ) from error

    def _about(
        self, config: RunConfig, manifest: PackageManifest, target: AwsTarget | None, engine: Engine
    ) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "engine": engine.name,
            "table": self.table,
            "run": manifest.run["name"],
            "contender": manifest.run["contender"],
            "label": manifest.label,
            "task": manifest.task,
            "target": manifest.target.to_dict(),
            "threshold": manifest.threshold,
            "threshold_from": manifest.threshold_from,
            "emulated": target is not None and target.emulator is not None,
            "notes": [EMULATOR_NOTE] if target is not None and target.emulator is not None else [],
            "instances": config.predict.instance_count,
            "instance_type": config.predict.instance_type,
            "memory_mb": config.predict.serverless.memory_mb,
            "keys": key_columns(config.table),
        }


def _score(
    scoring: Scoring, manifest: PackageManifest, rows: DataFrame, folder: str, about: dict[str, Any]
) -> dict[str, Any]:
    from sparring.engine import functions as F

    spark, keys = rows.sparkSession, about.pop("keys")
    score, value, reason = (_output(name, keys.values()) for name in (SCORES[manifest.width > 1], PREDICTED, "reason"))
    given = [named(column).alias(name) for column, name in keys.items()]
    quarantined = rows.where(F.col(REASON).isNotNull()).select(*given, F.col(REASON).alias(reason))
    quarantined.write.mode("overwrite").parquet(storage.join(folder, "quarantined"))
    reasons = spark.read.parquet(storage.join(folder, "quarantined")).groupBy(quoted(reason)).count().collect()
    good, predictions = rows.where(F.col(REASON).isNull()).drop(REASON), storage.join(folder, "predictions")

    def write(scored: DataFrame) -> None:
        outputs = [predicted_column(manifest, F.col(PROBABILITY)).alias(value)]
        if manifest.target.classes:
            outputs.insert(0, F.col(PROBABILITY).alias(score))
        scored.select(*given, *outputs).write.mode("overwrite").parquet(predictions)

    needed = sorted({*scoring.columns, *keys, KEY})
    scoring.score(about["mode"], good.select(*(quoted(name) for name in needed)), write)
    summary = _summary(spark.read.parquet(predictions), value, manifest)
    written, found = summary["rows"], scoring.metrics()
    if written != found.rows:
        raise EndpointError(
            f"{found.rows:,} rows were scored and {written:,} written", "A task may have run twice; score again."
        )
    facts = about | {
        **summary,
        "quarantined": {row[0]: row["count"] for row in sorted(reasons)},
        "phases": {name: round(seconds, 3) for name, seconds in scoring.phases.items()},
        "metrics": found.to_dict(),
        "predictions": predictions,
    }
    facts["cost"] = serving_cost(facts, load_prices())
    storage.write_json(storage.join(folder, FACTS), facts)
    return facts


def _summary(predictions: DataFrame, value: str, manifest: PackageManifest) -> dict[str, Any]:
    """Return the rows, and how many of each class were predicted, or where the predicted numbers lie."""
    from sparring.engine import functions as F

    if manifest.target.classes:
        counts = {row[0]: row["count"] for row in predictions.groupBy(named(value)).count().collect()}
        own = manifest.target.values().to_pylist()
        by_class = zip(manifest.target.names, own, strict=True)
        return {"rows": sum(counts.values()), "predicted": {name: counts.get(value, 0) for name, value in by_class}}
    column = named(value)
    row = predictions.agg(F.count("*"), F.min(column), F.max(column)).first()
    assert row is not None
    mean = exact_moments(predictions, {"predicted": column})["predicted"].mean if row[0] else None
    return {"rows": row[0], "predicted": {"min": row[1], "mean": mean, "max": row[2]}}


def _output(name: str, keys: Iterable[str]) -> str:
    """Return the name of an output column: another one where a key column has it."""
    return reserved(name) if name in keys else name


def _spec(config: RunConfig, paths: list[str]) -> SessionSpec:
    """Return the session of Spark that is started where one is needed and none is there."""
    cores = config.resources.cores or available_cores()
    return SessionSpec("sparring predict", cores, config.resources.memory, **s3a_settings(paths))
