"""Splits that do not leak: exact, stratified, grouped, the same on every cluster."""

from sparring.model_selection.balance import split_balance
from sparring.model_selection.split import GroupSplitter, StratifiedGroupSplitter, StratifiedSplitter

__all__ = ["GroupSplitter", "StratifiedGroupSplitter", "StratifiedSplitter", "split_balance"]
