"""Hard cases: what Spark, scikit-learn and text-dedup do with them, and what Sparring does.  Every cell is an outcome.

::

    uv run python benchmarks/adversarial.py

text-dedup runs in an environment of its own, which uv makes at the first call.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pages import save, table
from pyspark.ml.feature import HashingTF, MinHashLSH, NGram, RegexTokenizer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, train_test_split

from sparring.dedup import Deduplicator, NearDeduplicator
from sparring.model_selection import StratifiedSplitter
from sparring.spark.session import SessionSpec, get_session

TEXT_DEDUP = ["uv", "run", "--no-project", "--with", "text-dedup==0.4.0", "--with", "setuptools<81", "python", "-m"]
Outcomes = dict[str, str]
THRESHOLD = 0.7


def outcome(work: Callable[[], str]) -> str:
    """Return what work says, or its error in a line."""
    try:
        return work()
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        cause = next((line for line in lines if "requirement failed" in line or "Caused by" in line), lines[0])
        return f"refuses: {cause.strip()[:150]}"


# -- the ways ----------------------------------------------------------------------------------------------------


def texts(spark: SparkSession, values: list[str | None]) -> DataFrame:
    return spark.createDataFrame(list(enumerate(values)), "id long, text string").repartition(2)


def lsh_pairs(rows: DataFrame) -> int:
    """Return how many pairs Spark's own MinHashLSH joins, character shingles of 5."""
    characters = RegexTokenizer(inputCol="text", outputCol="c", pattern="", minTokenLength=0).transform(rows)
    shingles = NGram(n=5, inputCol="c", outputCol="s").transform(characters)
    hashed = HashingTF(inputCol="s", outputCol="features", binary=True).transform(shingles)
    model = MinHashLSH(inputCol="features", outputCol="hashes", numHashTables=6, seed=1).fit(hashed)
    joined = model.approxSimilarityJoin(hashed, hashed, 1 - THRESHOLD, "distance")
    return joined.where("datasetA.id < datasetB.id").count()


def text_dedup(values: list[str]) -> str:
    """Return how many rows text-dedup's command keeps, its defaults but for words of three and the threshold."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [json.dumps({"id": at, "text": text}) for at, text in enumerate(values)]
        Path(folder, "rows.json").write_text("\n".join(lines) + "\n")
        command = [*TEXT_DEDUP, "text_dedup.minhash", "--path", "json", "--data_files", f"{folder}/rows.json"]
        command += ["--split", "train", "--cache_dir", f"{folder}/cache", "--output", f"{folder}/out"]
        command += ["--column", "text", "--batch_size", "100", "--threshold", str(THRESHOLD), "--ngram", "3"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=folder, check=False)
        if done.returncode:
            last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
            return f"fails: {' '.join(last)[:120]}"
        counts = dict(re.findall(r"(Before|After)\s*:\s*(\d+)", done.stdout + done.stderr))
        return (
            f"keeps {counts['After']} of {len(values):,}, having dropped {len(values) - int(counts['Before'])} as short"
        )


def clusters(rows: DataFrame, **arguments: Any) -> str:
    """Return the clusters that the near deduplicator finds, biggest first, and its pairs."""
    stage = NearDeduplicator(textCols=["text"], keyCols=["id"], threshold=THRESHOLD, **arguments)
    found = stage.search(rows)
    sizes = Counter(row["clusterId"] for row in stage.mark(rows, found).collect())
    shown = ", ".join(str(size) for size in sorted(sizes.values(), reverse=True)[:6])
    return f"clusters of {shown}; {found.funnel['candidate_pairs']:,} pairs compared"


# -- duplicates ---------------------------------------------------------------------------------------------------


def null_positions(spark: SparkSession) -> Outcomes:
    rows = spark.createDataFrame([(None, "a"), ("a", None), (None, "a")], "x string, y string")
    hashes = rows.select(F.xxhash64("x", "y")).distinct().count()
    return {
        "Spark": f"dropDuplicates keeps {rows.dropDuplicates().count()} of 3; their xxhash64 has {hashes} value",
        "Sparring": f"keeps {Deduplicator().transform(rows).where('isSurvivor').count()} of 3",
    }


def special_numbers(spark: SparkSession) -> Outcomes:
    rows = spark.sql("select explode(array(0D, -0D, double('NaN'), double('NaN'))) x")
    nested = rows.select(F.array("x").alias("x"))

    def kept(found: DataFrame) -> int:
        return found.count()

    pandas = pd.DataFrame({"x": [0.0, -0.0, np.nan, np.nan]}).drop_duplicates()
    return {
        "Spark": f"dropDuplicates keeps {kept(rows.dropDuplicates())} of 4, in arrays {kept(nested.dropDuplicates())}",
        "scikit-learn": f"(pandas drop_duplicates keeps {len(pandas)})",
        "Sparring": f"keeps {kept(Deduplicator().transform(rows).where('isSurvivor'))} of 4, "
        f"in arrays {kept(Deduplicator().transform(nested).where('isSurvivor'))}",
    }


def unicode_forms(spark: SparkSession) -> Outcomes:
    text = "le café des élèves est fermé jusqu'à l'été prochain, désolé"
    values = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")] + ["something else altogether, not alike"]
    rows = texts(spark, values)
    exact = Deduplicator(inputCols=["text"], normalizeUnicode=True).transform(rows)
    return {
        "Spark": f"dropDuplicates keeps {rows.dropDuplicates(['text']).count()} of 3; MinHashLSH joins "
        f"{lsh_pairs(rows)} pairs",
        "text-dedup": outcome(lambda: text_dedup(values)),
        "Sparring": f"exact keeps {exact.where('isSurvivor').count()} of 3; near: {clusters(rows)}",
    }


def short_texts(spark: SparkSession) -> Outcomes:
    values = ["", "", "ab", "ab", "ac", "a longer text that is like no other one", "and here is one more of its kind"]
    rows = texts(spark, values)
    return {
        "Spark": outcome(lambda: f"MinHashLSH joins {lsh_pairs(rows)} pairs"),
        "text-dedup": outcome(lambda: text_dedup(values)),
        "Sparring": f"{clusters(rows)}: empty texts stay apart, equal short ones meet",
    }


def many_copies(spark: SparkSession) -> Outcomes:
    few, many = 1_000, 20_000
    text = "the same notice is sent to every customer in the country on the first of the month"

    def copies(count: int) -> DataFrame:
        return spark.range(count).select("id", F.lit(text).alias("text"))

    return {
        "Spark": outcome(lambda: f"MinHashLSH joins {lsh_pairs(copies(few)):,} pairs for {few:,} copies"),
        "text-dedup": outcome(lambda: text_dedup([text] * few)),
        "Sparring": f"{clusters(copies(many))}, for {many:,} copies",
    }


def chain(spark: SparkSession) -> Outcomes:
    rng = np.random.default_rng(3)
    words = ["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), 7)) for _ in range(130)]
    values = [" ".join(words[at : at + 40]) for at in range(0, 80, 2)]
    rows = texts(spark, values)
    first, last = set(values[0].split()), set(values[-1].split())
    return {
        "Spark": outcome(lambda: f"MinHashLSH joins {lsh_pairs(rows)} pairs and leaves the clusters to you"),
        "text-dedup": outcome(lambda: text_dedup(values)),
        "Sparring": f"{clusters(rows)}; the ends share {len(first & last)} words, the report shows the cluster",
    }


def conflicting_labels(spark: SparkSession) -> Outcomes:
    rows = spark.createDataFrame([(at, "x", float(at % 3 == 0)) for at in range(9)], "id int, x string, label double")
    kept = {rows.repartition(parts, "id").dropDuplicates(["x"]).first()["label"] for parts in (1, 2, 3, 5, 7)}
    stage = Deduplicator(inputCols=["x"], keyCols=["id"], labelCol="label", conflicts="majority")
    marked = stage.transform(rows)
    report, survivor = stage.report(marked), marked.where("isSurvivor").first()
    return {
        "Spark": f"dropDuplicates keeps one row, of label {' or '.join(map(str, sorted(kept)))} as partitions fall",
        "Sparring": f"reports {report.conflicting} cluster of {report.conflicting_rows} rows; majority keeps label "
        f"{survivor['label'] if survivor else None}; keep and drop are the others",
    }


# -- splits -------------------------------------------------------------------------------------------------------


def moved(one: pd.DataFrame, other: pd.DataFrame) -> str:
    joined = one.merge(other, on="id")
    return f"{(joined.split_x != joined.split_y).mean():.0%} of the rows change part"


def splitter(**arguments: Any) -> StratifiedSplitter:
    usual = {"stratifyCols": ["label"], "partNames": ["train", "test"], "weights": [0.8, 0.2]}
    return StratifiedSplitter(keyCols=["id"], **{**usual, **arguments})


def labelled(spark: SparkSession, frame: pd.DataFrame) -> DataFrame:
    return spark.createDataFrame(frame)


def repartitioned(spark: SparkSession) -> Outcomes:
    frame = pd.DataFrame({"id": np.arange(4_000), "label": np.arange(4_000) % 2.0})
    ways = [labelled(spark, frame).repartition(parts, "id") for parts in (1, 7)]

    def by_spark(rows: DataFrame) -> pd.DataFrame:
        train, _ = rows.randomSplit([0.8, 0.2], seed=1)
        return frame[["id"]].assign(split=frame.id.isin(train.toPandas().id))

    def by_tuning(rows: DataFrame) -> pd.DataFrame:
        # What TrainValidationSplit and CrossValidator do inside: rand(seed) decides.
        drawn = rows.select("id", (F.rand(1) < 0.8).alias("split"))
        return drawn.toPandas()

    def by_sklearn(order: pd.DataFrame) -> pd.DataFrame:
        train, _ = train_test_split(order.id.to_numpy(), test_size=0.2, random_state=1)
        return frame[["id"]].assign(split=frame.id.isin(train))

    def by_us(rows: DataFrame) -> pd.DataFrame:
        return splitter().transform(rows).select("id", "split").toPandas()

    shuffled = frame.sample(frac=1, random_state=3)
    return {
        "Spark": f"randomSplit, 1 and 7 partitions: {moved(*map(by_spark, ways))}; TrainValidationSplit's rand: "
        f"{moved(*map(by_tuning, ways))}",
        "scikit-learn": f"train_test_split, rows shuffled: {moved(by_sklearn(frame), by_sklearn(shuffled))}",
        "Sparring": moved(*map(by_us, ways)),
    }


def one_member(spark: SparkSession) -> Outcomes:
    frame = pd.DataFrame({"id": np.arange(100), "label": [9.0, *(np.arange(99) % 2)]})
    rows = labelled(spark, frame)

    def by_spark() -> str:
        train, test = rows.randomSplit([0.8, 0.2], seed=1)
        return (
            f"the class is in {sum(part.where('label = 9').count() > 0 for part in (train, test))} of 2 parts, silently"
        )

    return {
        "Spark": f"randomSplit: {by_spark()}",
        "scikit-learn": outcome(lambda: str(train_test_split(frame, stratify=frame.label, test_size=0.2))),
        "Sparring": outcome(lambda: str(splitter().transform(rows).count())),
    }


def big_group(spark: SparkSession) -> Outcomes:
    groups = np.where(np.arange(1_000) < 900, 0, np.arange(1_000))
    frame = pd.DataFrame({"id": np.arange(1_000), "label": np.arange(1_000) % 2.0, "patient": groups})

    def by_sklearn() -> str:
        train, test = next(GroupShuffleSplit(1, test_size=0.2, random_state=2).split(frame, groups=groups))
        return f"GroupShuffleSplit: train {len(train)}, test {len(test)}, silently"

    return {
        "scikit-learn": outcome(by_sklearn),
        "Sparring": outcome(lambda: str(splitter(groupCols=["patient"]).transform(labelled(spark, frame)).count())),
    }


def few_groups(spark: SparkSession) -> Outcomes:
    frame = pd.DataFrame({"id": np.arange(90), "label": np.arange(90) % 2.0, "patient": np.arange(90) % 3})
    fifths = [f"fold{at}" for at in range(5)]

    def by_sklearn() -> str:
        folds = list(StratifiedGroupKFold(5).split(frame, frame.label, frame.patient))
        return f"StratifiedGroupKFold: test folds of {', '.join(str(len(test)) for _, test in folds)} rows, silently"

    def by_us() -> str:
        stage = splitter(groupCols=["patient"], partNames=fifths, weights=[0.2] * 5)
        return str(stage.transform(labelled(spark, frame)).groupBy("split").count().collect())

    return {"scikit-learn": outcome(by_sklearn), "Sparring": outcome(by_us)}


def bridge(spark: SparkSession) -> Outcomes:
    """Each text occurs for two patients: a group-wise split alone cannot keep the copies together."""
    numbers = np.arange(400)
    frame = pd.DataFrame(
        {
            "id": numbers,
            "label": numbers // 8 % 2.0,
            "patient": numbers // 4,
            "clusterId": (numbers // 4 + 1) // 2 * 10 + numbers % 4,
        }
    )

    def leaks(split: pd.Series, key: str) -> int:
        return int((frame.assign(split=split.to_numpy()).groupby(key).split.nunique() > 1).sum())

    def by_sklearn() -> str:
        train, _ = next(GroupShuffleSplit(1, test_size=0.2, random_state=2).split(frame, groups=frame.patient))
        return f"GroupShuffleSplit: {leaks(frame.id.isin(train), 'clusterId')} clusters of copies in both parts"

    def by_us() -> str:
        stage = splitter(groupCols=["patient"], clusterCol="clusterId")
        split = stage.transform(labelled(spark, frame)).toPandas().sort_values("id").split
        return f"{leaks(split, 'clusterId')} clusters and {leaks(split, 'patient')} patients in both parts"

    return {"scikit-learn": outcome(by_sklearn), "Sparring": outcome(by_us)}


CASES: dict[str, Callable[[SparkSession], Outcomes]] = {
    "(null, a), (a, null), (null, a)": null_positions,
    "0.0, -0.0, NaN, NaN": special_numbers,
    "one text in two Unicode forms, and another text": unicode_forms,
    "empty and very short texts": short_texts,
    "one text very many times": many_copies,
    "a chain: each text like the next, its ends unlike": chain,
    "equal rows with different labels": conflicting_labels,
    "the same rows, partitioned or ordered otherwise": repartitioned,
    "a class of one row": one_member,
    "a group of nine tenths of the rows": big_group,
    "five parts, three groups": few_groups,
    "copies that bridge groups": bridge,
}
SYSTEMS = ("Spark", "scikit-learn", "text-dedup", "Sparring")


def page(results: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    rows = [
        [each["case"], *(each["outcomes"].get(name, "-").replace("|", "\\|") for name in SYSTEMS)] for each in results
    ]
    return f"""# Hard cases

Written by `benchmarks/adversarial.py`: every cell is what the system did when the script ran, "-" where it has nothing
for the case. Spark 3.5: `dropDuplicates`, `MinHashLSH`, `randomSplit` and the rule inside `TrainValidationSplit`;
text-dedup 0.4.0: its MinHash command, words of three. Near duplicates are those of similarity {THRESHOLD}.

{table(["case", *SYSTEMS], rows)}
"""


def main() -> None:
    """Run all cases and write both files."""
    spark = get_session(SessionSpec("adversarial", 2, "3g", [], {"spark.sql.shuffle.partitions": "4"}))
    spark.sparkContext.setLogLevel("OFF")
    results = []
    for name, case in CASES.items():
        results.append({"case": name, "outcomes": case(spark)})
        print(results[-1], flush=True)
    save("adversarial", results, page(results))


if __name__ == "__main__":
    main()
