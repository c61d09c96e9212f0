"""A proposed configuration as YAML, with what was seen of each column beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from sparring.config.schema import TableConfig
    from sparring.proposal.profile import ColumnProfile
    from sparring.task import Target, Task

LINEAR = """\
  - {{name: mllib-{short}, engine: spark, family: {family}, hyperparameters: {{regParam: 0.0001}}}}
  - {{name: sklearn-{short}, engine: single_node, family: {family}, hyperparameters: {{regParam: 0.0001}}}}
  # The same rounds, depth and learning rate for all boosted trees: else settings would be compared, not engines.
"""
MLLIB_TREES = """\
  - name: mllib-gbt
    engine: spark
    family: gradient_boosted_trees
    hyperparameters: {maxIter: 50, maxDepth: 4, stepSize: 0.1}
"""
XGBOOST = """\
  - name: xgboost
    engine: single_node
    family: gradient_boosted_trees
    hyperparameters: &trees {num_round: 50, max_depth: 4, eta: 0.1}
  - {name: spark-xgboost, engine: spark, library: xgboost, family: gradient_boosted_trees, hyperparameters: *trees}
  # Without role, bucket and region under sagemaker: an embedded local emulator runs the job.
  - {name: sagemaker-xgboost, engine: sagemaker, family: gradient_boosted_trees, hyperparameters: *trees}
"""
OTHERS = """\
  # More of one machine's and of Spark's, see docs/guide/trainers.md:
  # - {name: lightgbm, engine: single_node, library: lightgbm, family: gradient_boosted_trees,
  #    hyperparameters: {num_iterations: 50, learning_rate: 0.1}}
  # - {name: sklearn-boosting, engine: single_node, library: sklearn, family: gradient_boosted_trees,
  #    hyperparameters: {max_iter: 50, learning_rate: 0.1}}
  # - {name: sklearn-forest, engine: single_node, family: random_forest}
  # - {name: mllib-forest, engine: spark, family: random_forest}
"""
LINEAR_FAMILY = {"regression": ("linear", "linear_regression")}
# MLlib's trees know no more than two classes.
WITHOUT_MLLIB_TREES = ("multiclass",)
KINDS = ("numeric", "timestamp", "categorical")
LONGEST_NAME = 60


def write_proposal(
    path: str,
    config: TableConfig,
    problem: tuple[Task, str, Target],
    rows: int,
    profiles: Sequence[ColumnProfile],
    duplicates: Sequence[str],
    options: dict[str, str],
) -> str:
    """Return the configuration as text; every value goes through YAML, so that any column name is safe.

    Parameters
    ----------
    path : str
        The table's, as it is to be written.
    config : TableConfig
        The proposed roles.
    problem : tuple
        Task, the reason for it, and what is predicted.
    rows : int
    profiles : sequence of ColumnProfile
    duplicates : sequence of str
        Lines of the section ``deduplicate``.
    options : dict of str to str
        How the file is written.
    """
    columns = len(profiles) + 1 + len(config.group)
    task, reason, target = problem
    lines = [
        f"# Proposed for {' '.join(path.split())}: {rows:,} rows, {columns} columns. Check it, then run it.",
        f"name: {_flow(run_name(path))}",
        "seed: 42",
        "",
        "table:",
        f"  path: {_flow(path)}",
    ]
    lines += [f"  options: {_flow(options)}    # as found in the file"] if options else []
    lines += [f"  label: {_flow(config.label)}", f"  task: {task.name}    # {' '.join(reason.split())}"]
    lines += [f"  positive: {_flow(target.classes[1])}"] if len(target.classes) == 2 else []
    lines += [
        f"  key: {_flow(config.key)}" + ("" if config.key else "    # none found: the row's content identifies it")
    ]
    lines += _roles(config)
    lines.append("  features:")
    for kind in KINDS:
        lines += _section(kind, [p for p in profiles if p.kind == kind], rows)
    left_out = [p for p in profiles if p.kind not in KINDS and p.name not in config.key]
    if left_out:
        lines += ["    # left out:", *(f"    #   {' '.join(p.name.split())}: {p.why}" for p in left_out)]
    lines += ["", *duplicates]
    defaults = ["", "split: {train: 0.7, validation: 0.1, test: 0.2}", "", _contenders(task), ""]
    return "\n".join([*lines, *defaults])


def _contenders(task: Task) -> str:
    """Return the section ``contenders``: a linear model and boosted trees on each engine that has them."""
    short, family = LINEAR_FAMILY.get(task.name, ("logistic", "logistic_regression"))
    trees = "" if task.name in WITHOUT_MLLIB_TREES else MLLIB_TREES
    return "contenders:\n" + LINEAR.format(short=short, family=family) + trees + XGBOOST + OTHERS.rstrip()


def run_name(path: str) -> str:
    """Return a name that a run may have, made from the table's.

    Examples
    --------
    >>> run_name("data/Überblick 2024 (final).csv"), run_name("???.csv")
    ('berblick-2024--final', 'table')
    """
    stem = PurePosixPath(path).name.split(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]", "-", stem).strip("-_")[:LONGEST_NAME] or "table"


def _roles(config: TableConfig) -> list[str]:
    """Return the lines of group and time, as comments where there is none."""
    group = "# group: [patient]    # columns whose joint value must not be in train and test both"
    times = config.features.timestamp
    time = (
        f"# time: {_flow(times[0])}    # when the row came to be, if one of {len(times)} columns tells" if times else ""
    )
    lines = [f"group: {_flow(config.group)}" if config.group else group]
    lines += [f"time: {_flow(config.time)}    # when the row came to be"] if config.time else [time] if time else []
    return [f"  {line}" for line in lines]


def _section(kind: str, profiles: Sequence[ColumnProfile], rows: int) -> list[str]:
    if not profiles:
        return []
    return [f"    {kind}:", *(f"      - {_flow(p.name)}    # {_note(p, rows)}" for p in profiles)]


def _note(seen: ColumnProfile, rows: int) -> str:
    nulls = f", {100 * seen.nulls / rows:.1f}% null" if seen.nulls else ""
    note = f"; {seen.note}" if seen.note else ""
    return " ".join(f"{seen.type}, about {seen.distinct:,} values{nulls}{note}".split())


def _flow(value: object) -> str:
    """Return ``value`` as YAML on one line."""
    text = _dumped(value)
    # A line break in a name: only in double quotes does YAML keep it on one line.
    return _dumped(value, '"') if "\n" in text else text


def _dumped(value: object, quotes: str | None = None) -> str:
    text: str = yaml.safe_dump(value, default_style=quotes, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
