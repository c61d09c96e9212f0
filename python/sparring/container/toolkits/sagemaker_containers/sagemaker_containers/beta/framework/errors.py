"""Stands in for ``sagemaker_containers.beta.framework.errors``; see :mod:`sparring.container.toolkit_parts`."""

from sparring.container.toolkit_parts import UnsupportedFormatError, missing

__all__ = ["UnsupportedFormatError"]
__getattr__ = missing("sagemaker_containers.beta.framework.errors")
