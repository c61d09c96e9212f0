"""Where bars begin and end on the page: positions in per cent, orders and labels, no figures of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sparring.report.axis import Scale, log_ticks
from sparring.report.units import unit_of

# Chance, and a perfect ranking.
AUC_TICKS = [{"at": 200 * (auc - 0.5), "label": f"{auc:.1f}"} for auc in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)]
PHASES = ("start", "session", "read", "hand_off", "fit", "score", "write")
PARTS = ("train", "validation", "test")

Contenders = Sequence[Mapping[str, Any]]


def ranked(contenders: Contenders) -> list[int]:
    """Return the contenders' numbers by falling ROC AUC, failed ones last."""

    def rank(number: int) -> tuple[bool, float]:
        metrics = contenders[number]["metrics"]
        return metrics is None, -metrics["roc_auc"]["value"] if metrics else 0.0

    return sorted(range(len(contenders)), key=rank)


def intervals(contenders: Contenders) -> dict[str, Any]:
    """Return the ticks of a scale that all ROC AUC intervals share, and left end, width and dot of each on it."""
    aucs = {n: c["metrics"]["roc_auc"] for n, c in enumerate(contenders) if c["metrics"]}
    if not aucs:
        return {"ticks": [], "bars": {}}
    ends = {n: [auc["value"] if auc[end] is None else auc[end] for end in ("low", "high")] for n, auc in aucs.items()}
    scale = Scale(min(low for low, _ in ends.values()), max(high for _, high in ends.values()))
    bars = {
        n: {"left": scale.at(low), "width": scale.at(high) - scale.at(low), "dot": scale.at(aucs[n]["value"])}
        for n, (low, high) in ends.items()
    }
    return {"ticks": scale.ticks, "bars": bars}


def tiles(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the key figures beside the verdict: label, pointer, kind and a note each."""
    found = []
    names = [contender["name"] for contender in document["contenders"]]
    choice = document["verdict"]["choice"]
    if choice in names:
        place = f"/contenders/{names.index(choice)}"
        found += [
            {
                "label": "ROC AUC",
                "pointer": f"{place}/metrics/roc_auc/value",
                "kind": "score",
                "note": choice,
            },
            {
                "label": "Wall time",
                "pointer": f"{place}/wall_seconds",
                "kind": "seconds",
                "note": "start to scores",
            },
            {
                "label": "Peak memory",
                "pointer": f"{place}/peak_memory_bytes",
                "kind": "size",
                "note": "whole process tree",
            },
        ]
    if document["leakage"] and "inflation" in document["leakage"]:
        note = "AUC a naive split would add"
        found.append({"label": "Leak inflation", "pointer": "/leakage/inflation", "kind": "signed", "note": note})
    return found


def funnel(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the steps from input to parts, label, pointer, place of the bar and whether rows leave there; ticks."""
    total = document["rows"]["input"] or 1
    scale = Scale(0, total)
    steps = [("Input", "input", "kept"), ("Quarantined", "quarantined", "left")]
    steps += [("Duplicates removed", "duplicates_removed", "left")]
    steps += [("Kept out of the split", "kept_out", "left")] * bool(document["rows"]["kept_out"])
    steps += [(part.capitalize(), part, "kept") for part in PARTS]
    bars, start = [], 0
    for label, name, role in steps:
        rows = document["rows"][name]
        place = {"left": scale.at(start), "width": scale.at(rows)}
        bars.append({"label": label, "pointer": f"/rows/{name}", "role": role, **place})
        start += rows if name != "input" else 0
    return {"bars": bars, "ticks": scale.ticks}


def leak_bars(leakage: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the AUC bars of trainer and group-mean baseline on both splits; they begin at 0.5, pure chance.

    ``reach`` is left end and width of the interval, in per cent, or None.
    """
    if not leakage or "naive" not in leakage:
        return []
    rows = [(leakage["contender"], "roc_auc", ""), ("Group-mean baseline", "group_mean_roc_auc", "group_mean_")]
    return [
        {
            "label": label,
            "side": side,
            "pointer": f"/leakage/{side}/{name}",
            "interval": [f"/leakage/{side}/{prefix}{end}" for end in ("low", "high")],
            "reach": _reach(leakage[side].get(f"{prefix}low"), leakage[side].get(f"{prefix}high")),
            "width": _above_chance(leakage[side][name]),
        }
        for label, name, prefix in rows
        for side in ("naive", "safe")
        if leakage[side].get(name) is not None
    ]


def _above_chance(auc: float) -> float:
    """Return an AUC in per cent of the way from 0.5 to 1."""
    return max(0.0, min(100.0, 200 * (auc - 0.5)))


def _reach(low: float | None, high: float | None) -> tuple[float, float] | None:
    if low is None or high is None:
        return None
    return _above_chance(low), _above_chance(high) - _above_chance(low)


def cluster_bars(deduplicate: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bar for each size of duplicate clusters, on a scale of logarithms: most clusters are small; ticks."""
    sizes = deduplicate.get("sizes") or {}
    largest = max(sizes.values(), default=0)
    longest = math.log1p(largest) or 1.0
    bars = [
        {"label": size, "pointer": f"/deduplicate/sizes/{size}", "width": 100 * math.log1p(count) / longest}
        for size, count in sizes.items()
    ]
    return {"bars": bars, "ticks": log_ticks(largest)}


def legend(contenders: Contenders) -> list[int]:
    """Return the numbers of the contenders that have curves, best first."""
    return [number for number in ranked(contenders) if contenders[number]["curves"]]


def time_bars(contenders: Contenders) -> dict[str, Any]:
    """Return the phases in a fixed order, a colour each, contenders' segments in per cent, ticks and their unit.

    What the phases leave of the wall time, such as starting Python, is the segment ``other``.
    """
    walls = [c.get("wall_seconds") or 0.0 for c in contenders]
    unit, size = unit_of("seconds", walls)
    scale = Scale(0.0, max(walls, default=0.0) / size)
    phases = phases_of(contenders)
    bars = {}
    for number, contender in enumerate(contenders):
        spent = {phase: contender["phases"][phase] for phase in phases if phase in contender["phases"]}
        spent["other"] = max(0.0, walls[number] - sum(spent.values()))
        bars[number] = [{"phase": name, "seconds": s, "width": scale.at(s / size)} for name, s in spent.items()]
    known = {phase: f"p-{phase}" for phase in (*PHASES, "other")}
    colours = {phase: known.get(phase, f"c{number % 8}") for number, phase in enumerate([*phases, "other"])}
    return {"phases": phases, "colours": colours, "bars": bars, "ticks": scale.ticks, "unit": unit}


def phases_of(contenders: Contenders) -> list[str]:
    """Return the phases that occur, the usual ones first, in their order."""
    seen = [phase for contender in contenders for phase in contender["phases"]]
    phases = [*PHASES, *dict.fromkeys(phase for phase in seen if phase not in PHASES)]
    return [phase for phase in phases if phase in seen]
