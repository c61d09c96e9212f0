"""Stands in for ``sagemaker_inference.errors``; see :mod:`sparring.container.toolkit_parts`."""

from sparring.container.toolkit_parts import UnsupportedFormatError, missing

__all__ = ["UnsupportedFormatError"]
__getattr__ = missing("sagemaker_inference.errors")
