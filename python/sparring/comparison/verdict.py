"""The verdict: the best score, and among equally good ones the quickest; or a refusal with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypedDict

from sparring.comparison.certainty import Power, beats_baseline, pairs_with, power_of, untold
from sparring.comparison.ledger import CAPACITY

STAND_IN = (
    "{names} ran against a local stand-in of SageMaker: that proves the hand-off and the score, but its time "
    "and price are not SageMaker's, so it was not considered for speed."
)
LEAKS = (
    "The leak audit of the split rates high: {checks}. Every score may be better than it would be on new data; see its "
    "findings."
)


PATHS = {"spark": "Spark", "sagemaker": "SageMaker", "single_node": "one machine"}
Kind = Literal["better", "equivalent", "cannot_tell", "nothing_beats_baseline", "refused"]


class Verdict(TypedDict):
    """What to train with, and why.

    ``kind``: one contender is better than all others; several are equivalent within the margin, and the quickest of
    them is taken; the test part cannot tell the best from another; nothing beats a baseline; or the comparison is
    refused.  ``path`` is where to train, None unless a contender is to be taken.  ``choice`` is the contender to take;
    where that cannot be told, the one whose score is highest; None when nothing beats the baseline or ``refused``.
    ``basis`` says what decided: ``"score"`` or ``"time"``.  ``reason`` is the whole text: ``finding``, what decided,
    and ``caveats``, what a reader must know beside it.
    """

    kind: Kind
    path: str | None
    power: Power | None
    choice: str | None
    reason: str
    finding: str
    refused: bool
    basis: str | None
    metric: str
    margin: float | None
    best: str | None
    equivalent: list[str]
    caveats: list[str]


def decide(
    results: Sequence[Mapping[str, Any]],
    evaluations: Mapping[str, Mapping[str, Any]],
    differences: Iterable[Mapping[str, Any]],
    ledger: Iterable[Mapping[str, Any]],
    findings: Iterable[Mapping[str, Any]] = (),
    removals: Iterable[str] = (),
) -> Verdict:
    """Return the verdict on a comparison.

    The best ROC AUC leads.  Contenders shown equivalent to it (TOST at the margin in ``differences``) are as
    good; among these the one with the shortest wall time is chosen.  A stand-in is never chosen for its time:
    only when its score leads and nothing real is equivalent to it.

    Parameters
    ----------
    results : sequence of mapping
        The contenders' ``result.json``.
    evaluations : mapping of str to mapping
        ``Evaluation.to_dict()`` by contender.
    differences : iterable of mapping
        ``Difference.to_dict()`` of every pair.
    ledger : iterable of mapping
        From :func:`~sparring.comparison.fairness_ledger`.
    findings : iterable of mapping, default ()
        Of the leak audit; those rated high are told beside the choice, for they inflate every contender's score.
    removals : iterable of str, default ()
        What a reader must know of the rows that deduplication removed.

    Returns
    -------
    Verdict
        Refused when a required control did not hold, or nothing finished.
    """
    rows, lines = list(differences), list(ledger)
    margin = rows[0]["margin"] if rows else None
    broken = [line for line in lines if line["required"] and not line["held"]]
    finished = {r["name"]: r for r in results if r["status"] == "ok" and r["name"] in evaluations}
    caveats = [*_leaks(findings), *removals, *_settings(lines), *_caveats(results)]
    if not finished:
        return _refusal("No contender finished, so there is nothing to choose from.", margin, caveats)
    if broken:
        why = "; ".join(f"{line['control']} ({line['detail']})" for line in broken)
        return _refusal(f"The contenders cannot be compared fairly. Not held: {why}.", margin, caveats)

    def auc(name: str) -> float:
        return float(evaluations[name]["roc_auc"]["value"])

    test_rows = int(next(iter(evaluations.values()))["sample"]["rows"])
    if not beats_baseline({name: evaluations[name] for name in finished}):
        return _nothing_beats(finished, evaluations, margin, caveats, test_rows)
    best = max(finished, key=auc)
    equivalent = [name for name in finished if name != best and _equivalent(best, name, rows)]
    real = [name for name in [best, *equivalent] if not finished[name]["stand_in"]]
    choice = min(real, key=lambda name: finished[name]["wall_seconds"]) if real else best
    open_names = untold(best, list(finished), rows)
    power = power_of(best, open_names, rows, test_rows)
    if open_names:
        finding = _untold(best, open_names, evaluations, rows, power)
    else:
        finding = _finding(choice, best, equivalent, real, finished, evaluations, margin)
        finding += _next_path(choice, finished, evaluations)
    return {
        "kind": "cannot_tell" if open_names else "equivalent" if equivalent else "better",
        "path": None if open_names else PATHS[finished[choice]["engine"]],
        "power": power,
        "choice": choice,
        "reason": " ".join([finding, *caveats]),
        "finding": finding,
        "refused": False,
        "basis": "time" if len(real) > 1 else "score",
        "metric": "roc_auc",
        "margin": margin,
        "best": best,
        "equivalent": equivalent,
        "caveats": caveats,
    }


def _untold(
    best: str,
    open_names: Sequence[str],
    evaluations: Mapping[str, Mapping[str, Any]],
    differences: Sequence[Mapping[str, Any]],
    power: Power,
) -> str:
    """Return why the best is not known to be the best."""
    row = pairs_with(best, differences)[open_names[0]]
    p_value = "unknown" if row["p_adjusted"] is None else f"{row['p_adjusted']:.2f}"
    said = (
        f"{best} has the highest ROC AUC, {evaluations[best]['roc_auc']['value']:.4f}, but {power['test_rows']:,} test "
        f"rows cannot tell it from {', '.join(open_names)}: the difference to {open_names[0]} is "
        f"{abs(row['value']):.4f} (p = {p_value}, adjusted for all pairs)."
    )
    if power["needed_rows"] is not None:
        said += f" About {power['needed_rows']:,} test rows would tell."
    if power["detectable"] is not None:
        said += f" These show a difference of {power['detectable']:.4f} with 80% probability."
    return said


def _next_path(choice: str, finished: Mapping[str, Any], evaluations: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what the best of another path costs against the choice, in quality and time; stand-ins are none."""
    own = finished[choice]
    others = [name for name, r in finished.items() if r["engine"] != own["engine"] and not r["stand_in"]]
    if not others or own["stand_in"]:
        return ""

    def score(name: str) -> float:
        return float(evaluations[name]["roc_auc"]["value"])

    second = max(others, key=score)
    return (
        f" The next best path, {PATHS[finished[second]['engine']]}, reaches {score(second):.4f} "
        f"({score(second) - score(choice):+.4f}) with {second} in {finished[second]['wall_seconds']:.1f} s, against "
        f"{own['wall_seconds']:.1f} s."
    )


def _nothing_beats(
    finished: Mapping[str, Any],
    evaluations: Mapping[str, Mapping[str, Any]],
    margin: float | None,
    caveats: list[str],
    test_rows: int,
) -> Verdict:
    best = max(finished, key=lambda name: float(evaluations[name]["roc_auc"]["value"]))
    score = evaluations[best]["roc_auc"]
    finding = (
        f"No contender's ROC AUC is shown to be above 0.5, that of a constant score and of the mean label of a row's "
        f"group, on {test_rows:,} test rows; the highest is {best}'s, {score['value']:.4f}."
    )
    power: Power = {"test_rows": test_rows, "detectable": None, "needed_rows": None}
    return {**_refusal(finding, margin, caveats), "kind": "nothing_beats_baseline", "refused": False, "power": power}


def _equivalent(one: str, other: str, differences: Iterable[Mapping[str, Any]]) -> bool:
    return any(row["equivalent"] for row in differences if {row["left"], row["right"]} == {one, other})


def _finding(
    choice: str,
    best: str,
    equivalent: Sequence[str],
    real: Sequence[str],
    finished: Mapping[str, Mapping[str, Any]],
    evaluations: Mapping[str, Mapping[str, Any]],
    margin: float | None,
) -> str:
    """Return the sentence that says what decided."""
    score = evaluations[best]["roc_auc"]
    leads = f"{best} has the highest ROC AUC, {score['value']:.4f}"
    if score["low"] is not None:
        confidence = evaluations[best]["sample"]["confidence"]
        leads += f" ({confidence:.0%} interval {score['low']:.4f} to {score['high']:.4f})"
    if not equivalent:
        rest = "" if len(finished) == 1 else f"; no other contender is equivalent to it within \u00b1{margin:g}"
        return f"{leads}{rest}."
    verb = "is" if len(equivalent) == 1 else "are"
    also = f"{', '.join(equivalent)} {verb} equivalent to it within \u00b1{margin:g}"
    if len(real) == 1:
        return f"{leads}; {also}. Only {choice} among them did not run on a local stand-in."
    times = sorted((finished[name]["wall_seconds"], name) for name in real)
    others = ", ".join(f"{name} took {seconds:.1f} s" for seconds, name in times[1:])
    return f"{leads}; {also}. Of these {choice} took the least time, {times[0][0]:.1f} s ({others})."


def _leaks(findings: Iterable[Mapping[str, Any]]) -> list[str]:
    high = dict.fromkeys(finding["check"] for finding in findings if finding["severity"] == "high")
    return [LEAKS.format(checks=", ".join(high))] if high else []


def _settings(ledger: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what must not be credited to an engine."""
    return [
        f"A difference between boosted trees is one of their settings, not of engines: {line['detail']}."
        for line in ledger
        if line["control"] == CAPACITY and not line["held"]
    ]


def _caveats(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what a reader must know beside the choice."""
    stand_ins = [r["name"] for r in results if r["stand_in"] and r["status"] == "ok"]
    failed = [r["name"] for r in results if r["status"] != "ok"]
    caveats = [STAND_IN.format(names=", ".join(stand_ins))] if stand_ins else []
    return caveats + ([f"Failed and not ranked: {', '.join(failed)}."] if failed else [])


def _refusal(finding: str, margin: float | None, caveats: list[str]) -> Verdict:
    return {
        "kind": "refused",
        "path": None,
        "power": None,
        "choice": None,
        "reason": " ".join([finding, *caveats]),
        "finding": finding,
        "refused": True,
        "basis": None,
        "metric": "roc_auc",
        "margin": margin,
        "best": None,
        "equivalent": [],
        "caveats": caveats,
    }
