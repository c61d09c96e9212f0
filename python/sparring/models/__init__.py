"""Fitted models that score encoded rows without Spark, whatever engine trained them."""

from sparring.models.booster import XGBoostModel
from sparring.models.custom import CustomModel
from sparring.models.linear import LinearModel
from sparring.models.model import Model
from sparring.models.trees import TreesModel

MODELS: dict[str, type[Model]] = {kind.name: kind for kind in (LinearModel, TreesModel, XGBoostModel, CustomModel)}

__all__ = ["MODELS", "CustomModel", "LinearModel", "Model", "TreesModel", "XGBoostModel"]
