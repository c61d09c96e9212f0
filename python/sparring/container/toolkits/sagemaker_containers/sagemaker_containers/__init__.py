"""Stands in for ``sagemaker_containers``; see :mod:`sparring.container.toolkit_parts`."""
