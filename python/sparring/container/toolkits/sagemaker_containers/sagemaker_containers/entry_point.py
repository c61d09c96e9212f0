"""Stands in for ``sagemaker_containers.entry_point``; see :mod:`sparring.container.toolkit_parts`."""

from sparring.container.toolkit_parts import missing, wait_hostname_resolution

_wait_hostname_resolution = wait_hostname_resolution
__getattr__ = missing("sagemaker_containers.entry_point")
