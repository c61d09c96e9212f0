"""Feature preparation, fitted on train only; one encoding for every trainer."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparring.feature.preparation import FeaturePreparation, FeaturePreparationModel

__all__ = ["FeaturePreparation", "FeaturePreparationModel"]


def __getattr__(name: str) -> Any:
    """Import the stage, and Spark with it, when it is asked for: the encoder serves where there is no Spark."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sparring.feature import preparation

    return getattr(preparation, name)
