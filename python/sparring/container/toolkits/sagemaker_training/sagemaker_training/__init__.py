"""Stands in for ``sagemaker_training``; see :mod:`sparring.container.toolkit_parts`."""
