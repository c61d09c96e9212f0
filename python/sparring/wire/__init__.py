"""Wire formats: rows to and answers from SageMaker's algorithms, whole batches at a time."""

from sparring.wire.codec import Codec, codec, label_size
from sparring.wire.rows import Answers, FormatError, Rows, rows_of

__all__ = ["Answers", "Codec", "FormatError", "Rows", "codec", "label_size", "rows_of"]
