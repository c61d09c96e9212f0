"""Where bars begin and end on the page: positions in per cent, orders and labels, no figures of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sparring.report.axis import Scale, log_ticks
from sparring.report.formats import heading
from sparring.report.units import unit_of

PHASES = ("start", "session", "read", "transfer", "fit", "score", "write")
PARTS = ("train", "validation", "test")

Contenders = Sequence[Mapping[str, Any]]
Metric = Mapping[str, Any]


def ranked(contenders: Contenders, metric: Metric) -> list[int]:
    """Return the contenders' numbers, the best in ``metric`` first, failed ones last."""
    sign = -1 if metric["higher_is_better"] else 1

    def rank(number: int) -> tuple[bool, float]:
        metrics = contenders[number]["metrics"]
        return metrics is None, sign * metrics[metric["name"]]["value"] if metrics else 0.0

    return sorted(range(len(contenders)), key=rank)


def difference_kind(metric: Metric) -> str:
    """Return the kind of figure that a difference in ``metric`` is."""
    return "signed_amount" if metric["shown_as"] == "amount" else "signed"


def size_kind(metric: Metric) -> str:
    """Return the kind of figure that a difference in ``metric`` without its sign is."""
    return "amount" if metric["shown_as"] == "amount" else "score"


def intervals(contenders: Contenders, metric: Metric) -> dict[str, Any]:
    """Return the ticks of a scale that all intervals share, and left end, width and dot of each on it."""
    found = {n: c["metrics"][metric["name"]] for n, c in enumerate(contenders) if c["metrics"]}
    if not found:
        return {"ticks": [], "bars": {}}
    ends = {n: [one["value"] if one[end] is None else one[end] for end in ("low", "high")] for n, one in found.items()}
    scale = Scale(min(low for low, _ in ends.values()), max(high for _, high in ends.values()))
    bars = {
        n: {"left": scale.at(low), "width": scale.at(high) - scale.at(low), "dot": scale.at(found[n]["value"])}
        for n, (low, high) in ends.items()
    }
    return {"ticks": scale.ticks, "bars": bars}


def tiles(document: Mapping[str, Any], metric: Metric) -> list[dict[str, str]]:
    """Return the key figures beside the verdict: label, pointer, kind and a note each."""
    found = []
    names = [contender["name"] for contender in document["contenders"]]
    choice = document["verdict"]["choice"]
    if choice in names:
        place = f"/contenders/{names.index(choice)}"
        value = f"{place}/metrics/{metric['name']}/value"
        unit = f", in units of {metric['unit']}" if metric["unit"] else ""
        found += [
            {"label": heading(metric["title"]), "pointer": value, "kind": metric["shown_as"], "note": choice + unit},
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
        note = f"{metric['title']} of a naive split, less that of the safe one"
        kind = difference_kind(metric)
        found.append({"label": "Leak inflation", "pointer": "/leakage/inflation", "kind": kind, "note": note})
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


def leak_bars(leakage: Mapping[str, Any] | None, metric: Metric) -> dict[str, Any]:
    """Return the bars of trainer and group-mean baseline on both splits, and the ticks below them.

    The bars begin at chance where the metric has one, and end at 1; else they begin at 0.  Each has its left end and
    width, and the ``reach`` of its interval, left end and width or None, all in per cent.
    """
    if not leakage or "naive" not in leakage:
        return {"bars": [], "ticks": [], "origin": None}
    rows = [(leakage["contender"], "value", ""), ("Group-mean baseline", "group_mean", "group_mean_")]
    places = [(side, *row) for row in rows for side in ("naive", "safe") if leakage[side].get(row[1]) is not None]
    ends = [
        value
        for side, _, name, prefix in places
        for value in (leakage[side][name], leakage[side].get(f"{prefix}low"), leakage[side].get(f"{prefix}high"))
        if value is not None
    ]
    chance = metric["chance"]
    scale = (
        Scale(0.0 if chance is None else chance, 1.0) if chance is not None else Scale(min(0.0, *ends), max(0.0, *ends))
    )
    origin = chance if chance is not None else 0.0
    bars = [
        {
            "label": label,
            "side": side,
            "pointer": f"/leakage/{side}/{name}",
            "interval": [f"/leakage/{side}/{prefix}{end}" for end in ("low", "high")],
            "reach": _reach(scale, leakage[side].get(f"{prefix}low"), leakage[side].get(f"{prefix}high")),
            **_bar(scale, origin, leakage[side][name]),
        }
        for side, label, name, prefix in places
    ]
    return {"bars": bars, "ticks": scale.ticks, "origin": origin}


def _bar(scale: Scale, origin: float, value: float) -> dict[str, float]:
    start, end = sorted((_within(scale.at(origin)), _within(scale.at(value))))
    return {"left": start, "width": end - start}


def _within(place: float) -> float:
    return max(0.0, min(100.0, place))


def _reach(scale: Scale, low: float | None, high: float | None) -> tuple[float, float] | None:
    if low is None or high is None:
        return None
    start, end = _within(scale.at(low)), _within(scale.at(high))
    return start, end - start


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


def legend(contenders: Contenders, metric: Metric) -> list[int]:
    """Return the numbers of the contenders that have plots, best first."""
    return [number for number in ranked(contenders, metric) if contenders[number]["plots"]]


def class_balance(split: Mapping[str, Any]) -> dict[str, Any]:
    """Return the classes in any part of the split, and the parts in order; no class where the label is a number."""
    parts = split["parts"]
    names = dict.fromkeys(name for part in parts.values() for name in part.get("classes", {}))
    return {"classes": list(names), "parts": list(parts)}


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
