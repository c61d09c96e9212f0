"""Results kept on the way: reliably on a cluster, where a node may die at any moment, and fast on one machine.

A plan that names an earlier result twice is computed twice; one that does so in every round of a loop grows
exponentially.  So results on the way are cut off from their history.  Spark's local checkpoint keeps them on the
executors alone: one that is lost takes the job with it.  Its reliable one writes them to a folder that all share.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sparring.io import storage
from sparring.spark.cluster import is_local_master

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def computed_once(frame: DataFrame, eager: bool = True) -> DataFrame:
    """Return ``frame`` without its history.

    Parameters
    ----------
    frame : DataFrame
    eager : bool, default True
        Compute it now; otherwise the first job on it does, where checkpoints are local.

    Warns
    -----
    UserWarning
        On a cluster without a checkpoint folder: there one lost executor ends the job.

    Notes
    -----
    Cost: one computation, and a copy of the rows, in the session's checkpoint folder if it has one, else on the
    executors.
    """
    context = frame.sparkSession.sparkContext
    if context.getCheckpointDir():
        return frame.checkpoint()
    if not is_local_master(str(context.master)):
        warnings.warn(
            "This cluster has no checkpoint folder: one lost executor would end this job. "
            "Call spark.sparkContext.setCheckpointDir with a folder that all nodes share.",
            stacklevel=2,
        )
    return frame.localCheckpoint(eager)


@contextmanager
def checkpoints_in(spark: SparkSession, folder: str) -> Iterator[None]:
    """Keep results on the way in ``folder`` while the body runs, and delete it afterwards.

    On one machine nothing is written: its executor is the driver, and lost with it.  A folder that the session has
    already stays its own.
    """
    context = spark.sparkContext
    if is_local_master(str(context.master)) or context.getCheckpointDir():
        yield
        return
    context.setCheckpointDir(folder)
    try:
        yield
    finally:
        # Python's own call does not take None, by which Scala's has no folder.
        context._jsc.sc().setCheckpointDir(None)
        storage.delete(folder)
