"""From a finished run to a model package: one contender's model and the run's preparation in one ``model.tar.gz``."""

from __future__ import annotations

import gzip
import io
import json
import platform
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds

from sparring import __version__
from sparring.config.schema import FeaturesConfig, TableConfig
from sparring.container.source_code import unpack
from sparring.data.column_types import MISSING
from sparring.data.contract import RAW_TYPE
from sparring.data.formats import format_of
from sparring.errors import PackageError, did_you_mean
from sparring.feature.encoder import Encoder, EncoderState
from sparring.io import storage
from sparring.models import Model, XGBoostModel
from sparring.models.mllib_files import read_metadata
from sparring.run.manifest import require_run
from sparring.serving.manifest import CHOSEN, CONFIGURED, PREPARATION, PackageManifest, RawColumn, sha256
from sparring.task import Target
from sparring.training.registry import trainer_class

ROW_METADATA = b"org.apache.spark.sql.parquet.row.metadata"


def package(run: str, contender: str | None, folder: Path, threshold: float | None = None) -> PackageManifest:
    """Write the unpacked package of a contender into ``folder`` and return its manifest; no Spark takes part.

    Parameters
    ----------
    run : str
        Folder of a finished run.
    contender : str or None
        None: the one that the verdict chose.
    folder : Path
        Empty.
    threshold : float, optional
        From which score on the positive value is predicted; default: ``predict.threshold`` of the run's
        configuration, and without one what the run chose for this contender on its validation rows.

    Raises
    ------
    PackageError
        If the run is not finished, the contender failed or is unknown, or its model cannot be served.
    """
    run = storage.normalize(run)
    require_run(run)
    report, manifest = _read(run, "report.json"), _read(run, "manifest.json")
    name = contender or report["verdict"]["choice"]
    result = _result(report, name)
    encoding = _read(run, "prepare", "encoding.json")
    state = EncoderState.from_json(read_metadata(storage.join(run, "prepare", "preparation"))["paramMap"]["state"])
    encoder = Encoder(state)
    if encoder.names != encoding["names"]:
        raise PackageError(f"{run}: preparation and matrix do not belong together", "Run the comparison again.")
    scorer = _model(run, result)
    table = TableConfig(**manifest["config"]["table"])
    (task, target), columns = _problem(run, manifest), _columns(run, table.features, encoder)
    # Nothing is written before all is known.
    (folder / PREPARATION).write_text(state.to_json())
    scorer.save(folder / scorer.file_name)
    if threshold is None:
        threshold = manifest["config"].get("predict", {}).get("threshold")
    threshold, origin = _threshold(task, result, threshold)
    packed = PackageManifest(
        columns=columns,
        label=table.label,
        task=task,
        target=target,
        threshold=threshold,
        threshold_from=origin,
        storage=encoding["storage"],
        null_values=_null_values(table),
        scorer=scorer.name,
        model_file=scorer.file_name,
        run={
            "name": report["run"]["name"],
            "started": report["run"]["started"],
            **{key: result[key] for key in ("engine", "family", "emulated", "notes")},
            "contender": name,
            "fingerprints": encoding["fingerprints"],
        },
        versions={
            "sparring": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            **_library(scorer),
        },
        files={file: sha256(folder / file) for file in (PREPARATION, scorer.file_name)},
    )
    packed.write(folder)
    return packed


def archive(folder: Path) -> bytes:
    """Return the files of ``folder`` as ``tar.gz``; equal files make equal bytes."""
    stream = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as packed,
    ):
        for path in sorted(folder.iterdir()):
            entry = tarfile.TarInfo(path.name)
            entry.size, entry.mode = path.stat().st_size, 0o644
            packed.addfile(entry, io.BytesIO(path.read_bytes()))
    return stream.getvalue()


def unpacked(path: str, folder: Path) -> None:
    """Unpack the package at ``path`` into ``folder``.

    Raises
    ------
    PackageError
        If it cannot be read or leads out of ``folder``.
    """
    try:
        unpack(storage.read_bytes(path), folder, path)
    except (OSError, ValueError) as error:
        raise PackageError(f"{path} is no model package: {error}", "Make one: sparring package RUN.") from error


def _read(run: str, *parts: str) -> Any:
    path = storage.join(run, *parts)
    try:
        return storage.read_json(path)
    except (OSError, ValueError) as error:
        raise PackageError(
            f"{run.removeprefix('file:')} is no finished run: {'/'.join(parts)}: {error}",
            "Give the folder of a run that wrote its report: sparring run CONFIG --output FOLDER.",
        ) from error


def _least(verdict: dict[str, Any]) -> str:
    """Return whom to take where the test part cannot tell."""
    return f" {verdict['cheapest']} costs least of those that may be best." if verdict.get("cheapest") else ""


def _result(report: dict[str, Any], name: str | None) -> dict[str, Any]:
    results = {contender["name"]: contender for contender in report["contenders"]}
    if name is None:
        raise PackageError(
            f"The run's verdict names no contender: {report['verdict']['finding']}",
            f"Choose one: --contender {' | '.join(results)}.{_least(report['verdict'])}",
        )
    if name not in results:
        raise PackageError(
            f"The run has no contender {name!r}; it has {', '.join(results)}",
            f"Name one of them.{did_you_mean(name, list(results))}",
        )
    found: dict[str, Any] = results[name]
    if found["status"] != "ok":
        raise PackageError(f"Contender {name} failed: {found['error']['message']}", "Choose another: --contender NAME.")
    return found


def _threshold(task: str, result: dict[str, Any], configured: float | None) -> tuple[float | None, str | None]:
    """Return from which score on the positive class is predicted, and who said so; nothing where no score decides.

    Raises
    ------
    PackageError
        If one is configured for a task that has none.
    """
    chosen = result["metrics"].get("accuracy", {}).get("threshold")
    if chosen is None and configured is not None:
        raise PackageError(
            f"predict.threshold is {configured:g}, and a {task} task has no threshold", "Leave predict.threshold out."
        )
    return (chosen, CHOSEN if chosen is not None else None) if configured is None else (configured, CONFIGURED)


def _model(run: str, result: dict[str, Any]) -> Model:
    """Return the contender's model as it is served."""
    trainer = trainer_class(result["engine"], result["library"], result["family"])
    return trainer.load_model(storage.join(run, "train", result["name"], "model"))


def _null_values(table: TableConfig) -> list[str]:
    """Return what means missing in a request's CSV: in a file of text what it meant there."""
    of_text = table.path is not None and format_of(table.path, table.format).name == "csv"
    tokens = table.missing or (MISSING if of_text and table.missing is None else ())
    return sorted({"", table.options.get("nullValue", ""), *tokens})


def _problem(run: str, manifest: dict[str, Any]) -> tuple[str, Target]:
    """Return the name of the task, and what is predicted."""
    found = manifest["stages"]["ingest"]["report"]
    if "target" not in found:
        raise _of_earlier(run, "what the label's values were")
    return found["task"], Target.from_dict(found["target"])


def _of_earlier(run: str, lacking: str) -> PackageError:
    return PackageError(
        f"{run.removeprefix('file:')} does not tell {lacking}",
        "It is of an earlier Sparring: run the comparison again, into another folder.",
    )


def _columns(run: str, features: FeaturesConfig, encoder: Encoder) -> list[RawColumn]:
    """Return the raw columns with the types that ingest read them in; it keeps these in the files' schema."""
    system, inner = storage.filesystem(storage.join(run, "ingest"))
    schema = ds.dataset(inner, filesystem=system, format="parquet", partitioning="hive").schema
    fields = json.loads((schema.metadata or {}).get(ROW_METADATA, b'{"fields": []}'))["fields"]
    types = {field["name"]: field["metadata"].get(RAW_TYPE) for field in fields}
    kinds = {
        name: kind for kind in ("numeric", "cyclic", "timestamp", "categorical") for name in getattr(features, kind)
    }
    for name in features.columns:
        if types.get(name) is None:
            raise _of_earlier(run, f"which type column {name!r} had in the table")
    nothing = (None, None)
    return [RawColumn(name, kinds[name], types[name], *encoder.limits.get(name, nothing)) for name in features.columns]


def _library(scorer: Model) -> dict[str, str]:
    if not isinstance(scorer, XGBoostModel):
        return {}
    import xgboost

    return {"xgboost": xgboost.__version__}
