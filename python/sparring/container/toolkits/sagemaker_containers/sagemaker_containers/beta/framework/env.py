"""Stands in for ``sagemaker_containers.beta.framework.env``; see :mod:`sparring.container.toolkit_parts`."""

from sparring.container.toolkit_parts import Environment, missing

TrainingEnv = Environment
__getattr__ = missing("sagemaker_containers.beta.framework.env")
