"""HashOrder in the order of hashes: those that sorting finds, whichever way the table is looked at."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import Column, SparkSession

from sparring.data.literal import literal_table
from sparring.engine import functions as F
from sparring.model_selection import hash_order as module
from sparring.model_selection.cuts import assign_by_quota
from sparring.model_selection.hash_order import hash_order

NEVER, ALWAYS = "-1", "1TB"
PARTS = ["a", "b", "c"]
# Keys with few distinct hashes: of sixteen, and of one.
TIED = [lambda seed, key: F.pmod(F.xxhash64(F.lit(seed), key), F.lit(16)) - 8, lambda seed, key: F.lit(5).cast("long")]
TABLE = st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 40)), min_size=1, max_size=60)


def quotas_of(rows: list[tuple[str, int]]) -> dict[str, list[int]]:
    """Return a quarter, nothing and the rest of each stratum's rows."""
    sizes = {name: sum(stratum == name for stratum, _ in rows) for name, _ in rows}
    return {name: [size // 4, 0, size - size // 4] for name, size in sizes.items()}


@pytest.mark.spark_only
@pytest.mark.parametrize("threshold", [NEVER, ALWAYS])
@pytest.mark.parametrize("hashed", [module.seeded_hash, *TIED])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=TABLE)
def test_places_are_those_of_sorted_rows(
    spark_conf: SparkSession,
    monkeypatch: pytest.MonkeyPatch,
    threshold: str,
    hashed: object,
    rows: list[tuple[str, int]],
) -> None:
    monkeypatch.setattr(module, "seeded_hash", hashed)
    spark_conf.conf.set("spark.sql.autoBroadcastJoinThreshold", threshold)
    table = literal_table(spark_conf, [{"s": s, "k": f"key {k}"} for s, k in rows], "s string, k string")
    assert isinstance(hash_order(table, "s", "k", 3), module._Collected) == (threshold == ALWAYS)
    assigned = assign_by_quota(table, "s", "k", quotas_of(rows), PARTS, "part", 3)
    found = assigned.withColumn("hash", hashed(3, F.col("k"))).collect()  # type: ignore[operator]
    for stratum, quota in quotas_of(rows).items():
        members = sorted((row for row in found if row["s"] == stratum), key=lambda row: (row["hash"], row["k"]))
        places = [(row["hash"], row["k"]) for row in members]
        # The row at the end of a part; rows with its key, should there be several, are one with it.
        last = places[quota[0] - 1] if quota[0] else (-(2**63) - 1, "")
        assert [row["part"] for row in members] == ["a" if place <= last else "c" for place in places]


@pytest.mark.spark_only
def test_large_strata_are_counted_in_finer_buckets(spark_conf: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = spark_conf.range(9_000).select(F.lit("all").alias("s"), F.col("id").cast("string").alias("k"))
    spark_conf.conf.set("spark.sql.autoBroadcastJoinThreshold", ALWAYS)
    ranks = {"all": [1, 10, 11, 4_500, 9_000]}
    expected = [place.hash for place in hash_order(keys, "s", "k", 1).at(ranks)["all"]]
    spark_conf.conf.set("spark.sql.autoBroadcastJoinThreshold", NEVER)
    passes: list[Column] = []
    count = module._count_buckets
    monkeypatch.setattr(module, "_count_buckets", lambda rows, bits: passes.append(bits) or count(rows, bits))
    for most, wanted in ((10_000_000, 1), (5_000, 2)):
        monkeypatch.setattr(module, "FIRST_ROWS", most)
        passes.clear()
        found = hash_order(keys, "s", "k", 1).at(ranks)["all"]
        assert [place.hash for place in found] == expected
        assert len(passes) == wanted
