"""The fair comparison: what each contender used and would cost, which controls held, and the verdict."""

from sparring.comparison.cost import Cost, PriceTable, costs, load_prices
from sparring.comparison.fairness import fairness_checks
from sparring.comparison.resources import ProcessTreeMeter, Usage
from sparring.comparison.verdict import decide

__all__ = [
    "Cost",
    "PriceTable",
    "ProcessTreeMeter",
    "Usage",
    "costs",
    "decide",
    "fairness_checks",
    "load_prices",
]
