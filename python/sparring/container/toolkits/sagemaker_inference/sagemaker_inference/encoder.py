"""Stands in for ``sagemaker_inference.encoder``; see :mod:`sparring.container.toolkit_parts`."""

from sparring.container.toolkit_parts import encode, missing

__all__ = ["encode"]
__getattr__ = missing("sagemaker_inference.encoder")
