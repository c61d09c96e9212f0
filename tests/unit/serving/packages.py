"""A model package made by hand, for tests that need no run."""

from pathlib import Path
from typing import Any

import xgboost

from sparring.feature.encoder import CategoricalState, EncoderState, NumericState
from sparring.models import Model
from sparring.serving.manifest import PREPARATION, PackageManifest, RawColumn, sha256
from sparring.task import Target

STATE = EncoderState(
    numeric=[NumericState("x", fill=0.5, shift=0.5, scale=2.0, indicator=True)],
    categorical=[CategoricalState("city", ["Oslo", "Rome"])],
)
COLUMNS = [RawColumn("x", "numeric", "double"), RawColumn("city", "categorical", "string")]


def write_package(
    folder: Path, model: Model, storage: str = "sparse", state: EncoderState = STATE, **changes: Any
) -> Path:
    """Write the unpacked package of ``model`` into ``folder`` and return it."""
    (folder / PREPARATION).write_text(state.to_json())
    model.save(folder / model.file_name)
    files = {name: sha256(folder / name) for name in (PREPARATION, model.file_name)}
    versions = {"sparring": "0.1.0", "xgboost": xgboost.__version__}
    fields: dict[str, Any] = {
        "columns": COLUMNS,
        "label": "late",
        "task": "binary",
        "target": Target("string", ("no", "yes")),
        "threshold": 0.5,
        "threshold_from": "validation",
        "storage": storage,
        "null_values": [""],
        "scorer": model.name,
        "model_file": model.file_name,
        "run": {},
        "versions": versions,
        "files": files,
    }
    PackageManifest(**{**fields, **changes}).write(folder)
    return folder
