"""Feature preparation, fitted on train only; one encoding for every trainer.

The encoder serves where there is no Spark, hence the stages are imported when they are asked for.
"""

from typing import TYPE_CHECKING

from sparring.io.exports import exported

if TYPE_CHECKING:
    from sparring.feature.preparation import FeaturePreparation as FeaturePreparation
    from sparring.feature.preparation import FeaturePreparationModel as FeaturePreparationModel

__all__, __getattr__ = exported(__name__, {"preparation": ["FeaturePreparation", "FeaturePreparationModel"]})
