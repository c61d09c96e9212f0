"""Write the figures of one demo run into the README and ``docs/measurements.md``.

::

    time uv run sparring demo --output RUN
    uv run python benchmarks/demo.py RUN SECONDS
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from pages import table

ROOT = Path(__file__).parents[1]
ENGINES = {"spark": "Spark MLlib", "single_node": "one machine", "sagemaker": "SageMaker (local emulator)"}
PHASES = (
    *("start", "import", "local_start", "session", "read", "transfer"),
    *("fit", "write", "deploy", "score", "clean_up"),
)
GIB = 2**30


def findings(facts: dict[str, Any], seconds: float) -> str:
    """Return the README's block."""
    rows, leak, contenders = facts["rows"], facts["leakage"], facts["contenders"]
    scores = [
        [
            c["name"],
            ENGINES[c["engine"]],
            "{value:.4f} ({low:.4f} to {high:.4f})".format(**c["metrics"]["roc_auc"]),
            f"{c['wall_seconds']:.0f}",
            f"{c['cpu_seconds']:.0f}",
            f"{c['peak_memory_bytes'] / GIB:.1f} GiB",
        ]
        for c in contenders
    ]
    pairs = {(p["left"], p["right"]): p for p in facts["equivalence"]}
    logistic, trees = pairs["mllib-logistic", "sklearn-logistic"], pairs["sagemaker-xgboost", "xgboost"]
    largest = max(c["peak_memory_bytes"] for c in contenders) / GIB
    naive, safe = leak["naive"], leak["safe"]
    return f"""{table(["contender", "path", "ROC AUC (95% interval)", "wall s", "CPU s", "peak memory"], scores)}

Verdict, **{facts["verdict"]["kind"].replace("_", " ")}**: {facts["verdict"]["finding"]}

- The whole demo took {seconds / 60:.1f} minutes on {facts["environment"]["Machine"]}, packages installed; no contender
  used more than {largest:.1f} GiB.
- {rows["input"]:,} rows = {rows["quarantined"]:,} quarantined (flights that never left have no label) +
  {rows["duplicates_removed"]} duplicates + {rows["train"]:,} train + {rows["validation"]:,} validation +
  {rows["test"]:,} test.
- Could the score be a leak? A naive random split leaves {naive["group_overlap_rate"]:.1%} of the test flights with the same
  schedule in train, and a model that only remembers schedules scores {naive["group_mean"]:.3f} there,
  {safe["group_mean"]:.3f} on the safe split. XGBoost scores {naive["value"]:.4f} ({naive["low"]:.4f} to
  {naive["high"]:.4f}) on the naive split and {safe["value"]:.4f} ({safe["low"]:.4f} to {safe["high"]:.4f}) on the
  safe one: {leak["inflation"]:+.4f}, though the flight number is no feature.
{audited(leak["findings"])}
- Do the engines agree? The two logistic regressions differ by {logistic["objective_gap"]:.1e} in their objective and by
  {logistic["max_score_difference"]:.1e} at most in a probability; XGBoost trained through `sagemaker-pyspark` and
  on one machine by {trees["max_score_difference"]:.0e}."""


def audited(found: list[dict[str, Any]]) -> str:
    """Return what the audit of the safe split found, the worst of each check."""
    worst = {finding["check"]: finding for finding in reversed(found)}
    said = [
        f"  - **{finding['severity']}**, {name}: {finding['message']}. {finding['advice']}"
        for name, finding in sorted(worst.items())
    ]
    head = (
        "- The leak audit of the safe split itself found"
        if said
        else "- The leak audit of the safe split found nothing."
    )
    return "\n".join([f"{head}:" if said else head, *said])


def measurements(facts: dict[str, Any], seconds: float) -> str:
    """Return the page of measurements."""
    machine, contenders = facts["environment"], facts["contenders"]
    phases = [name for name in PHASES if any(name in c["phases"] for c in contenders)]
    spent = [
        [c["name"], *(f"{c['phases'][name]:.1f}" if name in c["phases"] else "" for name in phases)] for c in contenders
    ]
    versions = ", ".join(f"{name} {text}" for name, text in machine.items() if name not in ("Machine", "Memory"))
    stages = [[stage["name"], f"{stage['seconds']:.1f}"] for stage in facts["stages"]]
    return f"""# Measurements

One run of `sparring demo`, started {facts["run"]["started"]}, on {machine["Machine"]}, {machine["Memory"]}:
{versions}. Wall time of the whole command: {seconds:.0f} s. One run, no repeats: differences of a few seconds mean
nothing. `benchmarks/demo.py` writes this page.

## Stages

{table(["stage", "s"], stages)}

## Phases of each contender, in seconds

{table(["contender", *phases], spent)}

The SageMaker row is the local emulator: its `fit` is a local process that starts, reads libsvm text and trains.

{(ROOT / "benchmarks" / "mllib_convergence.md").read_text().strip()}
"""


def main(folder: str, seconds: float) -> None:
    """Write both files."""
    facts = json.loads(Path(folder, "report.json").read_text())
    readme = ROOT / "README.md"
    block = f"<!-- demo: written by benchmarks/demo.py -->\n{findings(facts, seconds)}\n<!-- demo end -->"
    readme.write_text(re.sub(r"<!-- demo: .*<!-- demo end -->", lambda _: block, readme.read_text(), flags=re.DOTALL))
    (ROOT / "docs" / "measurements.md").write_text(measurements(facts, seconds))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
