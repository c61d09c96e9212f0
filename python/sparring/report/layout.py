"""Where bars begin and end on the page: positions in per cent, orders and labels, no figures of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

PHASES = ("start", "session", "read", "hand_off", "fit", "score", "write")
PARTS = ("train", "validation", "test")

Contenders = Sequence[Mapping[str, Any]]


def ranked(contenders: Contenders) -> list[int]:
    """Return the contenders' numbers by falling ROC AUC, failed ones last."""

    def rank(number: int) -> tuple[bool, float]:
        metrics = contenders[number]["metrics"]
        return metrics is None, -metrics["roc_auc"]["value"] if metrics else 0.0

    return sorted(range(len(contenders)), key=rank)


def whiskers(contenders: Contenders) -> dict[int, dict[str, float]]:
    """Return left end, width and dot of each ROC AUC interval in per cent of a scale that all share."""
    aucs = {n: c["metrics"]["roc_auc"] for n, c in enumerate(contenders) if c["metrics"]}
    if not aucs:
        return {}
    ends = [auc[end] if auc[end] is not None else auc["value"] for auc in aucs.values() for end in ("low", "high")]
    low, width = min(ends), max(ends) - min(ends) or 1.0

    def at(value: float | None, otherwise: float) -> float:
        return 4 + 92 * ((otherwise if value is None else value) - low) / width

    return {
        n: {
            "left": at(auc["low"], auc["value"]),
            "width": at(auc["high"], auc["value"]) - at(auc["low"], auc["value"]),
            "dot": at(auc["value"], auc["value"]),
        }
        for n, auc in aucs.items()
    }


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


def funnel(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps from input to parts: label, pointer, width of the bar and whether rows leave there."""
    total = document["rows"]["input"] or 1
    steps = [("Input", "input", "kept"), ("Quarantined", "quarantined", "left")]
    steps += [("Duplicates removed", "duplicates_removed", "left")]
    steps += [("Kept out of the split", "kept_out", "left")] * bool(document["rows"]["kept_out"])
    steps += [(part.capitalize(), part, "kept") for part in PARTS]
    bars, start = [], 0.0
    for label, name, role in steps:
        width = 100 * document["rows"][name] / total
        bars.append({"label": label, "pointer": f"/rows/{name}", "role": role, "left": start, "width": width})
        start += width if name != "input" else 0.0
    return bars


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


def cluster_bars(deduplicate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a bar for each size of duplicate clusters, on a scale of logarithms: most clusters are small."""
    sizes = deduplicate.get("sizes") or {}
    longest = math.log1p(max(sizes.values(), default=0)) or 1.0
    return [
        {"label": size, "pointer": f"/deduplicate/sizes/{size}", "width": 100 * math.log1p(count) / longest}
        for size, count in sizes.items()
    ]


def legend(contenders: Contenders) -> list[int]:
    """Return the numbers of the contenders that have curves, best first."""
    return [number for number in ranked(contenders) if contenders[number]["curves"]]


def time_bars(contenders: Contenders) -> dict[str, Any]:
    """Return the phases in a fixed order, a colour each, and contenders' segments in per cent of the longest.

    What the phases leave of the wall time, such as starting Python, is the segment ``other``.
    """
    longest = max((c.get("wall_seconds") or 0.0 for c in contenders), default=0.0) or 1.0
    seen = [phase for contender in contenders for phase in contender["phases"]]
    phases = [*PHASES, *dict.fromkeys(phase for phase in seen if phase not in PHASES)]
    phases = [phase for phase in phases if phase in seen]
    bars = {}
    for number, contender in enumerate(contenders):
        spent = contender["phases"]
        rest = max(0.0, (contender.get("wall_seconds") or 0.0) - sum(spent.values()))
        bars[number] = [
            {"phase": phase, "seconds": spent[phase], "width": 100 * spent[phase] / longest}
            for phase in phases
            if phase in spent
        ] + [{"phase": "other", "seconds": rest, "width": 100 * rest / longest}]
    known = {phase: f"p-{phase}" for phase in (*PHASES, "other")}
    colours = {phase: known.get(phase, f"c{number % 8}") for number, phase in enumerate([*phases, "other"])}
    return {"phases": phases, "colours": colours, "bars": bars}
