"""The verdict: which path, which contender, and whether the evidence carries it.

Four kinds, and a refusal.  ``better``: the best contender is shown better than every other one.  ``equivalent``: some
are shown equivalent to it within the margin, all others worse; the cheapest of these is taken.  ``cannot_tell``: the
test part is too small to tell the best from another one.  ``nothing_beats_baseline``: no contender is shown
better than scores that know nothing of a row, or its group alone.  ``refused``: the contenders cannot be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypedDict

from sparring.comparison import finding as say
from sparring.comparison.capacity import capacity_gaps
from sparring.comparison.cheapest import cheapest, price_ranges
from sparring.comparison.fairness import same_conditions
from sparring.comparison.standing import Standing, between, merit, standing
from sparring.evaluation.evaluate import deciding
from sparring.evaluation.interval import LEAST_CLUSTERS
from sparring.evaluation.power import PROBABILITY

EMULATOR = (
    "{names} ran against a local emulator of SageMaker: that proves the hand-off and the score, but its time "
    "and price are not SageMaker's, so it was not considered for speed."
)
LEAKS = (
    "The leak audit of the split rates high: {checks}. Every score may be better than it would be on new data; see its "
    "findings."
)
NEARLY_THE_LABEL = ("target leakage", "medium")

Kind = Literal["better", "equivalent", "cannot_tell", "nothing_beats_baseline", "refused"]
Row = Mapping[str, Any]


class Verdict(TypedDict):
    """What to train with, and why.

    Attributes
    ----------
    kind : str
        ``"better"``, ``"equivalent"``, ``"cannot_tell"``, ``"nothing_beats_baseline"`` or ``"refused"``.
    choice, path : str or None
        The contender to take and where it runs: ``"Spark"``, ``"SageMaker"`` or ``"one machine"``.  The path is None
        too where nothing is known of it, as when a better score is one of settings; it is known alone where all that
        may be best run there.
    finding : str
        What was found, in sentences.
    caveats : list of str
        What a reader must know beside it.
    reason : str
        ``finding`` and ``caveats``.
    refused : bool
    basis : str or None
        What decided: ``"score"``, ``"price"`` or ``"time"``.
    metric : str or None
        Name of the metric that decided; None where nothing was evaluated.
    margin : float or None
        Differences smaller than this do not matter.
    best : str or None
        The best score, and how the others stand to it: ``equivalent``, ``undecided``, ``worse``.
    cheapest : str or None
        Of those that may be best, whom to take when one must be taken.
    power : dict or None
        ``what`` this test could have shown, the least ``difference``, with which ``probability``; ``sentence``.
    needed : dict or None
        Test ``rows`` that would tell with ``probability``, and ``rows_if_as_observed``.
    other_paths : list of dict
        The best contender of each other path beside the choice, the better ones first: difference in quality, time and
        money, and ``settings`` that make one of the two the larger model.
    """

    kind: Kind
    choice: str | None
    path: str | None
    finding: str
    caveats: list[str]
    reason: str
    refused: bool
    basis: str | None
    metric: str | None
    margin: float | None
    best: str | None
    equivalent: list[str]
    undecided: list[str]
    worse: list[str]
    cheapest: str | None
    power: dict[str, Any] | None
    needed: dict[str, Any] | None
    other_paths: list[dict[str, Any]]


def decide(
    results: Sequence[Row],
    evaluations: Mapping[str, Row],
    differences: Iterable[Row],
    checks: Iterable[Row],
    findings: Iterable[Row] = (),
    *,
    baseline_tests: Iterable[Row] = (),
    costs: Iterable[Row] = (),
    caveats: Sequence[str] = (),
) -> Verdict:
    """Return the verdict on a comparison.

    Parameters
    ----------
    results : sequence of mapping
        The contenders' ``result.json``.
    evaluations : mapping of str to mapping
        ``Evaluation.to_dict()`` by contender.
    differences : iterable of mapping
        ``Difference.to_dict()`` of every pair.
    checks : iterable of mapping
        From :func:`~sparring.comparison.fairness_checks`.
    findings : iterable of mapping, default ()
        Of the leak audit; those rated high are told beside the choice, for they inflate every contender's score, and
        features that alone nearly tell the label.
    baseline_tests : iterable of mapping, default ()
        ``BaselineTest.to_dict()`` of every contender.
    costs : iterable of mapping, default ()
        ``Cost.to_dict()`` of the contenders that have one.
    caveats : sequence of str, default ()
        Of earlier stages, told as they are.

    Returns
    -------
    Verdict
        Refused when a required control did not hold, or nothing finished.
    """
    rows, lines = list(differences), list(checks)
    finished = [result for result in results if result["status"] == "ok" and result["name"] in evaluations]
    told = [*_leaks(list(findings)), *_caveats(results), *caveats]
    metric = next((found["metric"]["name"] for found in evaluations.values()), None)
    if not finished:
        return _refusal("No contender finished, so there is nothing to choose from.", told, metric)
    broken = [line for line in lines if line["required"] and not line["held"]]
    if broken:
        why = "; ".join(f"{line['control']} ({line['detail']})" for line in broken)
        return _refusal(f"The contenders cannot be compared fairly. Not held: {why}.", told, metric)
    case = Case(finished, evaluations, rows, list(baseline_tests), price_ranges(costs))
    return case.verdict(told)


class Case:
    """A comparison that may be decided: contenders that finished, on equal terms."""

    def __init__(
        self,
        results: Sequence[Row],
        evaluations: Mapping[str, Row],
        differences: list[Row],
        baseline_tests: list[Row],
        prices: dict[str, dict[str, Any]],
    ) -> None:
        self.evaluations, self.differences, self.prices = evaluations, differences, prices
        self.results = {result["name"]: result for result in results}
        self.tests = {test["contender"]: test for test in baseline_tests if test["contender"] in self.results}
        self.standing: Standing = standing(list(self.results), evaluations, differences)
        self.margin = differences[0]["margin"] if differences else None

    @property
    def _best(self) -> Row:
        """The evaluation of the best contender."""
        return self.evaluations[self.standing.best]

    def verdict(self, caveats: list[str]) -> Verdict:
        """Return the verdict, with ``caveats`` beside it."""
        kind = self._kind()
        leaders = [self.results[name] for name in self.standing.leaders if self._is_proven(name)]
        decided = kind in ("better", "equivalent")
        choice, basis = cheapest(leaders, self.prices) if decided else (None, None)
        least = cheapest([self.results[name] for name in self.standing.may_be_best], self.prices)
        others = self._other_paths(choice) if choice is not None else []
        path = self._path(kind, choice)
        power, needed = self._power(kind), self._needed() if kind == "cannot_tell" else None
        if choice is not None:
            sentences = self._choice_sentences(kind, choice, str(basis), path)
            sentences += [say.beside(other, self.evaluations[str(choice)]) for other in others]
            sentences += [say.settings(choice, other) for other in others if other["settings"]]
        else:
            sentences = self._open_sentences(kind, path, least, needed)
        found = " ".join([*sentences, power["sentence"]] if power else sentences)
        return {
            "kind": kind,
            "choice": choice,
            "path": path,
            "finding": found,
            "caveats": caveats,
            "reason": " ".join([found, *caveats]),
            "refused": False,
            "basis": basis,
            "metric": self._best["metric"]["name"],
            "margin": self.margin,
            "best": self.standing.best,
            "equivalent": self.standing.equivalent,
            "undecided": self.standing.undecided,
            "worse": self.standing.worse,
            "cheapest": choice or (least[0] if kind == "cannot_tell" else None),
            "power": power,
            "needed": needed,
            "other_paths": others,
        }

    def _kind(self) -> Kind:
        if self._doubt() is not None:
            return "cannot_tell"
        if self.tests and not any(test["beaten"] for test in self.tests.values()):
            return "nothing_beats_baseline"
        proven = [name for name in self.standing.leaders if self._is_proven(name)]
        if self.standing.undecided or not proven:
            return "cannot_tell"
        return "equivalent" if len(proven) > 1 else "better"

    def _is_proven(self, name: str) -> bool:
        return not self.tests or bool(self.tests[name]["beaten"])

    def _doubt(self) -> str | None:
        """Return why the test part is too small for any verdict; None when it is not."""
        found = deciding(self._best)
        return None if found["reliable"] else found["reason"]

    def _path(self, kind: Kind, choice: str | None) -> str | None:
        """Return where the choice runs, or where all run that may be best.

        None where the best of another path is another model by its settings: then nothing is known of the path.
        """
        if kind == "nothing_beats_baseline" or self._doubt() is not None:
            return None
        leader = choice or self.standing.best
        if any(other["settings"] for other in self._other_paths(leader)):
            return None
        if choice is not None:
            return self.results[choice]["path"]
        paths = {self.results[name]["path"] for name in self.standing.may_be_best}
        everywhere = {result["path"] for result in self.results.values()}
        return paths.pop() if len(paths) == 1 and len(everywhere) > 1 else None

    def _other_paths(self, choice: str) -> list[dict[str, Any]]:
        """Return the best contender of each other path beside the choice, the better ones first."""
        best: dict[str, str] = {}
        for name in [*self.standing.may_be_best, *self.standing.worse]:
            path = self.results[name]["path"]
            known = best.setdefault(path, name)
            if self._score(name) > self._score(known):
                best[path] = name
        best.pop(self.results[choice]["path"])
        return [self._beside(choice, name) for name in sorted(best.values(), key=self._score, reverse=True)]

    def _score(self, name: str) -> float:
        return merit(self.evaluations[name])

    def _beside(self, choice: str, name: str) -> dict[str, Any]:
        own, other = self.results[choice], self.results[name]
        row = between(choice, name, self.differences)
        prices = [self.prices.get(one) for one in (choice, name)]
        return {
            "path": other["path"],
            "contender": name,
            "difference": row["value"],
            "low": row["low"],
            "high": row["high"],
            "p_adjusted": row["p_adjusted"],
            "equivalent": row["equivalent"],
            "identical": row["identical"],
            "seconds": [own["wall_seconds"], other["wall_seconds"]],
            "prices": prices if all(prices) else None,
            "emulated": own["emulated"] or other["emulated"],
            "comparable": same_conditions([own, other]),
            "settings": capacity_gaps(own, other),
        }

    def _power(self, kind: Kind) -> dict[str, Any] | None:
        """Return what this test could have shown between the best and the nearest model that is not the same."""
        best = self.standing.best
        test = self.tests.get(best)
        others = [*self.standing.undecided, *self.standing.worse, *self.standing.equivalent]
        known = [row for name in others if (row := self._row(name))["detectable"] is not None]
        if kind == "nothing_beats_baseline" or not known:
            if test is None or test["detectable"] is None:
                return None
            found = {"difference": test["detectable"], "what": f"a lead over the {test['baseline']} baseline"}
        else:
            found = {
                "difference": known[0]["detectable"],
                "what": f"a difference between {best} and {known[0]['right']}",
            }
        found["probability"] = PROBABILITY
        return {**found, "sentence": say.power(found, self._best)}

    def _needed(self) -> dict[str, Any] | None:
        """Return how many test rows would tell the best from all that may be as good."""
        if self._doubt() is not None:
            sample = self._best["sample"]
            known = sample["effective_clusters"]
            rows = math.ceil(sample["rows"] * LEAST_CLUSTERS / known) if known else None
            return {"rows": rows, "rows_if_as_observed": None, "probability": None}
        undecided = [self._row(name) for name in self.standing.undecided]
        if not undecided:
            return None
        observed = [row["rows_to_find"] for row in undecided]
        return {
            "rows": max(row["rows_to_tell"] for row in undecided),
            "rows_if_as_observed": max(observed) if all(observed) else None,
            "probability": PROBABILITY,
        }

    def _row(self, other: str) -> dict[str, Any]:
        return between(self.standing.best, other, self.differences)

    def _choice_sentences(self, kind: Kind, choice: str, basis: str, path: str | None) -> list[str]:
        """Return whom to take and what decided."""
        if kind == "better":
            nearest = [self._row(name) for name in self.standing.worse][:1]
            return [say.train(path, choice), say.is_better(choice, self.evaluations, nearest[0] if nearest else None)]
        leaders = [name for name in self.standing.leaders if self._is_proven(name)]
        others = [between(choice, name, self.differences) for name in leaders if name != choice]
        real = [self.results[name] for name in leaders if not self.results[name]["emulated"]]
        return [
            say.train(path, choice),
            say.is_equivalent(choice, others, self.evaluations, self.standing.worse),
            say.why_cheapest(choice, basis, real, self.prices, same_conditions(real)),
        ]

    def _open_sentences(self, kind: Kind, path: str | None, least: tuple[str, str], needed: Row | None) -> list[str]:
        """Return why nobody is chosen."""
        best, doubt = self.standing.best, self._doubt()
        if doubt is not None:
            return [say.too_small(doubt, self._best["sample"], needed["rows"] if needed else None)]
        undecided = [self._row(name) for name in self.standing.undecided]
        if kind == "nothing_beats_baseline" or not undecided or needed is None:
            return [say.nothing_beats(best, self.evaluations, self.tests[best])]
        where = [f"All that may be best run on {path}."] if path else []
        told = say.cannot_tell(best, undecided, self.evaluations, float(self.margin or 0), self.standing.worse)
        real = [result for name in self.standing.may_be_best if not (result := self.results[name])["emulated"]]
        cost = say.why_cheapest(*least, real, self.prices, same_conditions(real))
        return [told, *where, say.rows_needed(needed), f"If one must be taken: {cost}"]


def _leaks(findings: Sequence[Row]) -> list[str]:
    high = dict.fromkeys(finding["check"] for finding in findings if finding["severity"] == "high")
    # A feature that nearly is the label may be a strong one: only the user knows when it becomes known.
    nearly = [f"{f['message']}: {f['advice']}" for f in findings if (f["check"], f["severity"]) == NEARLY_THE_LABEL]
    return [LEAKS.format(checks=", ".join(high))] * bool(high) + nearly


def _caveats(results: Sequence[Row]) -> list[str]:
    """Return what a reader must know beside the choice."""
    emulated = [r["name"] for r in results if r["emulated"] and r["status"] == "ok"]
    failed = [r["name"] for r in results if r["status"] != "ok"]
    caveats = [EMULATOR.format(names=", ".join(emulated))] if emulated else []
    return caveats + ([f"Failed and not ranked: {', '.join(failed)}."] if failed else [])


def _refusal(finding: str, caveats: list[str], metric: str | None) -> Verdict:
    return {
        "kind": "refused",
        "choice": None,
        "path": None,
        "finding": finding,
        "caveats": caveats,
        "reason": " ".join([finding, *caveats]),
        "refused": True,
        "basis": None,
        "metric": metric,
        "margin": None,
        "best": None,
        "equivalent": [],
        "undecided": [],
        "worse": [],
        "cheapest": None,
        "power": None,
        "needed": None,
        "other_paths": [],
    }
