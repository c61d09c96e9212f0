"""Feature preparation, fitted on train only; one encoding for every trainer."""

from sparring.feature.preparation import FeaturePreparation, FeaturePreparationModel

__all__ = ["FeaturePreparation", "FeaturePreparationModel"]
