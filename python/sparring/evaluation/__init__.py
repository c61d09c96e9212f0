"""Metrics on stored predictions: one implementation for all contenders, with intervals and tests."""

from sparring.evaluation.delong import AucComponents, auc_components, delong_covariance
from sparring.evaluation.difference import Difference, auc_gap, differences, holm, paired_bootstrap, tost
from sparring.evaluation.evaluate import METRICS, Evaluation, Interval, evaluate
from sparring.evaluation.memoriser import memoriser, memoriser_auc, twins_share
from sparring.evaluation.metrics import best_threshold, pr_auc, rank, roc_auc
from sparring.evaluation.parity import (
    LinearModel,
    Parity,
    max_probability_difference,
    objective,
    parity_pairs,
    prove,
)
from sparring.evaluation.predictions import Predictions

__all__ = [
    "METRICS",
    "AucComponents",
    "Difference",
    "Evaluation",
    "Interval",
    "LinearModel",
    "Parity",
    "Predictions",
    "auc_components",
    "auc_gap",
    "best_threshold",
    "delong_covariance",
    "differences",
    "evaluate",
    "holm",
    "max_probability_difference",
    "memoriser",
    "memoriser_auc",
    "objective",
    "paired_bootstrap",
    "parity_pairs",
    "pr_auc",
    "prove",
    "rank",
    "roc_auc",
    "tost",
    "twins_share",
]
