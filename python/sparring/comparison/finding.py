"""The verdict in sentences: each says what was tested, on how many rows, and with what outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

# Below this many units of the rarer class the variance of a variance shows: simulated in benchmarks/verdict.py.
FEW_UNITS = 20


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence has them.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def score(evaluation: Row) -> str:
    """Return the ROC AUC with its interval."""
    auc = evaluation["roc_auc"]
    if auc["low"] is None:
        return f"{auc['value']:.4f}"
    return (
        f"{auc['value']:.4f} ({evaluation['sample']['confidence']:.0%} interval {auc['low']:.4f} to {auc['high']:.4f})"
    )


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
    where = {None: "", "one machine": "on one machine, ", "Spark": "on Spark, ", "SageMaker": "on SageMaker, "}[path]
    return f"Train {where}with {choice}."


def is_better(choice: str, evaluations: Mapping[str, Row], nearest: Row | None) -> str:
    """Return the sentence of one that is better than all others; ``nearest`` is the difference to the next."""
    said = f"It has the highest ROC AUC, {score(evaluations[choice])}"
    if nearest is None:
        return f"{said}; no other contender finished, so that it was compared with the baselines alone, which it beats."
    holm = "Holm-adjusted" if nearest["tests"] > 1 else "paired test"
    return (
        f"{said}, and every other contender is shown worse; the next, {nearest['right']}, by {nearest['value']:.4f} "
        f"({p_value(nearest['p_adjusted'])}, {holm})."
    )


def is_equivalent(choice: str, others: Sequence[Row], evaluations: Mapping[str, Row], worse: Sequence[str]) -> str:
    """Return the sentence of one among equivalent contenders; ``others`` are its differences to them."""
    names = listed([row["right"] for row in others])
    verb = "is" if len(others) == 1 else "are"
    margin = f"\u00b1{others[0]['margin']:g} ROC AUC"
    same = all(row["identical"] for row in others)
    how = "gave the same scores" if same else f"{verb} equivalent to it within {margin}"
    return f"It has ROC AUC {score(evaluations[choice])}; {names} {how}{shown_worse(worse)}."


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
            "All as good ones ran on a local stand-in, whose times and prices are not the service's: the score leads."
        )
    if not others:
        return f"Of these as good ones only {choice} did not run on a local stand-in."
    if basis == "price":
        rest = ", ".join(f"{other['name']} {money(prices[other['name']])}" for other in others)
        return f"{choice} is the cheapest by list price, {money(prices[choice])} a run ({rest})."
    if basis == "time":
        own = next(result for result in real if result["name"] == choice)
        rest = ", ".join(f"{other['name']} {seconds(other['wall_seconds'])}" for other in others)
        return f"{choice} is the quickest, {seconds(own['wall_seconds'])} ({rest})."
    reason = "" if comparable else "cores or isolation differ between them, so that "
    return f"The highest score is taken: {reason}their times are not compared."


def cannot_tell(
    best: str, undecided: Sequence[Row], evaluations: Mapping[str, Row], margin: float, worse: Sequence[str] = ()
) -> str:
    """Return the sentence of contenders that the test part is too small to tell apart, and of those it excludes."""
    rows = evaluations[best]["sample"]["rows"]
    pairs = listed([f"{row['right']} (by {row['value']:.4f}, {p_value(row['p_adjusted'])})" for row in undecided])
    return (
        f"These {rows:,} test rows cannot tell. {best} has the highest ROC AUC, {score(evaluations[best])}, but leads "
        f"{pairs} without being shown better, or equivalent within \u00b1{margin:g}{shown_worse(worse)}."
    )


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
    """Return the sentence of a test part with too few units of a class."""
    said = f"This test part is too small for a verdict: {reason}."
    if needed_rows is None or needed_rows <= sample["rows"]:
        return said
    return f"{said} With this mix of classes that takes about {about(needed_rows)} test rows."


def nothing_beats(best: str, evaluations: Mapping[str, Row], test: Row) -> str:
    """Return the sentence of contenders that know no more than a baseline."""
    sample = evaluations[best]["sample"]
    return (
        f"No contender is shown to beat the baselines on these {sample['rows']:,} test rows, {sample['positives']:,} "
        f"of them positive. {best} has the highest ROC AUC, {score(evaluations[best])}, which is {test['value']:+.4f} "
        f"beside the {test['baseline']} baseline ({p_value(test['p_adjusted'])}, one-sided, Holm-adjusted)."
    )


def power(power: Row, sample: Row) -> str:
    """Return what a test of this size could have told, and where that is a rough figure."""
    units = sample["units_of_rarer_class"]
    rough = f" With {units:,.0f} units of the rarer class that is optimistic." if units < FEW_UNITS else ""
    return (
        f"This test could have shown {power['what']} of {power['difference']:.4f} with {power['probability']:.0%} "
        f"probability.{rough}"
    )


def beside(other: Row) -> str:
    """Return what the choice costs against the best of another path, in quality, time and money."""
    interval = "" if other["low"] is None else f" ({other['low']:+.4f} to {other['high']:+.4f})"
    parts = ["the same scores" if other["identical"] else f"{other['difference']:+.4f} ROC AUC{interval}"]
    if other["stand_in"]:
        parts.append("time and price unknown, for one of the two ran on a local stand-in")
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
