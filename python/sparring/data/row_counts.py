"""No row lost unseen: rows counted where they are read, and in the footers of what was written.

The two counts are independent.  The first is made by the tasks that read the source and reaches the driver as a metric
of the query, whatever becomes of their files; the second is what is found of those files afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.dataset as ds

from sparring.errors import RowsLostError
from sparring.io import storage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ROWS = "rows"
MARK = "mapreduce.fileoutputcommitter.marksuccessfuljobs"


class SourceCount:
    """Counts the rows that a query reads, while it runs.

    Notes
    -----
    Cost: a counter in the tasks that read the source; no pass of its own.  A task that a cluster repeats may be
    counted twice, hence :meth:`rows` looks again when the count is not what was expected.

    Examples
    --------
    >>> source = SourceCount()                                              # doctest: +SKIP
    >>> source.watch(spark.read.csv("table.csv")).write.parquet("copy")     # doctest: +SKIP
    >>> source.rows(expected=stored_rows("copy"))                           # doctest: +SKIP
    336776
    """

    def watch(self, rows: DataFrame) -> DataFrame:
        """Return the same rows; the first query that reads them to its end is counted."""
        from pyspark.sql import DataFrame, Observation

        from sparring.engine import functions as F

        self._source = rows
        # On one machine all that is read is in memory before anything is written.
        self._observation = Observation() if isinstance(rows, DataFrame) else None
        if self._observation is None:
            return rows
        return rows.observe(self._observation, F.count(F.lit(1)).alias(ROWS))

    def rows(self, expected: int) -> int:
        """Return the rows that were read; where they are not the ``expected`` ones, after a pass that counts them."""
        found = int(self._observation.get[ROWS]) if self._observation is not None else None
        return found if found == expected else self._source.count()


def write_rows(rows: DataFrame, folder: str, by: str | None = None) -> None:
    """Write ``rows`` as Parquet files to ``folder``, a folder for each value of ``by``, and mark it as complete.

    sagemaker-pyspark switches the mark off for all of its session, since SageMaker would read it as data.
    """
    writer = rows.write.mode("overwrite").option(MARK, "true")
    (writer.partitionBy(by) if by else writer).parquet(folder)


def stored_rows(folder: str) -> int:
    """Return the rows in the Parquet files below ``folder``, as this process finds them.

    Notes
    -----
    Cost: the footers are read, no row is.
    """
    system, inner = storage.filesystem(folder)
    if not storage.exists(folder):
        return 0
    rows: int = ds.dataset(inner, filesystem=system, format="parquet").count_rows()
    return rows


def require_rows(stage: str, expected: int, folder: str) -> None:
    """Raise unless the files below ``folder`` hold the rows that ``stage`` had to write.

    Parameters
    ----------
    stage : str
        Named in the error.
    expected : int
        What the stage read, less what it removed on purpose.
    folder : str

    Raises
    ------
    RowsLostError
        If there are fewer or more.
    """
    found = stored_rows(folder)
    if found == expected:
        return
    few, many = f"lost {expected - found:,} of {expected:,} rows", f"has {found - expected:,} rows too many"
    where = f"{expected:,} were to be written to {storage.plain(folder)}, {found:,} can be read back"
    raise RowsLostError(
        f"The stage {stage} {few if found < expected else many}: {where}",
        "Most likely the folder is not shared: each worker wrote to a disk of its own. Give a folder that the driver "
        "and all workers see, such as s3a://, dbfs:/ or hdfs://, with --output.",
    )
