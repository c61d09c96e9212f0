"""Splits that do not leak: exact, stratified, grouped, the same on every cluster."""

from sparring.model_selection.adapter import SklearnFolds
from sparring.model_selection.balance import split_balance
from sparring.model_selection.folds import (
    KFold,
    MultilabelStratifiedKFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
)
from sparring.model_selection.group_folds import GroupKFold, StratifiedGroupKFold
from sparring.model_selection.leave_out import LeaveOneGroupOut, LeaveOneOut
from sparring.model_selection.split import GroupSplitter, StratifiedGroupSplitter, StratifiedSplitter
from sparring.model_selection.temporal import TimeSeriesSplit, TimeSplitter
from sparring.model_selection.values import SPLIT_VERSION

__all__ = [
    "SPLIT_VERSION",
    "GroupKFold",
    "GroupSplitter",
    "KFold",
    "LeaveOneGroupOut",
    "LeaveOneOut",
    "MultilabelStratifiedKFold",
    "RepeatedStratifiedKFold",
    "SklearnFolds",
    "StratifiedGroupKFold",
    "StratifiedGroupSplitter",
    "StratifiedKFold",
    "StratifiedSplitter",
    "TimeSeriesSplit",
    "TimeSplitter",
    "split_balance",
]
