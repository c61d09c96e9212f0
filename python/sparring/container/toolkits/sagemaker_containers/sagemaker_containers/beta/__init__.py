"""Stands in for ``sagemaker_containers.beta``; see :mod:`sparring.container.toolkit_parts`."""
