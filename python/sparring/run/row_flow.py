"""Which rows each stage of a run has to leave: those of the stage before it, none lost and none twice.

::

    source == ingest (accepted + quarantined);  accepted == deduplicate;  survivors == split
    rows in a part == prepare;  accepted == naive;  validation + test == predictions of a contender
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sparring.data.matrix import PreparedMatrix
from sparring.data.row_counts import require_rows
from sparring.io import storage
from sparring.run.manifest import Manifest

# Stage -> the stage whose ``rows`` it takes, and the folder below its own that they are written to.
TAKES = {
    "deduplicate": ("ingest", ""),
    "split": ("deduplicate", ""),
    "prepare": ("split", "matrix"),
    "naive": ("ingest", "matrix"),
}


@contextmanager
def rows_checked(stage: str, manifest: Manifest, folder: str) -> Iterator[None]:
    """Check what the body, which is ``stage``, has written, also when it failed: lost rows explain other errors.

    Raises
    ------
    RowsLostError
        As of :func:`check_stage`; any other error of the body is raised as it is.
    """
    try:
        yield
    except Exception:
        # Spark's mark that all tasks said they had written.
        if storage.exists(storage.join(_rows_folder(stage, folder), "_SUCCESS")):
            check_stage(stage, manifest, folder)
        raise
    check_stage(stage, manifest, folder)


def _rows_folder(stage: str, folder: str) -> str:
    inner = TAKES.get(stage, ("", ""))[1]
    return storage.join(folder, inner) if inner else folder


def check_stage(stage: str, manifest: Manifest, folder: str) -> None:
    """Raise :class:`~sparring.errors.RowsLostError` unless ``folder`` holds the rows that ``stage`` was given.

    Ingest compares itself with the source, an audit writes no rows.  Cost: the footers of the stage's files.
    """
    if stage in TAKES:
        require_rows(stage, manifest.report(TAKES[stage][0])["rows"], _rows_folder(stage, folder))


def check_predictions(name: str, matrix: str, predictions: str) -> None:
    """Raise :class:`~sparring.errors.RowsLostError` unless contender ``name`` scored every row that it had to."""
    rows = PreparedMatrix(matrix).encoding().rows
    require_rows(f"train {name}", rows["validation"] + rows["test"], predictions)
