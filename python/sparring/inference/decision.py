"""From a column of scores to the label's own values, as the evaluation decides."""

from __future__ import annotations

from pyspark.sql import Column

from sparring.engine import functions as F
from sparring.serving.manifest import PackageManifest
from sparring.task.scores import likeliest


def predicted_column(manifest: PackageManifest, scores: Column) -> Column:
    """Return what is predicted, in the label's type: of two classes by the threshold, of several the likeliest.

    Of a number it is the score itself.  Null for null; the first of equally likely classes.
    """
    target = manifest.target
    if manifest.threshold is not None:
        code = F.when(scores >= manifest.threshold, 1).when(scores < manifest.threshold, 0)
        return target.named(code)
    if target.classes:
        return target.named(likeliest(scores))
    return scores


def predicted_type(manifest: PackageManifest) -> str:
    """Return Spark's type of what is predicted."""
    return manifest.target.type if manifest.target.classes else "double"
