"""The verdict: the best score, and among equally good ones the quickest; or a refusal with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

STAND_IN = (
    "{names} ran against a local stand-in of SageMaker: that proves the hand-off and the score, but its time "
    "and price are not SageMaker's, so it was not considered for speed."
)
LEAKS = (
    "The leak audit of the split rates high: {checks}. Every score may be better than it would be on new data; see its "
    "findings."
)


class Verdict(TypedDict):
    """What to train with, and why.

    ``choice`` is None when ``refused``; ``basis`` says what decided: ``"score"`` or ``"time"``.  ``reason``
    is the whole text: ``finding``, what decided, and ``caveats``, what a reader must know beside it.
    """

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

    Returns
    -------
    Verdict
        Refused when a required control did not hold, or nothing finished.
    """
    rows = list(differences)
    margin = rows[0]["margin"] if rows else None
    broken = [line for line in ledger if line["required"] and not line["held"]]
    finished = {r["name"]: r for r in results if r["status"] == "ok" and r["name"] in evaluations}
    caveats = [*_leaks(findings), *_caveats(results)]
    if not finished:
        return _refusal("No contender finished, so there is nothing to choose from.", margin, caveats)
    if broken:
        why = "; ".join(f"{line['control']} ({line['detail']})" for line in broken)
        return _refusal(f"The contenders cannot be compared fairly. Not held: {why}.", margin, caveats)

    def auc(name: str) -> float:
        return float(evaluations[name]["roc_auc"]["value"])

    best = max(finished, key=auc)
    equivalent = [name for name in finished if name != best and _equivalent(best, name, rows)]
    real = [name for name in [best, *equivalent] if not finished[name]["stand_in"]]
    choice = min(real, key=lambda name: finished[name]["wall_seconds"]) if real else best
    finding = _finding(choice, best, equivalent, real, finished, evaluations, margin)
    return {
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


def _caveats(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what a reader must know beside the choice."""
    stand_ins = [r["name"] for r in results if r["stand_in"] and r["status"] == "ok"]
    failed = [r["name"] for r in results if r["status"] != "ok"]
    caveats = [STAND_IN.format(names=", ".join(stand_ins))] if stand_ins else []
    return caveats + ([f"Failed and not ranked: {', '.join(failed)}."] if failed else [])


def _refusal(finding: str, margin: float | None, caveats: list[str]) -> Verdict:
    return {
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
