"""Stands in for ``sagemaker_containers.beta.framework.worker``; see :mod:`sparring.container.toolkit_parts`."""

from sparring.container.toolkit_parts import Response, missing

__all__ = ["Response"]
__getattr__ = missing("sagemaker_containers.beta.framework.worker")
