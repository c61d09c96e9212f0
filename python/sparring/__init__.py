"""Sparring: should this model be trained on Spark, on SageMaker or on one machine?

The package is laid out in rooms, each of which imports from those below it only; ``docs/architecture.md`` names them.
What most users need is here, imported when it is asked for: ``from sparring import FeaturePreparation, Run``.
"""

from typing import TYPE_CHECKING

from sparring.io.exports import exported

if TYPE_CHECKING:
    from sparring.config.load import load_config as load_config
    from sparring.dedup.exact import Deduplicator as Deduplicator
    from sparring.dedup.near import NearDeduplicator as NearDeduplicator
    from sparring.estimators.single_node import SingleNodeLinearRegression as SingleNodeLinearRegression
    from sparring.estimators.single_node import SingleNodeLogisticRegression as SingleNodeLogisticRegression
    from sparring.estimators.single_node import SingleNodeXGBoost as SingleNodeXGBoost
    from sparring.estimators.single_node import SingleNodeXGBoostRegressor as SingleNodeXGBoostRegressor
    from sparring.feature.preparation import FeaturePreparation as FeaturePreparation
    from sparring.inference.packaged import PackageModel as PackageModel
    from sparring.leakage.audit import audit_split as audit_split
    from sparring.model_selection.folds import StratifiedKFold as StratifiedKFold
    from sparring.model_selection.group_folds import StratifiedGroupKFold as StratifiedGroupKFold
    from sparring.model_selection.split import StratifiedSplitter as StratifiedSplitter
    from sparring.model_selection.temporal import TimeSplitter as TimeSplitter
    from sparring.one_machine.session import OneMachine as OneMachine
    from sparring.run.pipeline import Run as Run

__version__ = "0.1.0"

__all__, __getattr__ = exported(
    __name__,
    {
        "config.load": ["load_config"],
        "dedup.exact": ["Deduplicator"],
        "dedup.near": ["NearDeduplicator"],
        "estimators.single_node": [
            "SingleNodeLinearRegression",
            "SingleNodeLogisticRegression",
            "SingleNodeXGBoost",
            "SingleNodeXGBoostRegressor",
        ],
        "feature.preparation": ["FeaturePreparation"],
        "inference.packaged": ["PackageModel"],
        "leakage.audit": ["audit_split"],
        "model_selection.folds": ["StratifiedKFold"],
        "model_selection.group_folds": ["StratifiedGroupKFold"],
        "model_selection.split": ["StratifiedSplitter"],
        "model_selection.temporal": ["TimeSplitter"],
        "one_machine.session": ["OneMachine"],
        "run.pipeline": ["Run"],
    },
)
