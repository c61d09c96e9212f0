"""What kind of problem it is, and all that follows from it: binary, multiclass, regression.

A task owns the label's check and encoding, how to stratify, the scores of a row, the metrics with their direction, what
is compared with a baseline, and what a page shows.  Other rooms ask it, and never its name.
"""

from sparring.task.base import (
    TASKS,
    Task,
    register_task,
    task_named,
)
from sparring.task.binary import BINARY
from sparring.task.choose import choose_task
from sparring.task.metric import METRICS, Metric, metric_named, metrics_of, register_family, register_metric
from sparring.task.multiclass import MULTICLASS
from sparring.task.regression import REGRESSION
from sparring.task.scored import Scored
from sparring.task.scores import PROBABILITIES, SCORE, scores_of
from sparring.task.shown import Plot, Table, written
from sparring.task.target import Target

__all__ = [
    "BINARY",
    "METRICS",
    "MULTICLASS",
    "PROBABILITIES",
    "REGRESSION",
    "SCORE",
    "TASKS",
    "Metric",
    "Plot",
    "Scored",
    "Table",
    "Target",
    "Task",
    "choose_task",
    "metric_named",
    "metrics_of",
    "register_family",
    "register_metric",
    "register_task",
    "scores_of",
    "task_named",
    "written",
]
