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


@contextmanager
def rows_checked(stage: str, expected: int | None, folder: str) -> Iterator[None]:
    """Check that the body, which is ``stage``, has written ``expected`` rows, also when it failed.

    Lost rows explain other errors.  Ingest compares itself with the source and an audit writes no rows: None.
    Cost: the footers of the stage's files.

    Raises
    ------
    RowsLostError
        If ``folder`` holds other rows; any other error of the body is raised as it is.
    """
    try:
        yield
    except Exception:
        # Spark's mark that all tasks said they had written.
        if expected is not None and storage.exists(storage.join(folder, "_SUCCESS")):
            require_rows(stage, expected, folder)
        raise
    if expected is not None:
        require_rows(stage, expected, folder)


def check_predictions(name: str, matrix: str, predictions: str) -> None:
    """Raise :class:`~sparring.errors.RowsLostError` unless contender ``name`` scored every row that it had to."""
    rows = PreparedMatrix(matrix).encoding().rows
    require_rows(f"train {name}", rows["validation"] + rows["test"], predictions)
