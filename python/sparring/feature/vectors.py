"""From the matrix's arrays to pyspark.ml's vectors, without a Python function."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def with_vectors(matrix: DataFrame, size: int, scratch: str) -> DataFrame:
    """Return ``matrix`` with a pyspark.ml vector column ``features`` instead of its arrays.

    Parameters
    ----------
    matrix : DataFrame
        With ``features`` array<float> (dense), or ``indices`` array<int> and ``values`` array<float> (sparse).
    size : int
        Number of feature columns.
    scratch : str
        Folder for the sparse rows; it must live as long as the result is used.

    Notes
    -----
    A sparse vector's storage form is the struct (type, size, indices, values).  Spark offers no cast from that
    struct to the vector type, but reads Parquet files of such structs as vectors when the schema asks for it:
    one write and columnar reads, where a Python function would build every row's vector by hand.
    Cost: dense, a projection; sparse, one pass that writes ``scratch``.
    """
    from pyspark.ml.functions import array_to_vector
    from pyspark.ml.linalg import VectorUDT
    from pyspark.sql import functions as F
    from pyspark.sql import types as T

    if "features" in matrix.columns:
        return matrix.withColumn("features", array_to_vector(F.col("features").cast("array<double>")))
    sparse = F.expr(
        f"struct(cast(0 as tinyint) as type, {size} as size, indices, cast(values as array<double>) as values)"
    )
    structs = matrix.withColumn("features", sparse).drop("indices", "values")
    structs.write.mode("overwrite").parquet(scratch)
    plain = [field for field in structs.schema.fields if field.name != "features"]
    schema = T.StructType([*plain, T.StructField("features", VectorUDT(), False)])
    return matrix.sparkSession.read.schema(schema).parquet(scratch)
