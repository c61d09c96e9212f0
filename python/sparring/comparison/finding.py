"""The verdict in sentences: each says what was tested, on how many rows, and with what outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparring.evaluation.evaluate import deciding
from sparring.task import written

Row = Mapping[str, Any]

# Below this many clusters of the rarest class the variance of a variance shows: simulated in benchmarks/verdict.py.
FEW_CLUSTERS = 20


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence has them.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def metric_of(evaluation: Row) -> str:
    """Return the metric that decides as a sentence has it, with the label that its unit is.

    Examples
    --------
    >>> metric_of({"metric": {"title": "RMSE", "unit": "delay"}})
    'RMSE of delay'
    """
    title, unit = evaluation["metric"]["title"], evaluation["metric"]["unit"]
    return f"{title} of {unit}" if unit else str(title)


def best_metric(evaluation: Row) -> str:
    """Return what the best contender has: the highest or the lowest value of the metric."""
    return f"the {'highest' if evaluation['metric']['higher_is_better'] else 'lowest'} {metric_of(evaluation)}"


def figure(value: float, evaluation: Row, signed: bool = False) -> str:
    """Return a value of the metric that decides, or a difference, as it is written."""
    return written(value, evaluation["metric"]["shown_as"], signed)


def score(evaluation: Row) -> str:
    """Return the metric that decides with its interval."""
    found = deciding(evaluation)
    if found["low"] is None:
        return figure(found["value"], evaluation)
    low, high = (figure(found[end], evaluation) for end in ("low", "high"))
    confidence = evaluation["sample"]["confidence"]
    return f"{figure(found['value'], evaluation)} ({confidence:.0%} interval {low} to {high})"


def p_value(value: float | None) -> str:
    """Return a p-value as it is written.

    Examples
    --------
    >>> p_value(0.7712), p_value(1e-9), p_value(None)
    ('p = 0.77', 'p < 0.001', 'p unknown')
    """
    if value is None:
        return "p unknown"
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def seconds(value: float) -> str:
    """Return a time with a tenth of a second."""
    return f"{value:,.1f} s"


def money(price: Row) -> str:
    """Return a range of prices in its currency.

    Examples
    --------
    >>> money({"currency": "USD", "low": 0.0032, "high": 0.0081})
    'USD 0.0032 to 0.0081'
    """
    return f"{price['currency']} {price['low']:.4f} to {price['high']:.4f}"


def train(path: str | None, choice: str) -> str:
    """Return what to do: the path first, where the evidence names one."""
    where = f"on {path}, " if path else ""
    return f"Train {where}with {choice}."


def is_better(choice: str, evaluations: Mapping[str, Row], nearest: Row | None) -> str:
    """Return the sentence of one that is better than all others; ``nearest`` is the difference to the next."""
    own = evaluations[choice]
    said = f"It has {best_metric(own)}, {score(own)}"
    if nearest is None:
        return f"{said}; no other contender finished, so that it was compared with the baselines alone, which it beats."
    holm = "Holm-adjusted" if nearest["tests"] > 1 else "paired test"
    return (
        f"{said}, and every other contender is shown worse; the next, {nearest['right']}, by "
        f"{_apart(nearest, own)} ({p_value(nearest['p_adjusted'])}, {holm})."
    )


def is_equivalent(choice: str, others: Sequence[Row], evaluations: Mapping[str, Row], worse: Sequence[str]) -> str:
    """Return the sentence of one among equivalent contenders; ``others`` are its differences to them."""
    names = listed([row["right"] for row in others])
    verb = "is" if len(others) == 1 else "are"
    own = evaluations[choice]
    margin = f"\u00b1{others[0]['margin']:.4g} {metric_of(own)}"
    same = all(row["identical"] for row in others)
    how = "gave the same scores" if same else f"{verb} equivalent to it within {margin}"
    name = metric_of(own)
    return f"Its {name} is {score(own)}; {names} {how}{shown_worse(worse)}."


def shown_worse(names: Sequence[str]) -> str:
    """Return the clause about those that the test excludes; empty if there are none.

    Examples
    --------
    >>> shown_worse(["a", "b"])
    '; a and b are shown worse'
    """
    return f"; {listed(names)} {'is' if len(names) == 1 else 'are'} shown worse" if names else ""


def why_cheapest(choice: str, basis: str, real: Sequence[Row], prices: Mapping[str, Row], comparable: bool) -> str:
    """Return what decided among equivalent contenders."""
    others = [result for result in real if result["name"] != choice]
    if not real:
        return (
            "All as good ones ran on a local emulator, whose times and prices are not the service's: the score leads."
        )
    if not others:
        return f"Of these as good ones only {choice} did not run on a local emulator."
    if basis == "price":
        return _least_price(choice, [other["name"] for other in others], prices)
    if basis == "time":
        own = next(result for result in real if result["name"] == choice)
        rest = ", ".join(f"{other['name']} {seconds(other['wall_seconds'])}" for other in others)
        return f"{choice} is the quickest, {seconds(own['wall_seconds'])} ({rest})."
    reason = "" if comparable else "cores or isolation differ between them, so that "
    return f"The best score is taken: {reason}their times are not compared."


def _least_price(choice: str, others: Sequence[str], prices: Mapping[str, Row]) -> str:
    """Return that a run of ``choice`` from nothing costs least, and which others would cost less where machines run."""
    rest = ", ".join(f"{name} {_price(prices[name], 'high')}" for name in others)
    said = f"{choice} is the cheapest by list price, {_price(prices[choice], 'high')} for a run from nothing ({rest})."
    running = [name for name in others if prices[name]["low"] < prices[choice]["low"]]
    if not running:
        return said
    less = listed([f"{name} {_price(prices[name], 'low')}" for name in running])
    return f"{said} On machines that run already, {choice} costs {_price(prices[choice], 'low')}, but {less}."


def _price(price: Row, end: str) -> str:
    return f"{price['currency']} {price[end]:.4f}"


def cannot_tell(
    best: str, undecided: Sequence[Row], evaluations: Mapping[str, Row], margin: float, worse: Sequence[str] = ()
) -> str:
    """Return the sentence of contenders that the test part is too small to tell apart, and of those it excludes."""
    own = evaluations[best]
    pairs = listed([f"{row['right']} (by {_apart(row, own)}, {p_value(row['p_adjusted'])})" for row in undecided])
    rows = own["sample"]["rows"]
    return (
        f"These {rows:,} test rows cannot tell. {best} has {best_metric(own)}, {score(own)}, but leads {pairs} "
        f"without being shown better, or equivalent within \u00b1{margin:.4g}{shown_worse(worse)}."
    )


def _apart(row: Row, evaluation: Row) -> str:
    """Return how far apart two contenders are; which one leads is said already."""
    return written(abs(row["value"]), "amount" if evaluation["metric"]["unit"] else "score")


def about(count: float) -> str:
    """Return a number that is an estimate, with two digits.

    Examples
    --------
    >>> about(808_233), about(37)
    ('810,000', '37')
    """
    return f"{float(f'{count:.2g}'):,.0f}"


def rows_needed(needed: Row) -> str:
    """Return how many test rows would tell."""
    said = (
        f"About {about(needed['rows'])} test rows would tell with {needed['probability']:.0%} probability: enough to "
        f"show equivalence where there is no difference, and to find one of twice the margin."
    )
    if needed["rows_if_as_observed"] is None or needed["rows_if_as_observed"] >= needed["rows"]:
        return said
    return f"{said} If the difference is as large as observed, about {about(needed['rows_if_as_observed'])} would."


def too_small(reason: str, sample: Row, needed_rows: int | None) -> str:
    """Return the sentence of a test part with too few rows or groups."""
    said = f"This test part is too small for a verdict: {reason}."
    if needed_rows is None or needed_rows <= sample["rows"]:
        return said
    return f"{said} That takes about {about(needed_rows)} test rows."


def nothing_beats(best: str, evaluations: Mapping[str, Row], test: Row) -> str:
    """Return the sentence of contenders that know no more than a baseline."""
    own = evaluations[best]
    sample, labels = own["sample"], own["sample"]["labels"]
    better = (test["value"] > 0) == own["metric"]["higher_is_better"]
    beside = f"{_apart(test, own)} {'better' if better else 'worse'} than" if test["value"] else "the same as"
    rows = ", ".join([f"{sample['rows']:,} test rows", *([labels] if labels else [])])
    return (
        f"No contender is shown to beat the baselines on these {rows}. {best} has {best_metric(own)}, {score(own)}, "
        f"which is {beside} the {test['baseline']} baseline's "
        f"({p_value(test['p_adjusted'])}, one-sided, Holm-adjusted)."
    )


def power(power: Row, evaluation: Row) -> str:
    """Return what a test of this size could have told, and where that is a rough figure."""
    sample = evaluation["sample"]
    count = sample["effective_clusters"]
    what = f"{count:,.0f} {sample['cluster']}s{sample['of_rarest']}"
    rough = f" With {what} that is optimistic." if count < FEW_CLUSTERS else ""
    difference = written(power["difference"], "amount" if evaluation["metric"]["unit"] else "score")
    shown = f"{power['what']} of {difference} with {power['probability']:.0%} probability"
    return f"This test could have shown {shown}.{rough}"


def beside(other: Row, evaluation: Row) -> str:
    """Return what the choice costs against the best of another path, in quality, time and money."""
    low, high = (None if other[end] is None else figure(other[end], evaluation, True) for end in ("low", "high"))
    less = "" if evaluation["metric"]["higher_is_better"] else ", less is better"
    interval = f" ({low} to {high}{less})" if low is not None else f" ({less[2:]})" if less else ""
    gap = f"{figure(other['difference'], evaluation, True)} {metric_of(evaluation)}{interval}"
    parts = ["the same scores" if other["identical"] else gap]
    if other["emulated"]:
        parts.append("time and price unknown, for one of the two ran on a local emulator")
    elif not other["comparable"]:
        parts.append("time not compared, for cores or isolation differ")
    else:
        parts.append(f"{seconds(other['seconds'][0])} instead of {seconds(other['seconds'][1])}")
        if other["prices"]:
            parts.append(f"{money(other['prices'][0])} instead of {money(other['prices'][1])}")
    return f"Beside the best on {other['path']}, {other['contender']}: {', '.join(parts)}."


def settings(choice: str, other: Row) -> str:
    """Return that a difference is one of settings."""
    gaps = ", ".join(other["settings"])
    return (
        f"{choice} and {other['contender']} were trained with different settings ({gaps}): what lies between them is a "
        f"difference of settings, not of engines."
    )
