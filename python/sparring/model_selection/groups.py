"""The unit that never straddles: rows joined by a group, by a duplicate cluster, or by a chain of both."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame

from sparring.dedup.components import COMPONENT, NODE, connected_components
from sparring.engine import functions as F
from sparring.model_selection.values import value_hash
from sparring.spark.reserved import named, quoted

CLUSTER = "sparring__cluster"


def with_group_id(
    rows: DataFrame, group_cols: Sequence[str], cluster_cols: Sequence[str] = (), output: str = "groupId"
) -> DataFrame:
    """Return ``rows`` with the unit of each.

    Parameters
    ----------
    rows : DataFrame
    group_cols : sequence of str
        Columns whose joint value is a group; null is a value like others.
    cluster_cols : sequence of str, default ()
        Columns whose joint value is a duplicate cluster.
    output : str, default "groupId"
        New column: 32 hexadecimal digits.  With both, the connected component of clusters and groups, named by the
        smallest of its groups.

    Notes
    -----
    Cost: none with one of the two.  With both: a shuffle of the distinct (cluster, group) pairs, the components of
    those groups that a cluster joins, and a join of these back to the rows, broadcast when they are few.
    """
    if not cluster_cols or not group_cols:
        return rows.withColumn(output, value_hash([*group_cols, *cluster_cols], rows.schema))
    grouped = rows.withColumn(output, value_hash(group_cols, rows.schema))
    cluster = value_hash(cluster_cols, rows.schema)
    pairs = grouped.select(cluster.alias(CLUSTER), named(output).alias("dst")).distinct()
    # A star a cluster: its groups all meet at the smallest one.
    hubs = pairs.groupBy(CLUSTER).agg(F.min("dst").alias("src"))
    joined = connected_components(pairs.join(hubs, CLUSTER).where(F.col("src") != F.col("dst")))
    units = joined.select(F.col(NODE).alias(output), F.col(COMPONENT).alias("sparring__unit"))
    united = grouped.join(units, output, "left").withColumn(output, F.coalesce("sparring__unit", quoted(output)))
    return united.select(*[quoted(name) for name in grouped.columns])
