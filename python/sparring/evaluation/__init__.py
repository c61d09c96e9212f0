"""Metrics on stored predictions: one implementation for all contenders, with intervals and tests."""

from sparring.evaluation.baseline import (
    BaselineTest,
    baseline_tests,
    baselines,
    group_mean_evaluation,
    group_means,
    group_overlap_rate,
)
from sparring.evaluation.delong import AucComponents, auc_components, auc_variance, delong_covariance, delong_interval
from sparring.evaluation.difference import Difference, differences, holm, paired_test, tost
from sparring.evaluation.equivalence import (
    EquivalenceCheck,
    check_equivalence,
    equivalence_pairs,
    max_score_difference,
)
from sparring.evaluation.evaluate import Evaluation, deciding, evaluate
from sparring.evaluation.evidence import Evidence, gap
from sparring.evaluation.interval import Interval
from sparring.evaluation.power import detectable, rows_to_find, rows_to_tell
from sparring.evaluation.predictions import Predictions
from sparring.task.ranking import best_threshold, pr_auc, rank, roc_auc

__all__ = [
    "AucComponents",
    "BaselineTest",
    "Difference",
    "EquivalenceCheck",
    "Evaluation",
    "Evidence",
    "Interval",
    "Predictions",
    "auc_components",
    "auc_variance",
    "baseline_tests",
    "baselines",
    "best_threshold",
    "check_equivalence",
    "deciding",
    "delong_covariance",
    "delong_interval",
    "detectable",
    "differences",
    "equivalence_pairs",
    "evaluate",
    "gap",
    "group_mean_evaluation",
    "group_means",
    "group_overlap_rate",
    "holm",
    "max_score_difference",
    "paired_test",
    "pr_auc",
    "rank",
    "roc_auc",
    "rows_to_find",
    "rows_to_tell",
    "tost",
]
