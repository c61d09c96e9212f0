"""From stored predictions to the page: evaluate, prove parity, measure leaks, check fairness, decide, report."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import psutil
import pyarrow.dataset as ds

from sparring import __version__
from sparring.comparison import costs, decide, fairness_ledger, load_prices
from sparring.comparison.capacity import capacity_gaps
from sparring.config.schema import RunConfig
from sparring.data.contract import used_columns
from sparring.data.example_rows import duplicate_examples, near_examples, quarantined_examples
from sparring.data.matrix import PreparedMatrix
from sparring.evaluation import (
    LinearModel,
    Predictions,
    auc_gap,
    baseline_tests,
    baselines,
    differences,
    evaluate,
    group_mean_auc,
    group_overlap_rate,
    parity_pairs,
    prove,
)
from sparring.evaluation.difference import DEFAULT_MARGIN
from sparring.evaluation.evaluate import Evaluation
from sparring.io import storage
from sparring.report import write_report
from sparring.run.interrupt import typed_command
from sparring.run.manifest import Manifest
from sparring.spark.session import find_java


def judge(
    config: RunConfig,
    folder: str,
    manifest: Manifest,
    results: list[dict[str, Any]],
    naive: dict[str, Any] | None,
    left_out: Sequence[str] = (),
) -> tuple[str, dict[str, Any]]:
    """Evaluate all contenders, decide, and write ``report.json`` and ``report.html``.

    Parameters
    ----------
    config : RunConfig
    folder : str
        The run's folder.
    manifest : Manifest
    results : list of dict
        The contenders' ``result.json``.
    naive : dict or None
        The result of the leak check's contender on the naive split.
    left_out : sequence of str, optional
        Contenders of the configuration that were not to be trained: the verdict is not about them.

    Returns
    -------
    str
        Path of the page.
    dict
        The facts in it.

    Notes
    -----
    Cost: the test and validation predictions of all contenders are held in memory on the driver, and the train
    part of the matrix while the logistic regressions are compared.
    """
    finished = [result["name"] for result in results if result["status"] == "ok"]
    evaluated = {name: _evaluate(config, storage.join(folder, "train", name, "predictions")) for name in finished}
    evaluations = {name: found.to_dict() for name, found in evaluated.items()}
    scored = _baselines(config, folder, finished)
    beaten = [found.to_dict() for found in baseline_tests(evaluated, scored, alpha=1 - config.evaluation.confidence)]
    gaps = [found.to_dict() for found in differences(evaluated, margin=config.evaluation.margin or DEFAULT_MARGIN)]
    parity = _parity(folder, results)
    ledger = fairness_ledger(results, evaluations, parity)
    leakage = _leakage(config, folder, manifest, evaluated, naive)
    prices = load_prices()
    estimates = [cost.to_dict() for result in results for cost in costs(result, prices)]
    facts: Any = {
        "run": {
            "name": config.name,
            "started": manifest.started,
            "seed": config.seed,
            "left_out": list(left_out),
            "command": typed_command(sys.argv),
            "config": config.model_dump(mode="json"),
        },
        **_row_facts(manifest),
        "not_features": manifest.report("ingest").get("not_features", {}),
        "examples": _examples(config, folder, manifest),
        "encoding": storage.read_json(storage.join(folder, "prepare", "encoding.json")) | {"names": None},
        "results": results,
        "evaluations": evaluations,
        "baselines": [{"name": name, **found.to_dict()} for name, found in scored.items()],
        "baseline_tests": beaten,
        "differences": gaps,
        "parity": parity,
        "leakage": leakage,
        "ledger": ledger,
        "verdict": decide(
            results,
            evaluations,
            gaps,
            ledger,
            (leakage or {}).get("findings", ()),
            baseline_tests=beaten,
            costs=estimates,
            caveats=[*manifest.report("deduplicate").get("caveats", ()), *_left_out(left_out, results)],
        ),
        "environment": environment(results),
        "stages": [
            {"name": name, "seconds": stage["seconds"], "rows": stage["report"].get("rows")}
            for name, stage in manifest.stages.items()
        ],
        "costs": estimates,
    }
    return write_report(folder, facts), facts


def _left_out(names: Sequence[str], results: list[dict[str, Any]]) -> list[str]:
    """Return the caveat that some contenders of the configuration took no part."""
    if not names:
        return []
    among = ", ".join(result["name"] for result in results)
    return [f"{', '.join(names)} of the configuration did not take part: the verdict is among {among} alone."]


def _evaluate(config: RunConfig, predictions: str) -> Evaluation:
    return evaluate(
        Predictions.read(predictions, "validation"),
        Predictions.read(predictions, "test"),
        confidence=config.evaluation.confidence,
    )


def _baselines(config: RunConfig, folder: str, finished: list[str]) -> dict[str, Evaluation]:
    """Return the baselines on the rows that the contenders scored; none when no contender finished."""
    if not finished:
        return {}
    predictions = storage.join(folder, "train", finished[0], "predictions")
    matrix = storage.join(folder, "prepare")
    parts = {
        "train": _columns(matrix, "train", ["group", "label", "weight"]),
        **{part: _columns(matrix, part, ["key", "group"]) for part in ("validation", "test")},
    }
    rows = [Predictions.read(predictions, part) for part in ("validation", "test")]
    return baselines(parts, rows[0], rows[1], confidence=config.evaluation.confidence)


def _parity(folder: str, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_name = {result["name"]: result for result in results}
    # Models of other sizes are not meant to agree.
    pairs = [pair for pair in parity_pairs(results) if not capacity_gaps(by_name[pair[0]], by_name[pair[1]])]
    names = {name for left, right, _ in pairs for name in (left, right)}
    logistic = {name for left, right, family in pairs if family == "logistic_regression" for name in (left, right)}
    trained = storage.join(folder, "train")
    predictions = {name: Predictions.read(storage.join(trained, name, "predictions"), "test") for name in names}
    models = {name: LinearModel.read(storage.join(trained, name, "model", "coefficients.json")) for name in logistic}
    train = PreparedMatrix(storage.join(folder, "prepare")).read("train") if logistic else None
    return [prove(left, right, family, predictions, models, train).to_dict() for left, right, family in pairs]


def _row_facts(manifest: Manifest) -> dict[str, Any]:
    """Return the accounts of ingest, deduplication and split."""
    ingested, deduplicated, split = (manifest.report(stage) for stage in ("ingest", "deduplicate", "split"))
    return {
        "rows": {
            "input": ingested["input"],
            "quarantined": ingested["input"] - ingested["accepted"],
            "duplicates_removed": deduplicated["duplicates_removed"],
            "kept_out": sum(split["kept_out"].values()),
            **{part: split["parts"][part]["rows"] for part in ("train", "validation", "test")},
        },
        "quarantine": ingested["quarantined"],
        "deduplicate": {key: value for key, value in deduplicated.items() if key != "rows"},
        "split": {key: value for key, value in split.items() if key != "rows"},
    }


def _examples(config: RunConfig, folder: str, manifest: Manifest) -> dict[str, list[dict[str, Any]]]:
    """Return rows that were quarantined, removed as duplicates, and found alike."""
    near = config.deduplicate.near
    columns = used_columns(config.table, near.columns if near else [])
    deduplicated, written = manifest.report("deduplicate"), storage.join(folder, "deduplicate")
    samples = (deduplicated["near"] or {}).get("samples", [])
    reasons = list(manifest.report("ingest")["quarantined"])
    return {
        "quarantined": quarantined_examples(storage.join(folder, "ingest"), reasons, columns),
        "duplicates": duplicate_examples(written, columns) if deduplicated["duplicates_removed"] else [],
        "near": near_examples(written, samples, near.columns if near else columns),
    }


def _leakage(
    config: RunConfig,
    folder: str,
    manifest: Manifest,
    evaluated: dict[str, Evaluation],
    naive: dict[str, Any] | None,
) -> dict[str, Any] | None:
    """Return the audit of the split and the inflation; None when both were switched off or failed."""
    audit = manifest.report("audit") if config.leakage.audit else None
    inflation = _inflation(config, folder, evaluated, naive)
    if audit is None and inflation is None:
        return None
    audited = {name: audit[name] for name in ("findings", "checks", "columns", "worst")} if audit else {}
    return {"group": config.table.group, **audited, **(inflation or {})}


def _inflation(
    config: RunConfig, folder: str, evaluated: dict[str, Evaluation], naive: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Return what the same trainer scores on the naive and on the safe split; None when either is missing."""
    name = config.leak_contender.name
    if naive is None or naive["status"] != "ok" or name not in evaluated:
        return None
    inflated = _evaluate(config, storage.join(folder, "naive", "train", "predictions"))
    gap = auc_gap(inflated.components, evaluated[name].components, config.evaluation.confidence)
    sides = {"naive": (inflated, "naive"), "safe": (evaluated[name], "prepare")}
    return {
        "contender": name,
        "inflation_low": gap.low,
        "inflation_high": gap.high,
        **{side: _side(config, found, storage.join(folder, matrix)) for side, (found, matrix) in sides.items()},
    }


def _side(config: RunConfig, found: Evaluation, matrix: str) -> dict[str, Any]:
    """Return the trainer's AUC, what the group-mean baseline scores, and how many test rows' groups are in train."""
    train, test = (_columns(matrix, part, ["group", "label", "weight"]) for part in ("train", "test"))
    auc = found.to_dict()["roc_auc"]
    by_group = group_mean_auc(train, test, config.evaluation.confidence)
    return auc | {
        "roc_auc": auc["value"],
        "group_mean_roc_auc": by_group.value,
        "group_mean_low": by_group.low,
        "group_mean_high": by_group.high,
        "group_overlap_rate": group_overlap_rate(train["group"], test["group"]),
    }


def _columns(matrix: str, part: str, names: list[str]) -> dict[str, np.ndarray]:
    system, inner = storage.filesystem(PreparedMatrix(matrix).path(part))
    table = ds.dataset(inner, filesystem=system, format="parquet").to_table(columns=names)
    return {name: table[name].to_numpy() for name in table.column_names}


def environment(results: list[dict[str, Any]]) -> dict[str, str]:
    """Return what the run ran on, as text by name."""
    java = find_java()
    versions = {name: version for result in results for name, version in result["versions"].items()}
    return {
        "Sparring": __version__,
        "Python": platform.python_version(),
        "Java": f"{java.version} ({java.origin})" if java else "none found",
        "Machine": f"{platform.system()} {platform.machine()}, {psutil.cpu_count()} cores",
        "Memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        **versions,
    }
