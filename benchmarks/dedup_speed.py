"""Speed of near-duplicate search: signatures against datasketch and per-document NumPy, the whole against Spark MLlib.

::

    uv run --with datasketch --with xxhash python benchmarks/dedup_speed.py [DOCUMENTS]
"""

from __future__ import annotations

import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
from datasketch import MinHash
from pages import save, table
from pyspark.ml.feature import HashingTF, MinHashLSH, NGram, RegexTokenizer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from xxhash import xxh3_64_intdigest

from sparring.dedup import NearDeduplicator
from sparring.dedup.components import connected_components
from sparring.dedup.minhash import signatures
from sparring.dedup.text import TextRules
from sparring.spark.session import SessionSpec, get_session

PLACES = 128
WORDS = 3
THRESHOLD = 0.7
# Words of a document -> runs: short ones, where a job's fixed costs show, and those that signatures are measured on.
LENGTHS = {60: 10, 300: 2}
RULES = TextRules("word", WORDS)
NO_WORD = re.compile(r"\W", re.UNICODE)


def vocabulary(rng: np.random.Generator) -> np.ndarray:
    """Return 20,000 words of 2 to 9 letters."""
    letters = rng.integers(97, 123, (20_000, 9), dtype=np.uint8)
    return np.array([bytes(row[: rng.integers(2, 10)]).decode() for row in letters])


def documents(count: int, words: int, duplicates: float, seed: int) -> pd.DataFrame:
    """Return texts and which original each comes from; that share of them are copies with one or two words changed."""
    rng = np.random.default_rng(seed)
    # Words are as unequally frequent as in natural language: the frequency falls with the rank (Zipf's law).
    frequency = 1 / np.arange(1, 20_001)
    chosen = vocabulary(rng)[rng.choice(20_000, (count, words), p=frequency / frequency.sum())]
    copies = rng.choice(count, int(duplicates * count), replace=False)
    changed = chosen[copies]
    for _ in range(2):
        changed[np.arange(len(copies)), rng.integers(0, words, len(copies))] = "changed"
    texts = [" ".join(row) for row in np.concatenate([chosen, changed])]
    origin = np.concatenate([np.arange(count), copies])
    order = rng.permutation(len(texts))
    return pd.DataFrame({"id": np.arange(len(texts)), "text": np.array(texts)[order], "origin": origin[order]})


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return wall and CPU seconds of the better of two runs."""
    best = (np.inf, np.inf)
    for _ in range(2):
        wall, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        work()
        used = resource.getrusage(resource.RUSAGE_SELF)
        spent = used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime
        best = min(best, (time.perf_counter() - wall, spent))
    return best


def shingled(text: str) -> set[str]:
    words = text.lower().split()
    return {" ".join(words[at : at + WORDS]) for at in range(len(words) - WORDS + 1)}


def datasketch_signatures(texts: list[str]) -> None:
    for text in texts:
        sketch = MinHash(num_perm=PLACES, seed=1)
        sketch.update_batch([shingle.encode() for shingle in shingled(text)])


def document_signatures(texts: list[str], bits: int = 64) -> None:
    """One document at a time, all permutations at once: the kernel of text-dedup, its defaults but for ``bits``.

    Read in ``src/text_dedup/config/algorithms/minhash.py`` at 7538f3e: words are what is between other characters, a
    shingle's hash is the lower half of its XXH3, permutations are modulo ``2**61 - 1`` (or ``2**32 - 5``).
    """
    kind, prime = (np.uint64, (1 << 61) - 1) if bits == 64 else (np.uint32, (1 << 32) - 5)
    rng, most = np.random.RandomState(1), kind(0xFFFFFFFF)
    factors, summands = (rng.randint(low, prime, PLACES, dtype=kind) for low in (1, 0))
    for text in texts:
        words = [word for word in NO_WORD.split(text.lower()) if word]
        shingles = {
            bytes(" ".join(run).lower(), "utf-8") for run in zip(*(words[at:] for at in range(WORDS)), strict=False)
        }
        hashes = np.array([xxh3_64_intdigest(shingle, 42) & 0xFFFFFFFF for shingle in shingles], dtype=kind)
        permuted = (hashes.reshape(-1, 1) * factors + summands) % kind(prime) & most
        np.vstack([permuted, np.full(PLACES, most, dtype=kind)]).min(axis=0)


def our_signatures(texts: list[str], kernel: str) -> None:
    batch = pa.array(texts)
    signatures(RULES.shingles(RULES.normalize(batch)), PLACES, 1, kernel)


def signature_speed() -> list[dict[str, Any]]:
    """Return documents a second on one core, from text to signature."""
    texts = documents(2_000, 300, 0.0, 3).text.tolist()
    megabytes = sum(map(len, texts)) / 1e6
    ways: dict[str, Callable[[], None]] = {
        "datasketch 2.0, update_batch": lambda: datasketch_signatures(texts),
        "text-dedup's kernel": lambda: document_signatures(texts),
        "text-dedup's kernel, 32 bits": lambda: document_signatures(texts, 32),
        "Sparring, permutations": lambda: our_signatures(texts, "permutations"),
        "Sparring, one_permutation": lambda: our_signatures(texts, "one_permutation"),
    }
    found = []
    for name, work in ways.items():
        wall, cpu = timed(work)
        found.append({"way": name, "documents_per_s": 2_000 / wall, "mb_per_s": megabytes / wall, "cpu_s": cpu})
    return found


def ours(rows: DataFrame) -> DataFrame:
    stage = NearDeduplicator(
        textCols=["text"], keyCols=["id"], shingleUnit="word", shingleSize=WORDS, threshold=THRESHOLD
    )
    return stage.mark(rows, stage.search(rows)).select("id", "clusterId")


def mllib(rows: DataFrame) -> DataFrame:
    """Spark's own: shingles, hashed sets, approxSimilarityJoin, then the components of the pairs."""
    words = RegexTokenizer(inputCol="text", outputCol="words").transform(rows)
    shingles = NGram(n=WORDS, inputCol="words", outputCol="shingles").transform(words)
    hashed = HashingTF(inputCol="shingles", outputCol="features", binary=True, numFeatures=1 << 20).transform(shingles)
    hashed = hashed.select("id", "features").cache()
    # Six tables of one hash each: a pair at the threshold is a candidate with probability 1 - 0.3**6 = 0.999.
    model = MinHashLSH(inputCol="features", outputCol="hashes", numHashTables=6, seed=1).fit(hashed)
    joined = model.approxSimilarityJoin(hashed, hashed, 1 - THRESHOLD, "distance").where("datasetA.id < datasetB.id")
    pairs = joined.select(F.col("datasetA.id").alias("src"), F.col("datasetB.id").alias("dst"))
    found = connected_components(pairs).select(F.col("node").alias("id"), "component")
    named = F.coalesce("component", "id").cast("string").alias("clusterId")
    clusters = rows.select("id").join(found, "id", "left").select("id", named).localCheckpoint()
    hashed.unpersist()
    return clusters


def quality(clusters: pd.DataFrame, texts: pd.DataFrame) -> dict[str, float]:
    """Return precision and recall against the pairs of one origin that are similar enough."""
    joined = clusters.merge(texts, on="id")
    true = set()
    for _, members in joined[joined.origin.duplicated(keep=False)].groupby("origin"):
        for one, other in combinations(members.itertuples(), 2):
            sets = shingled(one.text), shingled(other.text)
            if len(sets[0] & sets[1]) / len(sets[0] | sets[1]) >= THRESHOLD:
                true.add((min(one.id, other.id), max(one.id, other.id)))
    together = joined[joined.clusterId.duplicated(keep=False)].groupby("clusterId").id.agg(list)
    found = {pair for ids in together for pair in combinations(sorted(ids), 2)}
    return {"precision": len(found & true) / len(found), "recall": len(found & true) / len(true)}


def whole_speed(spark: SparkSession, count: int, words: int, runs: int, folder: str) -> list[dict[str, Any]]:
    """Return seconds and quality of both ways from table to clusters."""
    texts = documents(count, words, 0.1, 4)
    texts[["id", "text"]].to_parquet(f"{folder}/{words}.parquet")
    # A partition a core suits both.
    rows = spark.read.parquet(f"{folder}/{words}.parquet").repartition(2).cache()
    rows.count()
    found = []
    for name, work in (("Sparring NearDeduplicator", ours), ("MLlib MinHashLSH + components", mllib)):
        # The last run counts: the first ones are for the JVM's compiler.
        walls = []
        for _ in range(runs):
            start, before = time.perf_counter(), cpu_seconds()
            clusters = work(rows).toPandas()
            walls.append(time.perf_counter() - start)
        spent = {"first": walls[0], "seconds": walls[-1], "cpu_s": cpu_seconds() - before}
        about = {"way": name, "documents": len(texts), "words": words, "runs": runs}
        found.append({**about, **spent, **quality(clusters, texts)})
    rows.unpersist()
    return found


def cpu_seconds() -> float:
    """Return the seconds of processor that this process, its JVM and the JVM's Python workers have used."""
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in family)


def page(signed: list[dict[str, Any]], whole: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    slowest = {row["way"]: row["documents_per_s"] for row in signed}
    datasketch, numpy_way = slowest["datasketch 2.0, update_batch"], slowest["text-dedup's kernel"]
    kernels = [
        [
            row["way"],
            f"{row['documents_per_s']:,.0f}",
            f"{row['mb_per_s']:.1f}",
            f"{row['documents_per_s'] / datasketch:.1f}",
            f"{row['documents_per_s'] / numpy_way:.1f}",
        ]
        for row in signed
    ]
    wholes = [
        [
            str(row["words"]),
            row["way"],
            str(row["runs"]),
            *(f"{row[figure]:.1f}" for figure in ("first", "seconds", "cpu_s")),
        ]
        + [f"{row[figure]:.4f}" for figure in ("precision", "recall")]
        for row in whole
    ]
    ratios = [
        f"with {ours['words']} words a document {theirs['seconds'] / ours['seconds']:.1f} times as long"
        f" ({theirs['cpu_s'] / ours['cpu_s']:.1f} times the processor)"
        for ours, theirs in zip(whole[::2], whole[1::2], strict=True)
    ]
    return f"""# Speed of near-duplicate search

Written by `benchmarks/dedup_speed.py`: everything in one run on one machine with two cores.

## ClassCountProfiles

2,000 texts of 300 random words, shingles of {WORDS} words, {PLACES} permutations, from text to signature on one core;
the better of two runs.

{table(["way", "documents/s", "MB/s", "x datasketch", "x text-dedup's kernel"], kernels)}

text-dedup's kernel is reproduced from its source: one document at a time, XXH3 of each shingle in Python, then
`(hashes x factors + summands) mod 2**61 - 1` in NumPy; its 32-bit setting beside it.

## From table to clusters

{whole[0]["documents"]:,} texts, a tenth of the originals copied with up to two words changed; similarity {THRESHOLD},
shingles of {WORDS} words. On a cached table of two partitions; the last of so many runs counts, as the JVM has compiled
most by then. Precision and recall are those of pairs of rows in one cluster, the truth being the planted pairs whose
exact similarity reaches the threshold.

{table(["words", "way", "runs", "first run, s", "last run, s", "its CPU s", "precision", "recall"], wholes)}

MLlib takes {"; ".join(ratios)}.
"""


def main(count: int) -> None:
    """Measure and write both files."""
    signed = signature_speed()
    spark = get_session(SessionSpec("speed", 2, "6g", [], {"spark.sql.execution.arrow.pyspark.enabled": "true"}))
    spark.sparkContext.setLogLevel("ERROR")
    with tempfile.TemporaryDirectory(prefix="sparring-speed-") as folder:
        whole = [way for words, runs in LENGTHS.items() for way in whole_speed(spark, count, words, runs, folder)]
    save("dedup_speed", {"signatures": signed, "whole": whole}, page(signed, whole))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
