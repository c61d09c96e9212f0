"""Training channels written by Spark: whole files, in order, evenly among hosts, on disk and over the S3 protocol."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.ml.functions import array_to_vector
from pyspark.ml.linalg import Vectors
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from sparring.errors import ParamError, SchemaError, TableError
from sparring.sagemaker.channel import write_channel
from sparring.sagemaker.sinks import FolderSink, S3Sink
from sparring.sagemaker.target import AwsTarget
from sparring.wire import FormatError, Rows, codec
from sparring.wire.rows import concatenate
from sparring_local_sagemaker import LocalAws

RECORDIO, LIBSVM, CSV, PARQUET = "application/x-recordio-protobuf", "text/libsvm", "text/csv", "application/x-parquet"
ROWS, WIDTH = 500, 4


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as server:
        yield server


@pytest.fixture(scope="module")
def table(spark: SparkSession) -> DataFrame:
    """Keys in no order; features that tell the key."""
    features = F.array(*(F.col("id") * 10 + number for number in range(WIDTH))).cast("array<float>")
    rows = spark.range(ROWS, numPartitions=3).select(
        F.col("id").alias("key"),
        (F.col("id") % 2).alias("label"),
        features.alias("features"),
        (F.col("id") % 5 + 1).alias("w"),
    )
    return rows.orderBy(F.xxhash64("key")).cache()


def read(folder: Path, content_type: str, weights: bool = False) -> list[Rows]:
    files = sorted(folder.iterdir())
    return [codec(content_type).decode(file.read_bytes(), 1, weights) for file in files]


@pytest.mark.parametrize("content_type", [RECORDIO, LIBSVM, CSV, PARQUET])
def test_every_format_holds_all_rows_in_the_order_of_their_keys(
    tmp_path: Path, table: DataFrame, content_type: str
) -> None:
    written = write_channel(table, str(tmp_path / "train"), content_type, hosts=2, files=4)
    parts = read(tmp_path / "train", content_type)
    assert (written.files, written.rows) == (4, ROWS) == (len(parts), sum(part.count for part in parts))
    assert written.bytes == sum(file.stat().st_size for file in (tmp_path / "train").iterdir())
    assert all(part.count > ROWS / 10 for part in parts)
    rows = concatenate(parts)
    assert rows.dense()[:, 0].tolist() == [10 * key for key in range(ROWS)]
    assert rows.labels is not None
    assert rows.labels.tolist() == [key % 2 for key in range(ROWS)]


def test_vectors_are_written_as_they_are_stored(tmp_path: Path, spark: SparkSession, table: DataFrame) -> None:
    """Byte for byte what array columns give; a partition with both kinds keeps its order."""
    vectors = table.withColumn("features", array_to_vector(F.col("features").cast("array<double>")))
    for name, rows in (("arrays", table), ("vectors", vectors)):
        write_channel(rows, str(tmp_path / name), RECORDIO)
    assert (tmp_path / "arrays/part-00000.pbr").read_bytes() == (tmp_path / "vectors/part-00000.pbr").read_bytes()
    mixed = [(n, Vectors.dense([n, 0.0]) if n % 2 else Vectors.sparse(2, [0], [n])) for n in range(9)]
    both = spark.createDataFrame(mixed, ["key", "features"])
    for content_type in (RECORDIO, PARQUET):
        folder = tmp_path / content_type.replace("/", "-")
        write_channel(both, str(folder), content_type, labelCol=None)
        (found,) = [codec(content_type).decode(file.read_bytes(), 0, False) for file in folder.iterdir()]
        assert sorted(found.dense()[:, 0].tolist()) == list(range(9))
    assert codec(RECORDIO).decode(
        (tmp_path / RECORDIO.replace("/", "-") / "part-00000.pbr").read_bytes(), 0, False
    ).dense()[:, 0].tolist() == list(range(9))


def test_cells_and_weights_are_written(tmp_path: Path, table: DataFrame) -> None:
    cells = table.withColumn("indices", F.expr("filter(sequence(0, 3), i -> (key + i) % 3 != 0)"))
    cells = cells.withColumn("values", F.expr("transform(indices, i -> features[i])"))
    write_channel(cells, str(tmp_path / "a"), LIBSVM, featuresCol="", size=WIDTH, weightCol="w")
    (rows,) = read(tmp_path / "a", LIBSVM)
    assert rows.weights is not None
    assert rows.weights.tolist() == [key % 5 + 1 for key in range(ROWS)]
    wanted = [[0 if (key + i) % 3 == 0 else key * 10 + i for i in range(WIDTH)] for key in range(ROWS)]
    assert np.array_equal(rows.features.toarray(), wanted)
    with pytest.raises(ParamError, match=r"write_channel\.size is missing"):
        write_channel(cells, str(tmp_path / "b"), LIBSVM, featuresCol="")


def test_files_do_not_depend_on_how_rows_were_partitioned(tmp_path: Path, table: DataFrame) -> None:
    for number, rows in enumerate((table.coalesce(1), table.repartition(7))):
        write_channel(rows, str(tmp_path / str(number)), RECORDIO)
    assert (tmp_path / "0/part-00000.pbr").read_bytes() == (tmp_path / "1/part-00000.pbr").read_bytes()


@pytest.mark.parametrize(("keys", "files", "wanted"), [("0", 4, [100, 100, 100, 100]), ("key", 6, None)])
def test_no_host_is_left_without_rows(
    tmp_path: Path, table: DataFrame, keys: str, files: int, wanted: list[int] | None
) -> None:
    """Equal keys, which no range can part, and fewer rows than files."""
    few = table.where("key < 400" if wanted else "key < 5").withColumn("key", F.expr(keys))
    written = write_channel(few, str(tmp_path / "a"), RECORDIO, hosts=2, files=files)
    counts = [part.count for part in read(tmp_path / "a", RECORDIO)]
    assert counts == (wanted or [2, 1, 1, 1])
    assert written.files == len(counts)
    with pytest.raises(TableError, match="1 rows are too few for 2 hosts"):
        write_channel(table.where("key = 3"), str(tmp_path / "b"), RECORDIO, hosts=2)
    assert not (tmp_path / "b").exists()


def test_channels_are_uploaded_from_the_executors(aws: LocalAws, table: DataFrame) -> None:
    target, s3 = AwsTarget.on(aws), aws.client("s3")
    uri = f"s3://{aws.bucket}/channels/train"
    written = write_channel(table, uri, RECORDIO, target=target, hosts=2)
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=aws.bucket, Prefix="channels/")["Contents"]]
    assert keys == [f"channels/train/part-0000{number}.pbr" for number in range(2)]
    bodies = [s3.get_object(Bucket=aws.bucket, Key=key)["Body"].read() for key in keys]
    assert written.bytes == sum(map(len, bodies))
    assert codec(RECORDIO).decode(b"".join(bodies), 0, False).features[:, 0].tolist() == [10 * k for k in range(ROWS)]
    with pytest.raises(TableError, match="holds files already"):
        write_channel(table, uri, RECORDIO, target=target)
    S3Sink(target, aws.bucket, "channels/train/").delete()
    assert "Contents" not in s3.list_objects_v2(Bucket=aws.bucket, Prefix="channels/")


def test_a_task_that_runs_twice_writes_its_file_once(tmp_path: Path) -> None:
    sink = FolderSink(str(tmp_path))
    for text in (b"first try", b"again"):
        with (tmp_path.parent / "body").open("w+b") as file:
            file.write(text)
            file.seek(0)
            sink.put("part-00000.csv", file)
    assert [path.name for path in tmp_path.iterdir()] == ["part-00000.csv"]
    assert (tmp_path / "part-00000.csv").read_bytes() == b"again"


class Torn:
    """A file that cannot be read to its end."""

    def __init__(self) -> None:
        self.reads = 0

    def read(self, *_: object) -> bytes:
        self.reads += 1
        if self.reads > 1:
            raise OSError("torn")
        return b"half"


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    torn: IO[bytes] | Any = Torn()
    with pytest.raises(OSError, match="torn"):
        FolderSink(str(tmp_path)).put("part-00000.csv", torn)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_nothing(tmp_path: Path, table: DataFrame) -> None:
    """One partition's rows differ in width: the other's file goes too."""
    bad = table.withColumn(
        "features", F.when(F.col("key") == 490, F.slice("features", 1, 2)).otherwise(F.col("features"))
    )
    with pytest.raises(FormatError, match="a row has"):
        write_channel(bad, str(tmp_path / "train"), RECORDIO, hosts=2)
    assert not (tmp_path / "train").exists()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"content_type": "image/png"}, ParamError, "write_channel.content_type: content type 'image/png' is none of"),
        ({"content_type": "application/json"}, ParamError, "is for inference"),
        ({"hosts": 2, "files": 3}, ParamError, "files must be a multiple of hosts >= 1, got files=3, hosts=2"),
        ({"weightCol": "w"}, ParamError, "a RecordIO-protobuf record has no place for it"),
        ({"labelCol": "y"}, SchemaError, "write_channel: column 'y' is not in the table"),
        ({"uri": "dbfs:/a"}, ParamError, "uri must be s3://, s3a:// or a local folder, got 'dbfs:/a'"),
        ({"uri": "s3://bucket/a"}, ParamError, "write_channel.target is missing"),
    ],
)
def test_bad_arguments_are_refused_before_any_job(
    tmp_path: Path, table: DataFrame, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    given = {"uri": str(tmp_path / "x"), "content_type": RECORDIO, **arguments}
    with pytest.raises(error, match=message):
        write_channel(table, **given)


def test_a_table_is_written_as_it_is(spark: SparkSession, tmp_path: Path) -> None:
    rows = spark.createDataFrame(
        [(1.0, "a", None), (0.0, "", 5), (2.0, "x,y", 7)], "label double, s string, n int"
    ).repartition(2)
    csv = write_channel(rows, str(tmp_path / "c"), "text/csv", keyCol=None, labelCol=None, featuresCol=None, hosts=2)
    assert (csv.files, csv.rows) == (2, 3)
    write_channel(
        rows.coalesce(1), str(tmp_path / "p"), "application/x-parquet", keyCol=None, labelCol=None, featuresCol=None
    )
    assert sorted(pq.read_table(tmp_path / "p").to_pylist(), key=lambda r: r["label"]) == [
        {"label": 0.0, "s": "", "n": 5},
        {"label": 1.0, "s": "a", "n": None},
        {"label": 2.0, "s": "x,y", "n": 7},
    ]
