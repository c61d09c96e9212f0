"""Stands in for ``sagemaker_inference.decoder``; see :mod:`sparring.container.toolkit_parts`."""

from sparring.container.toolkit_parts import decode, missing

__all__ = ["decode"]
__getattr__ = missing("sagemaker_inference.decoder")
