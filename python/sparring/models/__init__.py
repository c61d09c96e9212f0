"""Fitted models that score encoded rows without Spark, whatever engine trained them."""

from sparring.models.booster import XGBoostModel
from sparring.models.custom import CustomModel
from sparring.models.gaussian import GaussianModel
from sparring.models.lightgbm import LightGBMModel
from sparring.models.linear import LinearModel
from sparring.models.model import Model
from sparring.models.trees import TreesModel

KINDS: tuple[type[Model], ...] = (LinearModel, TreesModel, XGBoostModel, LightGBMModel, GaussianModel, CustomModel)
MODELS: dict[str, type[Model]] = {kind.name: kind for kind in KINDS}

__all__ = [
    "MODELS",
    "CustomModel",
    "GaussianModel",
    "LightGBMModel",
    "LinearModel",
    "Model",
    "TreesModel",
    "XGBoostModel",
]
