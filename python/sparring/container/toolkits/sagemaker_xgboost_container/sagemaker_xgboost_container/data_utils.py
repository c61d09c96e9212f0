"""Stands in for ``sagemaker_xgboost_container.data_utils``; see :mod:`sparring.container.toolkit_parts`."""

from sparring.container.dmatrix import get_dmatrix
from sparring.container.toolkit_parts import missing

__all__ = ["get_dmatrix"]
__getattr__ = missing("sagemaker_xgboost_container.data_utils")
