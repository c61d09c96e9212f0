"""Stands in for ``sagemaker_xgboost_container.distributed``; see :mod:`sparring.container.toolkit_parts`."""

from sparring.container.toolkit_parts import missing, rabit_run, wait_hostname_resolution

__all__ = ["rabit_run", "wait_hostname_resolution"]
__getattr__ = missing("sagemaker_xgboost_container.distributed")
