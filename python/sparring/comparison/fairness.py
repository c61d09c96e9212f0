"""The fair-comparison checks: every control of the comparison, and whether it held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any, TypedDict

from sparring.comparison.capacity import CAPACITY, capacity_gaps
from sparring.evaluation.equivalence import differing_settings


class Control(TypedDict):
    """One check.

    ``required`` controls decide whether contenders may be compared at all: a verdict is refused when one did
    not hold.  The others qualify the figures.
    """

    control: str
    held: bool
    required: bool
    detail: str


Result = Mapping[str, Any]


def fairness_checks(results: Sequence[Result], evaluations: Mapping[str, Mapping[str, Any]]) -> list[Control]:
    """Return the controls of a comparison.

    Parameters
    ----------
    results : sequence of mapping
        The contenders' ``result.json``.
    evaluations : mapping of str to mapping
        ``Evaluation.to_dict()`` by contender.

    Returns
    -------
    list of Control
        Required ones first.
    """
    ok = [result for result in results if result["status"] == "ok"]
    return [
        _alike("same rows and encoding", ok, _fingerprint, "fingerprint of what each contender read"),
        _same_objective(ok),
        _same_metric_code(ok, evaluations),
        _same_capacity(ok),
        _all_finished(results),
        _alike("same cores", ok, lambda result: result["cores"], "threads", required=False),
        _alike("same seed", ok, lambda result: result["seed"], "seed", required=False),
        _fresh_process(results),
        _undisturbed(ok),
        _real_services(results),
    ]


def _alike(
    control: str, results: Sequence[Result], value: Callable[[Result], Any], what: str, required: bool = True
) -> Control:
    """Return the control that ``value`` is one and the same in all results; it names who differs."""
    found: dict[str, list[str]] = {}
    for result in results:
        found.setdefault(str(value(result)), []).append(result["name"])
    if len(found) <= 1:
        return _control(control, True, required, f"{what}: {next(iter(found), 'no contender finished')}")
    parts = "; ".join(f"{value} ({', '.join(names)})" for value, names in found.items())
    return _control(control, False, required, f"{what} differ: {parts}")


def _fingerprint(result: Result) -> str:
    """Return the fingerprint, or one a part where a contender states them apart.

    It covers keys, labels, weights and every encoded feature value, so that rows and encoding are one
    control.
    """
    matrix = result["matrix"]
    parts = matrix.get("fingerprints", {})
    by_part = ", ".join(f"{part} {parts[part]}" for part in sorted(parts))
    return str(matrix.get("fingerprint") or by_part or f"not stated by {result['name']}")


def _same_objective(results: Sequence[Result]) -> Control:
    """Contenders that should be one model minimise one function: all its settings are the same, but for the size."""
    groups = _groups(results)
    differing = []
    for members in groups.values():
        for one, other in combinations(members, 2):
            names = [name for name in differing_settings(one, other) if name not in CAPACITY]
            differing += [f"{one['name']} and {other['name']} in {', '.join(names)}"] if names else []
    if differing:
        return _control("same objective", False, True, "different: " + "; ".join(differing))
    shared = [
        f"{', '.join(member['name'] for member in members)} ({group})"
        for group, members in groups.items()
        if len(members) > 1
    ]
    detail = f"one function each: {'; '.join(shared)}" if shared else "no two contenders should be one model"
    return _control("same objective", True, True, "".join([detail, *_other_algorithms(results)]))


def _groups(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Return the contenders that should be one model, by what they minimise."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        if result["equivalence"] is not None:
            groups.setdefault(result["equivalence"]["group"], []).append(result)
    return groups


def _other_algorithms(results: Sequence[Result]) -> list[str]:
    """Return a clause for each contender whose family another one has, by another algorithm."""
    found = []
    for result in results:
        if result["equivalence"] is not None:
            continue
        others = [other["title"] for other in results if other["family"] == result["family"] and other is not result]
        if others:
            what = (
                f"{result['name']} ({result['title']}) is another algorithm than {' and '.join(dict.fromkeys(others))}"
            )
            found.append(f"; {what}, and compared by score only")
    return found


def same_conditions(results: Sequence[Result]) -> bool:
    """Return whether times may be compared: as many cores, one isolation, one machine, and nothing was lost."""
    if any(_losses(result) for result in results):
        return False
    machines = {str(result.get("conditions", {}).get("machine")) for result in results}
    clusters = {str(spark) for result in results if (spark := result.get("conditions", {}).get("spark"))}
    return len({(r["cores"], r.get("isolation")) for r in results}) <= 1 and len(machines) <= 1 and len(clusters) <= 1


def _same_capacity(results: Sequence[Result]) -> Control:
    """Contenders of one family are equally large models: else their difference is one of settings."""
    gaps = {
        f"{one['name']} and {other['name']}: {', '.join(found)}"
        for one, other in combinations(results, 2)
        if (found := capacity_gaps(one, other))
    }
    if gaps:
        what = "settings differ, so that a difference in score is one of settings, not of engines"
        return _control("same capacity", False, False, f"{what}: {'; '.join(sorted(gaps))}")
    return _control("same capacity", True, False, "contenders of one family are models of one size")


def _same_metric_code(results: Sequence[Result], evaluations: Mapping[str, Mapping[str, Any]]) -> Control:
    missing = [result["name"] for result in results if result["name"] not in evaluations]
    digests = {evaluation["sample"]["digest"] for evaluation in evaluations.values()}
    held = not missing and len(digests) == 1
    detail = "all scored by sparring.evaluation on the same test rows, labels, weights and groups"
    if missing:
        detail = f"not evaluated: {', '.join(missing)}"
    elif not held:
        detail = "no contender was evaluated" if not digests else "contenders were evaluated on different test rows"
    return _control("same metric code and test rows", held, True, detail)


def _all_finished(results: Sequence[Result]) -> Control:
    failed = [result["name"] for result in results if result["status"] != "ok"]
    detail = f"failed: {', '.join(failed)}" if failed else f"all {len(results)} finished"
    return _control("all contenders finished", not failed, False, detail)


def _fresh_process(results: Sequence[Result]) -> Control:
    names = [result["name"] for result in results if result.get("isolation") != "process"]
    if not names:
        return _control("fresh process", True, False, "one contender at a time, each in a new process")
    detail = "shared a session: a warm JVM and memory left by others favour the later ones"
    return _control("fresh process", False, False, f"{', '.join(names)} {detail}")


def _undisturbed(results: Sequence[Result]) -> Control:
    """No executor was lost and no task tried again while a contender was measured."""
    disturbed = [f"{result['name']}: {found}" for result in results if (found := _losses(result))]
    if disturbed:
        return _control("undisturbed", False, False, f"times are not compared; {'; '.join(disturbed)}")
    took_part = [
        f"{result['name']} on {cluster['executors']} executors with {cluster['cores']} cores"
        for result in results
        if (cluster := result.get("cluster"))
    ]
    detail = "no executor was lost and no task failed" if took_part else "no contender ran on a cluster"
    return _control("undisturbed", True, False, "; ".join([detail, *took_part]))


def _losses(result: Result) -> str:
    """Return in words what was lost while a contender ran on a cluster; an empty text for nothing, or if unknown."""
    cluster = result.get("cluster") or {}
    tasks, executors = cluster.get("failed_tasks") or 0, cluster.get("lost_executors") or 0
    return f"{tasks} tasks failed, {executors} executors were lost" if tasks or executors else ""


def _real_services(results: Sequence[Result]) -> Control:
    names = [result["name"] for result in results if result["emulated"]]
    if not names:
        return _control("real services", True, False, "every contender ran on the service it is named after")
    detail = "ran against a local emulator: hand-off and score are valid, time and price are not SageMaker's"
    return _control("real services", False, False, f"{', '.join(names)} {detail}")


def _control(control: str, held: bool, required: bool, detail: str) -> Control:
    return {"control": control, "held": held, "required": required, "detail": detail}
