"""Stands in for ``sagemaker_containers.beta.framework.modules``; see :mod:`sparring.container.toolkit_parts`."""

from sparring.container.toolkit_parts import missing

__getattr__ = missing("sagemaker_containers.beta.framework.modules")
