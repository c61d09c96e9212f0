"""Stands in for ``sagemaker_xgboost_container.encoder``; see :mod:`sparring.container.toolkit_parts`."""

from sparring.container.dmatrix import csv_to_dmatrix, decode, libsvm_to_dmatrix, recordio_protobuf_to_dmatrix
from sparring.container.toolkit_parts import missing

__all__ = ["csv_to_dmatrix", "decode", "libsvm_to_dmatrix", "recordio_protobuf_to_dmatrix"]
__getattr__ = missing("sagemaker_xgboost_container.encoder")
