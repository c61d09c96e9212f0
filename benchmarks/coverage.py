"""How often the intervals of every metric hold what the whole population says.

::

    uv run python benchmarks/coverage.py
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from typing import Any

import numpy as np
from pages import save, table
from populations import Population, Rows, draw_rows

from sparring.evaluation import evaluate
from sparring.evaluation.interval import LEAST_CLUSTERS
from sparring.task import BINARY

METRICS = tuple(metric.name for metric in BINARY.metrics)
SETTINGS = {
    "independent": "Independent rows, as a split by hash or by time draws them",
    "stratified": "Independent rows, the share of positives exact, as the stratified split makes them",
    "groups": "Rows in groups of about four that are alike",
}
STRENGTHS = {"weak": 0.65, "strong": 0.95}
MODELS = [
    ("weak", "calibrated"),
    ("weak", "overconfident"),
    ("strong", "calibrated"),
    ("strong", "overconfident"),
    ("strong", "hidden"),
]
RATES, ROWS = (0.01, 0.03, 0.2, 0.5), (60, 200, 1000)
SIMULATIONS = 400
LOW, HIGH = 0.93, 0.97
# Of a cell of which the product marks more than this share as unreliable, little is known and little is claimed.
MARKED = 0.5
NAMES = {"roc_auc": "ROC AUC", "pr_auc": "PR AUC", "log_loss": "log loss", "brier": "Brier", "accuracy": "accuracy"}
Cell = dict[str, Any]


def simulate(population: Population, setting: str, rows: int, simulations: int, seed: list[int]) -> Cell:
    """Return how often each interval held the truth, ended below it or began above it."""
    rng = np.random.default_rng(seed)
    counts = {name: dict.fromkeys(("held", "below", "above", "none"), 0) for name in METRICS}
    marked = 0
    for _ in range(simulations):
        outcomes = one(rng, population, setting, rows)
        marked += not outcomes
        for name, outcome in outcomes.items():
            counts[name][outcome] += 1
    return {"simulations": simulations, "marked": marked, "metrics": counts}


def one(rng: np.random.Generator, population: Population, setting: str, rows: int) -> dict[str, str]:
    """Return what became of each interval in one test part; nothing where the product marks it as not reliable."""
    drawn = draw_rows(rng, rows, population.rate, setting)
    if rarer(drawn) < LEAST_CLUSTERS:
        return {}
    validation = draw_rows(rng, rows, population.rate, setting)
    if not rarer(validation):
        return {}
    found = evaluate(BINARY, population.predictions(rng, validation), population.predictions(rng, drawn))
    intervals = found.metrics
    if not all(interval.reliable for interval in intervals.values()):
        return {}
    truth = {name: population.truth(name, found.decided["accuracy"]["threshold"]) for name in METRICS}
    return {name: outcome(truth[name], intervals[name].low, intervals[name].high) for name in METRICS}


def rarer(rows: Rows) -> int:
    """Return how many rows the rarer class has."""
    return int(min(rows.labels.sum(), len(rows.labels) - rows.labels.sum()))


def outcome(truth: float, low: float | None, high: float | None) -> str:
    """Return where the interval lies."""
    if low is None or high is None:
        return "none"
    # The grid that the truth is integrated on has steps of its own.
    return "below" if truth > high + 1e-6 else "above" if truth < low - 1e-6 else "held"


def coverage(cell: Cell, metric: str) -> float:
    """Return the share of reliable intervals that held the truth."""
    counts = cell["metrics"][metric]
    return counts["held"] / max(sum(counts.values()), 1)


def outside(cell: Cell, metric: str) -> bool:
    """Return whether the coverage of a cell lies outside of what is wanted."""
    return not LOW <= coverage(cell, metric) <= HIGH


def mostly_marked(cell: Cell) -> bool:
    """Return whether the product says of most test parts of the cell that they are too small."""
    return cell["marked"] > MARKED * cell["simulations"]


def span(values: Iterable[float]) -> str:
    """Return the least and the largest share."""
    known = [round(100 * value, 1) for value in values]
    return f"{min(known)} to {max(known)}" if known else "marked"


def lines(cells: list[Cell], setting: str) -> list[list[str]]:
    """Return the rows of the table of one setting."""
    found = []
    for rate, rows in product(RATES, ROWS):
        own = [c for c in cells if (c["setting"], c["rate"], c["rows"]) == (setting, rate, rows)]
        used = [c for c in own if not mostly_marked(c)]
        marked = sum(c["marked"] for c in own) / sum(c["simulations"] for c in own)
        shown = [span(coverage(c, name) for c in used) for name in METRICS]
        found.append([f"{rate:.0%}", f"{rows:,}", f"{marked:.0%}", *shown])
    return found


def misses(cells: list[Cell]) -> list[list[str]]:
    """Return every cell whose intervals promise too much."""
    return [
        [
            NAMES[name],
            cell["setting"],
            f"{cell['rate']:.0%}",
            f"{cell['rows']:,}",
            f"{cell['strength']}, {cell['shape']}",
            f"{coverage(cell, name):.1%}",
            f"{cell['metrics'][name]['below']} / {cell['metrics'][name]['above']}",
        ]
        for name in METRICS
        for cell in cells
        if not mostly_marked(cell) and coverage(cell, name) < LOW
    ]


def page(cells: list[Cell]) -> str:
    """Return the page."""
    head = ["positives", "test rows", "marked", *NAMES.values()]
    parts = "\n\n".join(f"## {title}\n\n{table(head, lines(cells, setting))}" for setting, title in SETTINGS.items())
    used = [(cell, name) for cell in cells if not mostly_marked(cell) for name in METRICS]
    within = sum(not outside(cell, name) for cell, name in used)
    low = sum(coverage(cell, name) < LOW for cell, name in used)
    noise = 2 * np.sqrt(0.95 * 0.05 / cells[0]["simulations"])
    head = ["metric", "rows", "positives", "test rows", "model", "held", "too low / too high an interval"]
    return f"""# Coverage of the intervals

A 95% interval should hold the population's metric in 95 of 100 test parts, whatever their size. Here the population is
known, and {cells[0]["simulations"]:,} test parts (each with a validation part that chooses the threshold) are drawn
from it for each cell. A *weak* model has ROC AUC {STRENGTHS["weak"]}, a *strong* one {STRENGTHS["strong"]}. Both are
*calibrated*, or *overconfident* (every logit doubled); the strong one also *hidden*: one positive in 20 looks like a
negative. The tables show the lowest and the highest coverage over these five, in per cent. `benchmarks/coverage.py`
writes this page; the methods are in the [guide](../guide/verdict.md).

"Marked" is how often the product says that a test part is too small for its intervals (fewer than {LEAST_CLUSTERS}
effective clusters of the rarer class, or only one class). Coverage is of the other test parts; where most are marked, none
is claimed.

**{within} of {len(used)} cells are within {LOW:.0%} to {HIGH:.0%}**; {low} are below and listed at the end,
{len(used) - within - low} above. The simulation itself is off by up to {noise:.1%} in 19 of 20 cells.

{parts}

## Below {LOW:.0%}

Here an interval promises too much. (Above {HIGH:.0%} it is longer than it had to be.)

{table(head, misses(cells))}
"""


def simulated(case: tuple[tuple[str, str], float, int]) -> list[Cell]:
    """Return the cells of one model at one share of positives."""
    (strength, shape), rate, simulations = case
    population, cells = Population(rate, STRENGTHS[strength], shape), []
    for (place, setting), rows in product(enumerate(SETTINGS), ROWS):
        about = {"setting": setting, "rate": rate, "rows": rows, "strength": strength, "shape": shape}
        # Cells differ in what they are, not in luck: shapes of one ranking see the same rows.
        cells.append(about | simulate(population, setting, rows, simulations, [place, rows, round(rate * 100)]))
    return cells


def main() -> None:
    """Simulate all cells and write data and page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=SIMULATIONS)
    simulations = parser.parse_args().simulations
    cases = [(*case, simulations) for case in product(MODELS, RATES)]
    with ProcessPoolExecutor() as pool:
        cells = [cell for found in pool.map(simulated, cases) for cell in found]
    save("coverage", cells, page(cells))


if __name__ == "__main__":
    main()
