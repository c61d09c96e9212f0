"""Metrics on stored predictions: one implementation for all contenders, with intervals and tests."""

from sparring.evaluation.baseline import (
    BaselineTest,
    baseline_tests,
    baselines,
    group_mean_auc,
    group_means,
    group_overlap_rate,
)
from sparring.evaluation.delong import AucComponents, auc_components, auc_variance, delong_covariance, delong_interval
from sparring.evaluation.difference import Difference, auc_gap, differences, holm, paired_test, tost
from sparring.evaluation.equivalence import (
    LinearModel,
    Parity,
    max_probability_difference,
    objective,
    parity_pairs,
    prove,
)
from sparring.evaluation.evaluate import METRICS, Evaluation, evaluate
from sparring.evaluation.interval import Interval
from sparring.evaluation.power import detectable, rows_to_find, rows_to_tell
from sparring.evaluation.predictions import Predictions
from sparring.task.ranking import best_threshold, pr_auc, rank, roc_auc

__all__ = [
    "METRICS",
    "AucComponents",
    "BaselineTest",
    "Difference",
    "Evaluation",
    "Interval",
    "LinearModel",
    "Parity",
    "Predictions",
    "auc_components",
    "auc_gap",
    "auc_variance",
    "baseline_tests",
    "baselines",
    "best_threshold",
    "delong_covariance",
    "delong_interval",
    "detectable",
    "differences",
    "evaluate",
    "group_mean_auc",
    "group_means",
    "group_overlap_rate",
    "holm",
    "max_probability_difference",
    "objective",
    "paired_test",
    "parity_pairs",
    "pr_auc",
    "prove",
    "rank",
    "roc_auc",
    "rows_to_find",
    "rows_to_tell",
    "tost",
]
