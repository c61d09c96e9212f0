"""Stands in for ``sagemaker_inference.content_types``; see :mod:`sparring.container.toolkit_parts`."""

JSON = "application/json"
CSV = "text/csv"
OCTET_STREAM = "application/octet-stream"
ANY = "*/*"
NPY = "application/x-npy"
UTF8_TYPES = [JSON, CSV]
