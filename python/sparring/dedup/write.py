"""The pipeline's stage: equal rows, then similar ones, marked and written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.storagelevel import StorageLevel

from sparring.data.contract import CLUSTER, SURVIVOR
from sparring.data.literal import with_facts
from sparring.data.row_counts import write_rows
from sparring.dedup.copies import Copies
from sparring.dedup.evidence import COINCIDENCE, COPY
from sparring.dedup.exact import Deduplicator
from sparring.dedup.near import NearDeduplicator
from sparring.engine import functions as F
from sparring.spark.reserved import quoted

if TYPE_CHECKING:
    from sparring.config.schema import DeduplicateConfig

NEAR_CLUSTER, NEAR_SURVIVOR, STATUS = "sparring__near_cluster_id", "sparring__is_near_survivor", "sparring__status"


def deduplicate(
    rows: DataFrame,
    options: DeduplicateConfig,
    columns: Sequence[str],
    roles: dict[str, str | None],
    seed: int,
    folder: str,
    copies: Copies | None = None,
    classes: Sequence[str] = ("0", "1"),
) -> dict[str, Any]:
    """Mark duplicates, write all rows with ``sparring__cluster`` and ``sparring__survivor``, and return what was found.

    Rows that are equal form a cluster.  With ``options.near``, clusters whose survivors are similar are united, and
    one of their survivors stays; a cluster is then named by its first key.

    Parameters
    ----------
    rows : DataFrame
    options : DeduplicateConfig
    columns : sequence of str
        What makes two rows equal.
    roles : dict
        Column of the ``key``, the ``label`` and the ``time``, or None.
    seed : int
    folder : str
        Where to write.
    copies : Copies, optional
        What the evidence says of the equal rows, by the hash in the first of ``columns``: copies are removed, undecided
        rows stay and keep their cluster, coincidences are a cluster each.  Without it all equal rows are copies.
    classes : sequence of str, default ("0", "1")
        Names of the label's codes; none where it is a number.

    Returns
    -------
    dict
        The :class:`~sparring.dedup.report.DuplicateReport` of the equal rows, ``duplicates_removed`` being those of
        both kinds; ``rows`` that stay; ``classes`` and ``removed_by_class``, rows before and rows removed by label;
        ``near``, the report of the similar ones, or None.

    Notes
    -----
    Cost: one shuffle of the rows; with ``options.near`` the search among survivors, a shuffle of these and a join of
    their clusters to the rows.  Marked rows are persisted, on disk when memory ends, while the stage lasts.
    """
    stage = exact_stage(options, columns, roles)
    marked = stage.transform(rows)
    if copies is not None:
        marked = _by_evidence(marked, copies, columns[0], str(roles["key"]))
    marked = marked.persist(StorageLevel.MEMORY_AND_DISK)
    near, similar = None, None
    try:
        kept = marked if options.enabled else marked.withColumn(SURVIVOR, F.lit(True))
        facts = stage.report(kept).to_dict()
        if options.near is not None:
            near, similar = _similar(marked, near_stage(options, roles, seed), options)
            facts["duplicates_removed"] += similar["duplicates_removed"]
            kept = _united(kept, near, str(roles["key"]))
        write_rows(kept, folder)
        facts |= _classes(kept, roles["label"], classes)
    finally:
        for frame in (marked, near):
            if frame is not None:
                frame.unpersist()
    return {**facts, "rows": facts["rows"] - facts["duplicates_removed"], "near": similar}


def _by_evidence(marked: DataFrame, copies: Copies, identity: str, key: str) -> DataFrame:
    """Return ``marked`` with only proven copies removed; a coincidence is a cluster of its own."""
    told = with_facts(marked, identity, copies.status, STATUS, "string")
    status = F.coalesce(F.col(STATUS), F.lit(copies.otherwise))
    kept = told.withColumn(SURVIVOR, F.col(SURVIVOR) | (status != COPY))
    alone = kept.withColumn(
        CLUSTER, F.when(status == COINCIDENCE, F.md5(F.col(key).cast("string"))).otherwise(F.col(CLUSTER))
    )
    return alone.select(*[quoted(name) for name in marked.columns])


def _classes(marked: DataFrame, label: str | None, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return rows, and rows that are no survivors, by class; nothing where the label is a number."""
    if label is None or not classes:
        return {"classes": {}, "removed_by_class": {}}
    counts = marked.groupBy(label, SURVIVOR).count().collect()
    found: dict[str, dict[str, int]] = {"classes": {}, "removed_by_class": {}}
    for row in sorted(counts, key=lambda row: (row[0], row[1])):
        name = classes[int(row[0])]
        found["classes"][name] = found["classes"].get(name, 0) + row["count"]
        if not row[1]:
            found["removed_by_class"][name] = row["count"]
    return found


def exact_stage(options: DeduplicateConfig, columns: Sequence[str], roles: dict[str, str | None]) -> Deduplicator:
    """Return the configured stage for equal rows."""
    return Deduplicator(
        inputCols=list(columns),
        normalizeUnicode=options.normalize_unicode,
        clusterCol=CLUSTER,
        survivorCol=SURVIVOR,
        **_survivors(options, roles),
    )


def near_stage(options: DeduplicateConfig, roles: dict[str, str | None], seed: int) -> NearDeduplicator:
    """Return the configured stage for similar rows; ``options.near`` must be set."""
    near = options.near
    assert near is not None
    return NearDeduplicator(
        textCols=near.text,
        categoricalCols=near.categorical,
        numericCols=list(near.numeric),
        tolerances=list(near.numeric.values()),
        columnWeights=[near.weights.get(name, 1.0) for name in near.columns],
        missing=near.missing,
        threshold=near.threshold,
        candidateThreshold=near.candidate_threshold,
        shingleUnit=near.shingle_unit,
        shingleSize=near.shingle_size,
        unicodeForm=near.unicode_form,
        lowercase=near.lowercase,
        collapseSpaces=near.collapse_spaces,
        numHashes=near.hashes,
        kernel=near.kernel,
        verify=near.verify,
        clusterCol=NEAR_CLUSTER,
        survivorCol=NEAR_SURVIVOR,
        seed=seed,
        **_survivors(options, roles),
    )


def _survivors(options: DeduplicateConfig, roles: dict[str, str | None]) -> dict[str, Any]:
    return {
        "keyCols": [roles["key"]],
        "survivor": options.survivor,
        "timeCol": roles["time"],
        "conflicts": options.conflicts,
        "labelCol": roles["label"],
    }


def _similar(
    marked: DataFrame, stage: NearDeduplicator, options: DeduplicateConfig
) -> tuple[DataFrame, dict[str, Any]]:
    """Return the survivors among equal rows with their clusters of similar ones, persisted, and the report."""
    survivors = marked.where(SURVIVOR)
    found = stage.search(survivors)
    near = stage.mark(survivors, found)
    if not options.removes_near:
        near = near.withColumn(NEAR_SURVIVOR, F.lit(True))
    near = near.persist(StorageLevel.MEMORY_AND_DISK)
    return near, stage.report_search(near, found).to_dict()


def _united(marked: DataFrame, near: DataFrame, key: str) -> DataFrame:
    """Return the rows with the clusters of both kinds: a copy follows its survivor."""
    # Equal rows that stay are several of one cluster, and alike, so that any of them tells the cluster of similar ones.
    clusters = near.groupBy(CLUSTER).agg(F.min(NEAR_CLUSTER).alias(NEAR_CLUSTER))
    joined = marked.join(clusters, CLUSTER, "left").join(near.select(key, NEAR_SURVIVOR), key, "left")
    united = joined.withColumn(CLUSTER, F.coalesce(NEAR_CLUSTER, CLUSTER))
    united = united.withColumn(SURVIVOR, F.col(SURVIVOR) & F.coalesce(NEAR_SURVIVOR, F.lit(True)))
    return united.select(*[quoted(name) for name in marked.columns])
