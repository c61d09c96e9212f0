"""Stands in for ``sagemaker_inference``; see :mod:`sparring.container.toolkit_parts`."""
