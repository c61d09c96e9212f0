"""How often the verdict errs, where the truth is known, and how often it finds what is there.

::

    uv run python benchmarks/verdict.py
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import product
from typing import Any

import numpy as np
from pages import save, table
from populations import Rows, alike, distance, draw_rows
from scipy.special import expit

from sparring.comparison import decide
from sparring.evaluation import (
    Difference,
    Evaluation,
    Predictions,
    auc_components,
    baseline_tests,
    delong_interval,
    differences,
)
from sparring.task import BINARY

AUC, MARGIN, CONFIDENCE = 0.75, 0.02, 0.95
# What models that learned from the same rows have in common: the correlation of their scores within a class.
LIKENESS = 0.95
CONTENDERS, RATES = (2, 5), (0.01, 0.03, 0.2, 0.5)
# Test rows, positives and setting of the cells where nothing is to be found.
PLACES = [
    *((rows, rate, "independent") for rate, rows in product(RATES, (200, 1000)) if rows * rate >= 10),
    (60, 0.5, "independent"),
    (200, 0.2, "groups"),
    (1000, 0.2, "groups"),
]
SIMULATIONS, PILOTS, FIRST_POSITIVES = 300, 30, 50
TRUTHS = {"none": 0.0, "the margin": MARGIN, "twice the margin": 2 * MARGIN}
FAIR = [{"control": "same rows", "held": True, "required": True, "detail": ""}]
Outcome = dict[str, Any]
Place = tuple[int, float, str]


def contender(name: str) -> dict[str, Any]:
    """Return what a contender that differs in nothing but its scores has in its ``result.json``."""
    own = {"name": name, "engine": "single_node", "family": "gradient_boosted_trees", "status": "ok", "capacity": {}}
    return own | {"emulated": False, "wall_seconds": 1.0, "cores": 2, "isolation": "process"}


def verdict(rng: np.random.Generator, rows: Rows, aucs: Sequence[float], margin: float) -> Outcome:
    """Return the product's verdict on contenders of known ROC AUC, named "0", "1", ..., with the paired tests."""
    common = alike(rng, rows.units)
    scored = {
        str(at): rows.predictions(
            expit(
                distance(auc) * rows.labels
                + np.sqrt(LIKENESS) * common
                + np.sqrt(1 - LIKENESS) * alike(rng, rows.units)
            )
        )
        for at, auc in enumerate(aucs)
    }
    evaluations = {name: evaluated(part) for name, part in scored.items()}
    gaps = differences(evaluations, margin=margin)
    tests = baseline_tests(evaluations, {"prior": evaluated(rows.predictions(np.full(len(rows.labels), 0.5)))})
    found = decide(
        [contender(name) for name in scored],
        {name: one.to_dict() for name, one in evaluations.items()},
        [gap.to_dict() for gap in gaps],
        FAIR,
        baseline_tests=[test.to_dict() for test in tests],
    )
    return {"verdict": found, "gaps": gaps, "beaten": any(test.beaten for test in tests)}


def evaluated(part: Predictions) -> Evaluation:
    """Return what the verdict reads of ``evaluate``: the ROC AUC, without the other metrics and the curves."""
    components = auc_components(part)
    sample = {
        "rows": len(part),
        "labels": f"{int(part.labels.sum())} of them positive",
        "cluster": part.cluster,
        "of_rarest": BINARY.of_rarest,
        "effective_clusters": min(components.clusters),
        "confidence": CONFIDENCE,
        "digest": "of one draw",
    }
    interval = delong_interval(components, CONFIDENCE)
    return Evaluation(BINARY.metric(), {"roc_auc": interval}, sample, components, part.scores)


def drawn(rng: np.random.Generator, rows: int, rate: float, setting: str) -> Rows:
    """Return rows with both classes."""
    found = draw_rows(rng, rows, rate, setting)
    return found if 0 < found.labels.sum() < rows else drawn(rng, rows, rate, setting)


def nothing_to_find(auc: float, count: int, place: Place, simulations: int) -> Outcome:
    """Return what is said of equally good contenders."""
    rows, rate, setting = place
    rng = np.random.default_rng([count, rows, round(100 * rate), setting == "groups"])
    said: Counter[str] = Counter()
    for _ in range(simulations):
        found = verdict(rng, drawn(rng, rows, rate, setting), [auc] * count, 0.002)
        said[found["verdict"]["kind"]] += 1
        said["some pair differs"] += any(gap.different for gap in found["gaps"])
        said["some beats the baselines"] += found["beaten"]
    about = {"contenders": count, "rows": rows, "rate": rate, "setting": setting, "auc": auc}
    return about | {"simulations": simulations, "said": dict(said)}


def at_stated_size(count: int, rate: float, truth: str, simulations: int) -> Outcome:
    """Return what is said on as many rows as the product asks for after a first test part."""
    first_rows, sizes, said = round(FIRST_POSITIVES / rate), [], Counter[str]()
    rng = np.random.default_rng([count, round(100 * rate), list(TRUTHS).index(truth)])
    aucs = [AUC + TRUTHS[truth], *[AUC] * (count - 1)]
    for _ in range(simulations):
        first = verdict(rng, drawn(rng, first_rows, rate, "independent"), aucs, MARGIN)
        sizes.append(max(gap.rows_to_tell or 0 for gap in first["gaps"]))
        found = verdict(rng, drawn(rng, sizes[-1], rate, "independent"), aucs, MARGIN)
        said[found["verdict"]["kind"]] += 1
        said["the best one"] += found["verdict"]["kind"] == "better" and found["verdict"]["choice"] == "0"
        said["equivalent to the best"] += is_first_equivalent(found)
    about = {"contenders": count, "rate": rate, "truth": truth, "rows": int(np.median(sizes)), "first_rows": first_rows}
    return about | {"simulations": simulations, "said": dict(said)}


def is_first_equivalent(found: Outcome) -> bool:
    """Return whether the verdict calls contender 0, truly the best, equivalent to another one."""
    told = found["verdict"]
    leaders = [told["best"], *told["equivalent"]]
    return told["kind"] == "equivalent" and "0" in leaders


def power(count: int, place: Place, simulations: int) -> Outcome:
    """Return how often a difference is found that is as large as the finding says the test could have shown."""
    rows, rate, setting = place
    rng = np.random.default_rng([7, count, rows, round(100 * rate), setting == "groups"])
    about = {"contenders": count, "rows": rows, "rate": rate, "setting": setting}
    lead = float(np.median([gap.detectable for gap in first_gaps(rng, about, 0.0, PILOTS)]))
    found = sum(gap.different for gap in first_gaps(rng, about, lead, simulations))
    return about | {"difference": lead, "simulations": simulations, "found": found}


def first_gaps(rng: np.random.Generator, about: Outcome, lead: float, simulations: int) -> list[Difference]:
    """Return the paired tests of contender 0, which leads by ``lead``, and contender 1."""
    aucs = [AUC + lead, *[AUC] * (about["contenders"] - 1)]
    parts = (drawn(rng, about["rows"], about["rate"], about["setting"]) for _ in range(simulations))
    return [verdict(rng, part, aucs, MARGIN)["gaps"][0] for part in parts]


def share(cell: Outcome, what: str) -> str:
    """Return how often something was said."""
    return f"{cell['said'].get(what, 0) / cell['simulations']:.1%}"


def place(cell: Outcome) -> list[str]:
    """Return where the cell stands."""
    rows = "in groups" if cell.get("setting") == "groups" else "independent"
    return [str(cell["contenders"]), f"{cell['rate']:.0%}", f"{cell['rows']:,}", rows]


def page(equal: list[Outcome], noise: list[Outcome], sized: list[Outcome], shown: list[Outcome]) -> str:
    """Return the page."""
    where = ["contenders", "positives", "test rows", "rows"]
    same = [[*place(c), *(share(c, what) for what in ("better", "some pair differs", "equivalent"))] for c in equal]
    idle = [
        [*place(c), *(share(c, w) for w in ("nothing_beats_baseline", "some beats the baselines", "cannot_tell"))]
        for c in noise
    ]
    size = [
        [str(c["contenders"]), f"{c['rate']:.0%}", f"{c['first_rows']:,}", f"{c['rows']:,}", c["truth"]]
        + [share(c, what) for what in ("the best one", "equivalent", "equivalent to the best", "cannot_tell")]
        for c in sized
    ]
    found = [[*place(c), f"{c['difference']:.3f}", f"{c['found'] / c['simulations']:.1%}"] for c in shown]
    stated = ["contenders", "positives", "first test part", "stated test rows (median)", "true lead of the best"]
    return f"""# Error rates of the verdict

Contenders whose ROC AUC is known are drawn many times; their scores correlate by {LIKENESS} within a class. Each time
the product's own `delong_interval`, `differences`, `baseline_tests` and `decide` give the verdict. The baseline is the
constant; the group mean is the same where no group of the test part is in train. With five contenders "some pair
differs" counts any of the ten tests. `benchmarks/verdict.py` writes this page; the tests are in
the [guide](../guide/verdict.md).

## Equally good contenders: "one is better" at most 5% of the time

All have ROC AUC {AUC}; {equal[0]["simulations"]:,} test parts a line; margin 0.002.

{table([*where, "says one is better", "says some pair differs", "says equivalent"], same)}

## Pure noise: "nothing beats the baseline" at least 95% of the time

All have ROC AUC 0.5; {noise[0]["simulations"]:,} test parts a line. Where a class has fewer than ten effective clusters,
the verdict is "cannot tell", whatever the scores are.

{table([*where, "says nothing beats the baseline", "says some contender does", "cannot tell"], idle)}

## On as many rows as the product asks for

A first test part of {FIRST_POSITIVES} positives (expected) states how many test rows would tell, for a margin of
{MARGIN}; then a test part of that size is drawn, {sized[0]["simulations"]:,} times a line. Without any lead
"equivalent" should be said in at least 80%; a lead of twice the margin should be found in at least 80%, and called
equivalent in at most 5%. A lead of just the margin is the hardest case for the test of equivalence: at most 5%, too.

{table([*stated, "says the best is better", "says equivalent", "with the best among them", "cannot tell"], size)}

## A difference as large as the finding says that the test could have shown

The finding states which true difference the test would have found with 80% probability. Contender 0 leads by just that
(the median of {PILOTS} test parts); {shown[0]["simulations"]:,} test parts a line.

{table([*where, "stated difference", "found"], found)}
"""


def main() -> None:
    """Simulate all and write data and page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=SIMULATIONS)
    simulations = parser.parse_args().simulations
    with ProcessPoolExecutor() as pool:

        def cells(kind: Callable[..., Outcome], *parts: Iterable[Any], count: int) -> list[Future[Outcome]]:
            return [pool.submit(kind, *case, count) for case in product(*parts)]

        waiting = [
            cells(nothing_to_find, [AUC], CONTENDERS, PLACES, count=simulations),
            cells(nothing_to_find, [0.5], CONTENDERS, PLACES, count=simulations),
            cells(at_stated_size, CONTENDERS, RATES, TRUTHS, count=simulations // 2),
            cells(power, CONTENDERS, PLACES, count=simulations),
        ]
        equal, noise, sized, shown = ([cell.result() for cell in kind] for kind in waiting)
    results = {"equal": equal, "noise": noise, "stated_size": sized, "power": shown}
    save("verdict", results, page(equal, noise, sized, shown))


if __name__ == "__main__":
    main()
