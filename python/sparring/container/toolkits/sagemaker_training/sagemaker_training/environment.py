"""Stands in for ``sagemaker_training.environment``; see :mod:`sparring.container.toolkit_parts`."""

from sparring.container.toolkit_parts import Environment, missing

__all__ = ["Environment"]
__getattr__ = missing("sagemaker_training.environment")
