"""Stands in for ``sagemaker_containers.beta.framework.encoders``; see :mod:`sparring.container.toolkit_parts`."""

from sparring.container.toolkit_parts import decode, encode, missing

__all__ = ["decode", "encode"]
__getattr__ = missing("sagemaker_containers.beta.framework.encoders")
