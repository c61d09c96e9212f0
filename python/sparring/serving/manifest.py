"""The manifest of a model package: what rows it takes, where it comes from, and that nothing of it was altered.

A package is a ``model.tar.gz`` of ``manifest.json``, ``preparation.json`` (the fitted encoding) and one file with the
model.  All are JSON, NumPy's own format or XGBoost's: loading one runs no code of its own, as a pickle would.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sparring.data.numbers import LARGEST
from sparring.errors import PackageError
from sparring.task import Target, task_named

MANIFEST, PREPARATION = "manifest.json", "preparation.json"
FORMAT_VERSION = 3
# What a package of an earlier format cannot tell.
LACKING = {1: ", which has neither the threshold nor the label's values"}
# Whose packages hold binary classifiers, with the label's two values in fields of their own.
BINARY_VERSION = 2
CHOSEN, CONFIGURED = "validation", "predict.threshold"


@dataclass(frozen=True)
class RawColumn:
    """A column of the raw rows.

    Attributes
    ----------
    name : str
    kind : {"numeric", "cyclic", "timestamp", "categorical"}
    type : str
        Spark's type of the column in the table that was trained on, such as ``double``.
    low, high : float or None
        Of a number: the least and the greatest that the features can hold.
    """

    name: str
    kind: str
    type: str
    low: float | None = None
    high: float | None = None

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest number that is taken."""
        return -LARGEST if self.low is None else self.low, LARGEST if self.high is None else self.high


@dataclass(frozen=True)
class PackageManifest:
    """Everything a package says of itself.

    Attributes
    ----------
    columns : list of RawColumn
        In the order of a row without names.
    label : str
        The column that was predicted.
    task : str
        Name of the kind of problem, see :mod:`sparring.task`.
    target : Target
        The label's classes in the order of their codes, or a number.
    threshold : float or None
        Of two classes: the positive one is predicted from this score on.
    threshold_from : {"validation", "predict.threshold", None}
        The run chose it on its validation rows, or the configuration gave it.
    storage : {"dense", "sparse"}
        Whether a zero is a cell of its own; boosted trees tell it from an absent one.
    null_values : list of str
        What means missing in CSV.
    scorer : str
        Which evaluator reads ``model_file``.
    model_file : str
    run : dict
        Name, start, contender, engine, family and row fingerprints of the run.
    versions : dict of str to str
        Library -> version that wrote the package.
    files : dict of str to str
        File -> SHA-256 of its content.
    format_version : int
    """

    columns: list[RawColumn]
    label: str
    task: str
    target: Target
    threshold: float | None
    threshold_from: str | None
    storage: str
    null_values: list[str]
    scorer: str
    model_file: str
    run: dict[str, Any]
    versions: dict[str, str]
    files: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    @property
    def width(self) -> int:
        """Scores of a row: 1, or one for each of several classes."""
        return task_named(self.task).score_count(self.target)

    def write(self, folder: Path) -> None:
        """Write ``manifest.json`` into ``folder``."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=2, allow_nan=False) + "\n")

    @classmethod
    def read(cls, folder: Path) -> PackageManifest:
        """Return the manifest of the unpacked package in ``folder``, once every file is as it was packed.

        Raises
        ------
        PackageError
            If it is absent, of another format version, or a file is missing or altered.
        """
        path = folder / MANIFEST
        try:
            value = json.loads(path.read_text())
            found = value["format_version"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PackageError(
                f"{folder} holds no model package: {error}", "Make one: sparring package RUN."
            ) from error
        if found not in (BINARY_VERSION, FORMAT_VERSION):
            raise PackageError(
                f"{path}: format version is {found}{LACKING.get(found, '')}; this Sparring reads {FORMAT_VERSION}",
                f"Use the Sparring that packed it ({value.get('versions', {}).get('sparring')}), or pack it again.",
            )
        try:
            whole = _of_two_classes(value) if found == BINARY_VERSION else value
            columns = [RawColumn(**column) for column in whole["columns"]]
            manifest = cls(**{**whole, "columns": columns, "target": Target.from_dict(whole["target"])})
        except (TypeError, KeyError) as error:
            raise PackageError(f"{path} is not a manifest of format {found}: {error}", "Pack it again.") from error
        manifest._check_files(folder)
        return manifest

    def _check_files(self, folder: Path) -> None:
        for name in (PREPARATION, self.model_file):
            path = folder / name
            digest = sha256(path) if path.is_file() else "absent"
            if digest != self.files.get(name):
                state = "is missing" if digest == "absent" else "was altered since it was packed"
                raise PackageError(f"{path} {state}", "Pack the run again: sparring package RUN.")


def _of_two_classes(value: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest of the format that knew binary classifiers only, as today's."""
    labels = value.pop("labels")
    target = {"type": labels["type"], "classes": [labels["negative"], labels["positive"]]}
    return {**value, "task": "binary", "target": target, "format_version": FORMAT_VERSION}


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
