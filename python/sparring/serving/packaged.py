"""A model package as a predictor: raw rows in, scores and the label's values out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sparring.container.media import negotiate
from sparring.errors import PackageError
from sparring.feature.encoder import Encoder, EncoderState
from sparring.io.cells import Cells
from sparring.models import MODELS
from sparring.serving.answers import OFFERED, Answers
from sparring.serving.home import HOME_TYPES, home, home_page
from sparring.serving.manifest import PREPARATION, PackageManifest
from sparring.serving.openapi import openapi
from sparring.serving.raw_rows import AbsentError, read_rows
from sparring.serving.sample import Cell, sample_request, sample_row
from sparring.serving.typed import typed
from sparring.task import task_named


class PackagedModel:
    """Scores raw rows with the unpacked package in ``folder``.

    Parameters
    ----------
    folder : Path
        Such as ``/opt/ml/model``.

    Raises
    ------
    PackageError
        If the package is broken, altered, of another version, or its parts do not fit each other.

    Examples
    --------
    >>> model = PackagedModel(Path("/opt/ml/model"))                               # doctest: +SKIP
    >>> model(b"x,hour,city\\n0.5,7,Oslo\\n", "text/csv", "application/json")      # doctest: +SKIP
    (b'{"predictions": [{"score": 0.7310585786300049, "predicted": "yes"}]}', 'application/json')
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = PackageManifest.read(folder)
        _require_versions(self.manifest)
        self.encoder = Encoder(EncoderState.from_json((folder / PREPARATION).read_text()))
        if self.manifest.scorer not in MODELS:
            raise PackageError(
                f"{folder}: scorer {self.manifest.scorer!r} is none of {', '.join(MODELS)}", "Use a newer Sparring."
            )
        self.scorer = MODELS[self.manifest.scorer].load(folder / self.manifest.model_file)
        task = task_named(self.manifest.task)
        self.answers = Answers(task, self.manifest.target, self.manifest.threshold)
        self._require_fit()
        values = {category.name: category.values for category in self.encoder.state.categorical}
        self._vocabularies = {name: pa.array(known, pa.string()) for name, known in values.items()}

    def __reduce__(self) -> tuple[type[PackagedModel], tuple[Path]]:
        """Load again in the other process."""
        return PackagedModel, (self.folder,)

    def __call__(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Return score and predicted value of each row, in the rows' order, and the answer's content type.

        CSV holds the scores alone.

        Raises
        ------
        RequestError
            If the type, the body or a cell cannot be read, or none of the accepted types is written.
        """
        kind = negotiate(accept, OFFERED)
        return self.answers.written(self.score(body, content_type), kind), kind

    def score(self, body: bytes, content_type: str) -> np.ndarray:
        """Return the scores of each raw row in ``body``, float64, shape (n,) or (n, classes)."""
        names = [column.name for column in self.manifest.columns]
        try:
            raw = read_rows(body, content_type, names, self.manifest.null_values)
        except AbsentError as error:
            raise AbsentError(f"{error} A request in application/json: {sample_request(self.sample)}") from error
        return self.score_columns(raw)

    @property
    def sample(self) -> dict[str, Cell]:
        """A row that is answered."""
        return sample_row(self.manifest, self.encoder.state)

    def home(self, address: str, accept: str) -> tuple[bytes, str]:
        """Return the page at ``/`` of the server at ``address``, in JSON or HTML, and its content type."""
        kind = negotiate(accept, HOME_TYPES)
        if kind == "text/html":
            return home_page(self.manifest, self.sample, address).encode(), kind
        return _json(home(self.manifest, self.sample, address)), kind

    def openapi(self, address: str) -> bytes:
        """Return the OpenAPI document of the server at ``address``."""
        return _json(openapi(self.manifest, self.sample, address))

    def score_columns(self, raw: Mapping[str, pa.Array]) -> np.ndarray:
        """Return the scores of each row of the declared columns, float64, shape (n,) or (n, classes)."""
        cells = {
            column.name: typed(column, raw[column.name], self._vocabularies.get(column.name))
            for column in self.manifest.columns
        }
        return self.scorer.scores(self._encoded(pa.RecordBatch.from_pydict(cells)))

    def _encoded(self, batch: pa.RecordBatch) -> Cells:
        """Return the features of ``batch`` with the same cells that training saw: dense ones hold their zeros."""
        if self.manifest.storage == "sparse":
            return self.encoder.encode(batch)
        flat = self.encoder.dense(batch)
        offsets = np.arange(0, flat.size + 1, max(self.encoder.size, 1))
        return Cells(offsets, np.tile(np.arange(self.encoder.size, dtype=np.int32), len(flat)), flat.ravel())

    def _require_fit(self) -> None:
        """Raise unless the model takes what the preparation makes, of the columns that are declared."""
        names = [column.name for column in self.manifest.columns]
        if sorted(names) != sorted(self.encoder.columns):
            raise PackageError(f"{self.folder}: preparation and manifest name different columns", "Pack the run again.")
        size = self.scorer.width
        # A booster knows no more columns than its splits needed.
        if size != self.encoder.size and not (self.manifest.scorer == "xgboost" and size <= self.encoder.size):
            raise PackageError(
                f"{self.folder}: the model takes {size} features, the preparation makes {self.encoder.size}",
                "Pack the run again.",
            )


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False).encode()


def _require_versions(manifest: PackageManifest) -> None:
    """Raise if the model was written by a newer major version of XGBoost, whose files an older one misreads."""
    if manifest.scorer != "xgboost":
        return
    import xgboost

    written, here = manifest.versions["xgboost"], xgboost.__version__
    if int(written.split(".")[0]) > int(here.split(".")[0]):
        raise PackageError(
            f"The model was written by XGBoost {written}, this is {here}", f"pip install 'xgboost-cpu>={written}'"
        )
