"""No row is lost unseen: rows are counted where they are read, and in the footers of what was written."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrameWriter, SparkSession

from sparring.config import load_config
from sparring.data.row_counts import MARK, SourceCount, require_rows, stored_rows, write_rows
from sparring.errors import RowsLostError
from sparring.run.pipeline import Run
from sparring.run.progress import Progress


@pytest.mark.spark_only
@pytest.mark.parametrize("partitions", [1, 3])
def test_the_query_that_reads_is_counted_and_not_the_files_it_leaves(
    spark: SparkSession, tmp_path: Path, partitions: int
) -> None:
    source = SourceCount()
    rows = source.watch(spark.range(1_000).repartition(partitions))
    rows.groupBy((rows.id % 7).alias("seventh")).count().write.parquet(str(tmp_path / "counts"))
    assert stored_rows(str(tmp_path / "counts")) == 7
    assert source.rows(expected=1_000) == 1_000
    assert source.rows(expected=999) == 1_000


@pytest.mark.parametrize(("written", "words"), [(5, "lost 2 of 7 rows"), (9, "2 rows too many"), (0, "lost 7 of 7")])
def test_other_rows_than_expected_are_an_error_that_names_the_stage(tmp_path: Path, written: int, words: str) -> None:
    folder = tmp_path / "split" / "sparring__part=one"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"x": range(written)}), folder / "part-0.parquet")
    (tmp_path / "split" / "_SUCCESS").touch()
    with pytest.raises(RowsLostError, match=words) as error:
        require_rows("split", 7, str(tmp_path / "split"))
    assert "The stage split" in str(error.value)
    assert "not shared" in str(error.value)
    require_rows("split", written, str(tmp_path / "split"))


@pytest.mark.spark_only
def test_a_stages_files_are_marked_complete_whatever_the_session_was_told(spark: SparkSession, tmp_path: Path) -> None:
    """sagemaker-pyspark switches the mark off when it uploads, and later stages of the session would go without."""
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    before = hadoop.get(MARK, "true")
    hadoop.set(MARK, "false")
    try:
        spark.range(3).write.parquet(f"file:{tmp_path}/plain")
        write_rows(spark.range(3), f"file:{tmp_path}/marked")
    finally:
        hadoop.set(MARK, before)
    assert not (tmp_path / "plain" / "_SUCCESS").exists()
    assert (tmp_path / "marked" / "_SUCCESS").exists()
    assert stored_rows(str(tmp_path / "marked")) == 3


def test_a_folder_that_is_not_there_holds_no_row(tmp_path: Path) -> None:
    assert stored_rows(str(tmp_path / "none")) == 0


@pytest.mark.spark_only
def test_whichever_stage_of_a_run_loses_rows_is_named_and_nothing_of_it_stays(
    spark: SparkSession, small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(str(small_run), ["resources.isolation=session", "leakage.audit=false"])
    write = DataFrameWriter.parquet
    for stage in ("ingest", "deduplicate", "split", "prepare", "naive"):

        def lose_a_file(self: DataFrameWriter, path: str, *rest: object, stage: str = stage, **named: object) -> None:
            write(self, path, *rest, **named)
            if f"/{stage}" in path.removeprefix(f"file:{tmp_path}"):
                files = sorted(Path(path.removeprefix("file:")).rglob("*.parquet"))
                next(file for file in files if pq.read_metadata(file).num_rows).unlink()

        monkeypatch.setattr(DataFrameWriter, "parquet", lose_a_file)
        with pytest.raises(RowsLostError, match=f"The stage {stage} lost"):
            Run(config, str(tmp_path / "run"), Progress(quiet=True)).execute()
        assert not (tmp_path / "run" / stage).exists()
        monkeypatch.setattr(DataFrameWriter, "parquet", write)
    facts = Run(config, str(tmp_path / "run"), Progress(quiet=True)).execute().facts
    assert facts["rows"]["input"] == len(pd.read_parquet(small_run.parent / "table.parquet"))
