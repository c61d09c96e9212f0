"""pyspark.ml's vectors in Parquet files, written and read without a Python function and without a conversion.

A vector's storage form is the struct (type, size, indices, values).  Spark offers no cast from that struct to the
vector type, but reads Parquet files of such structs as vectors when the schema asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparring.data.matrix import PreparedMatrix

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


def vector_struct(storage: str, size: int, prefix: str = "") -> Column:
    """Return the storage form of vectors as a column ``features``.

    Parameters
    ----------
    storage : {"dense", "sparse"}
        Made of ``features`` (an array), or of ``indices`` and ``values``.
    size : int
        Number of feature columns.
    prefix : str, default ""
        Begins the names of those columns.
    """
    from sparring.engine import functions as F

    sparse = storage == "sparse"
    indices = F.col(f"{prefix}indices") if sparse else F.lit(None)
    return F.struct(
        F.lit(0 if sparse else 1).cast("tinyint").alias("type"),
        F.lit(size if sparse else None).cast("int").alias("size"),
        indices.cast("array<int>").alias("indices"),
        F.col(f"{prefix}{'values' if sparse else 'features'}").cast("array<double>").alias("values"),
    ).alias("features")


def read_vectors(spark: SparkSession, matrix: PreparedMatrix) -> DataFrame:
    """Return the prepared matrix with a vector column ``features``, read as it is stored.

    Notes
    -----
    Cost: none before it is used; a scan of the files then.
    """
    from pyspark.ml.linalg import VectorUDT
    from pyspark.sql import types as T

    names = {"key": T.StringType(), "label": T.DoubleType(), "weight": T.DoubleType(), "group": T.StringType()}
    columns = {**names, "features": VectorUDT(), "split": T.StringType()}
    schema = T.StructType([T.StructField(name, kind) for name, kind in columns.items()])
    return spark.read.schema(schema).parquet(matrix.rows)


def read_arrays(spark: SparkSession, matrix: PreparedMatrix) -> DataFrame:
    """Return the prepared matrix with ``features`` (dense), or ``indices`` and ``values`` (sparse), of float32.

    For what tells an absent cell, which is missing to XGBoost, from a zero: vectors do not.
    """
    from sparring.engine import functions as F

    rows = spark.read.parquet(matrix.rows)
    values = F.col("features.values").cast("array<float>")
    if matrix.encoding().storage == "dense":
        return rows.withColumn("features", values)
    return rows.select("*", F.col("features.indices").alias("indices"), values.alias("values")).drop("features")


def with_vectors(rows: DataFrame, size: int, scratch: str) -> DataFrame:
    """Return ``rows`` with a pyspark.ml vector column ``features`` instead of its arrays.

    Parameters
    ----------
    rows : DataFrame
        Of a user's own, not a prepared matrix: ``features`` array<float> (dense), or ``indices`` array<int> and
        ``values`` array<float> (sparse).
    size : int
        Number of feature columns.
    scratch : str
        Folder for the sparse rows; it must live as long as the result is used.

    Notes
    -----
    Cost: dense, a projection; sparse, one pass that writes ``scratch``.
    """
    from pyspark.ml.functions import array_to_vector
    from pyspark.ml.linalg import VectorUDT
    from pyspark.sql import types as T

    from sparring.engine import functions as F

    if "features" in rows.columns:
        return rows.withColumn("features", array_to_vector(F.col("features").cast("array<double>")))
    structs = rows.select("*", vector_struct("sparse", size)).drop("indices", "values")
    structs.write.mode("overwrite").parquet(scratch)
    plain = [field for field in structs.schema.fields if field.name != "features"]
    schema = T.StructType([*plain, T.StructField("features", VectorUDT(), False)])
    return rows.sparkSession.read.schema(schema).parquet(scratch)
