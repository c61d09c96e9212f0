"""Stands in for ``sagemaker_xgboost_container``; see :mod:`sparring.container.toolkit_parts`."""
