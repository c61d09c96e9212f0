"""The guide of trainers, from their registry and the table of hyperparameters.

::

    uv run python docs/generate_trainers.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sparring.training.parameters import Parameter, parameters_of
from sparring.training.registry import TRAINERS, trainer_class

GUIDE = Path(__file__).parent / "guide" / "trainers.md"
# Library -> the column of the table that its trainer takes, where that is not the library's name or differs by family.
COLUMNS = {
    **{
        (library, f"{kind}_regression"): "sparring" for library in ("mllib", "sklearn") for kind in ("poisson", "gamma")
    },
    ("mllib", "logistic_regression"): "sparring",
    ("mllib", "linear_regression"): "sparring",
    ("sklearn", "logistic_regression"): "sparring",
    ("sklearn", "linear_regression"): "sparring",
    ("mllib", "naive_bayes"): "sparring",
    ("sklearn", "naive_bayes"): "sparring",
    ("sklearn", "gradient_boosted_trees"): "sklearn_boosting",
    ("sklearn", "random_forest"): "sklearn_trees",
    ("sklearn", "decision_tree"): "sklearn_trees",
}
HEAD = """# Trainers

A contender is an engine (where), a library (whose code) and a family (which model). `library` may be left out: the first
one of an engine and a family is then meant. Any class that follows scikit-learn is trained by `library: custom` with its
dotted name as `family`; [recipes](../recipes/family.md) add others.

| family | engine | library | tasks | |
|---|---|---|---|---|
"""
MIDDLE = """
Trees of different libraries are different algorithms, compared by score; linear models of one penalty, and XGBoosts, are
proven equal on the page. Forests take pyspark.ml's names on both engines; scikit-learn's look at every split, MLlib's at
`maxBins` bounds. To XGBoost a cell that a row does not hold is missing, to all others it is zero: prepared rows hold none
that is missing. LightGBM needs `pip install 'sparring[lightgbm]'`, for serving too.

## Hyperparameters

Of each family and library, with range and default; unknown ones are refused. Seeds, threads and objectives are set by
Sparring, alike for every contender.
"""


def guide() -> str:
    """Return the guide."""
    lines = []
    for engine, library, family in TRAINERS:
        kind = trainer_class(engine, library, family)
        lines.append(f"| `{family}` | `{engine}` | `{library}` | {', '.join(sorted(kind.tasks))} | {kind.title} |")
    seen: dict[tuple[str, str], list[str]] = {}
    for engine, library, family in TRAINERS:
        column = COLUMNS.get((library, family), "sagemaker" if engine == "sagemaker" else library)
        seen.setdefault((family, column), []).append(f"{library} on {engine}")
    sections = [_section(family, column, who) for (family, column), who in sorted(seen.items())]
    return HEAD + "\n".join(sorted(lines)) + "\n" + MIDDLE + "".join(sections)


def _section(family: str, column: str, who: list[str]) -> str:
    rows = [_row(name, one, column) for name, one in parameters_of(column, family).items()]
    if not rows:
        return f"\n### {family}: {', '.join(who)}\n\nNone.\n"
    head = f"\n### {family}: {', '.join(who)}\n\n| name | | default |\n|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _row(name: str, one: Parameter, column: str) -> str:
    kind = {"int": "whole number", "float": "number", "str": "text"}[one.kind.__name__]
    default: Any = one.defaults.get(column)
    told = "required" if column in one.required else "the library's own" if default is None else f"`{default}`"
    return f"| `{name}` | {kind} {one.range.wording} | {told} |"


if __name__ == "__main__":
    GUIDE.write_text(guide())
