"""Any file that pandas, Excel, a database or Spark writes is read right, or refused in one sentence."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from sparring.data.readers import CORRUPT, read_path
from sparring.errors import TableError
from sparring.spark.reserved import named

# What spreadsheets, databases and people put into a cell.
CELLS = ['say "hi"', '5" pipe, steel', "two\nlines", "comma, semicolon; tab\t|", "Grüße €", "'single'", " spaces "]


def write(path: Path, text: str | bytes, encoding: str = "utf-8") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return str(path)


def rows_of(frame: DataFrame) -> list[dict[str, Any]]:
    return [row.asDict() for row in frame.drop(CORRUPT).collect()]


def types_of(frame: DataFrame) -> dict[str, str]:
    return dict(frame.drop(CORRUPT).dtypes)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
def test_cells_of_any_text_come_back_as_pandas_wrote_them(
    spark: SparkSession, tmp_path: Path, sep: str, encoding: str
) -> None:
    frame = pd.DataFrame({"id": range(len(CELLS)), "remark": CELLS, "size": [at * 1.5 for at in range(len(CELLS))]})
    path = str(tmp_path / "table.csv")
    frame.to_csv(path, index=False, sep=sep, encoding=encoding)
    found = read_path(spark, path)
    assert types_of(found) == {"id": "bigint", "remark": "string", "size": "double"}
    assert found.count() == len(frame)
    assert [row["remark"] for row in sorted(rows_of(found), key=lambda row: row["id"])] == CELLS
    assert found.where(named(CORRUPT).isNotNull()).isEmpty()


@pytest.mark.parametrize("packed", ["", ".gz"])
def test_a_file_of_tabs_is_told_by_its_ending(spark: SparkSession, tmp_path: Path, packed: str) -> None:
    text = b"name\tsize\na, b; c\t1\nd, e; f\t2\n"
    path = write(tmp_path / f"t.tsv{packed}", gzip.compress(text) if packed else text)
    assert rows_of(read_path(spark, path)) == [{"name": "a, b; c", "size": 1}, {"name": "d, e; f", "size": 2}]


DAY, HOUR = dt.date(2024, 2, 29), dt.datetime(2024, 1, 1, 10)
FIRST, SECOND = dt.datetime(2024, 12, 25), dt.datetime(2024, 1, 2)
NANOSECONDS = ["1700000000000000001", "1700000000000000002"]
# Column -> cells, the type they make, their values.
TYPED: dict[str, tuple[list[str], str, list[Any]]] = {
    "zip": (["02139", "10001", "NA"], "string", ["02139", "10001", None]),
    "count": (["1", "?", "3"], "bigint", [1, None, 3]),
    "nanoseconds": ([*NANOSECONDS, ""], "bigint", [*map(int, NANOSECONDS), None]),
    "large": (["18446744073709551616", "1", "N/A"], "decimal(38,0)", [Decimal(2**64), Decimal(1), None]),
    "price": (['"$1,234.50"', "$3", "null"], "double", [1234.5, 3.0, None]),
    "share": (["12%", "3.5%", "-"], "double", [12.0, 3.5, None]),
    "flag": (["true", "FALSE", "NaN"], "boolean", [True, False, None]),
    "day": (["2024-02-29", "0001-01-01", ""], "date", [DAY, dt.date(1, 1, 1), None]),
    "moment": (["2024-01-01T10:00:00Z", "2024-01-02", ""], "timestamp", [HOUR, SECOND, None]),
    "german": (["25.12.2024", "1.1.2024 10:00", ""], "timestamp", [FIRST, HOUR, None]),
    "american": (["12/25/2024", "1/2/2024", ""], "timestamp", [FIRST, SECOND, None]),
    "ambiguous": (["03/04/2024", "05/06/2024", ""], "string", ["03/04/2024", "05/06/2024", None]),
    "word": (["a", "b ", "?"], "string", ["a", "b ", None]),
    "huge": (["1e400", "2.5", ""], "double", [float("inf"), 2.5, None]),
}


def test_text_is_typed_by_what_the_column_holds(spark: SparkSession, tmp_path: Path) -> None:
    lines = [",".join(TYPED), *(",".join(cells[at] for cells, *_ in TYPED.values()) for at in range(3))]
    found = read_path(spark, write(tmp_path / "t.csv", "\n".join(lines)))
    assert types_of(found) == {name: kind for name, (_, kind, _) in TYPED.items()}
    assert {name: [row[name] for row in rows_of(found)] for name in TYPED} == {
        name: values for name, (*_, values) in TYPED.items()
    }


def test_a_date_format_settles_what_is_ambiguous(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "d,x\n03/04/2024,a\n05/06/2024,b\n")
    found = read_path(spark, path, options={"dateFormat": "dd/MM/yyyy"})
    assert [row["d"] for row in rows_of(found)] == [dt.date(2024, 4, 3), dt.date(2024, 6, 5)]


def test_tokens_for_missing_values_are_the_users(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "country,x\nNA,1\nDE,999\n")
    found = rows_of(read_path(spark, path, missing=["999"]))
    assert found == [{"country": "NA", "x": 1}, {"country": "DE", "x": None}]


def test_a_decimal_comma_is_read(spark: SparkSession, tmp_path: Path) -> None:
    found = read_path(spark, write(tmp_path / "t.csv", "x;y\n1.234,50;3,5\n7;0,25\n"))
    assert rows_of(found) == [{"x": 1234.5, "y": 3.5}, {"x": 7.0, "y": 0.25}]


def test_lines_with_other_numbers_of_cells_are_kept_apart(spark: SparkSession, tmp_path: Path) -> None:
    found = read_path(spark, write(tmp_path / "t.csv", "a,b\n1,2\n3\n4,5,6\n7,8\n"))
    assert found.count() == 4
    assert [row[CORRUPT] for row in found.collect() if row[CORRUPT]] == ["3", "4,5,6"]
    assert types_of(found) == {"a": "bigint", "b": "bigint"}


def test_header_names_have_no_spaces_around(spark: SparkSession, tmp_path: Path) -> None:
    assert read_path(spark, write(tmp_path / "t.csv", "age, work\n39, State-gov\n50, ?\n")).drop(CORRUPT).columns == [
        "age",
        "work",
    ]


def test_files_of_a_folder_with_other_columns_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "t" / "a.csv", "x,y\n1,2\n")
    write(tmp_path / "t" / "b.csv", "y,x\n1,2\n")
    with pytest.raises(TableError, match="header does not conform"):
        read_path(spark, str(tmp_path / "t"), "csv")


NAMES = [
    "a[1].csv",
    "a*b.csv",
    "a?.csv",
    "a:b.csv",
    "2024-01-01T10:00.csv",
    "a%20b.csv",
    "ä ö.csv",
    "{x,y}.csv",
    "#1.csv",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("long", [False, True])
def test_any_file_name_is_read(spark: SparkSession, tmp_path: Path, name: str, long: bool) -> None:
    path = write(tmp_path / name, 'x,y\n1,"a\nb"\n' if long else "x,y\n1,ab\n")
    # What the name would match as a pattern is another table.
    write(tmp_path / "a1.csv", "z\n9\n")
    assert rows_of(read_path(spark, path)) == [{"x": 1, "y": "a\nb" if long else "ab"}]


@pytest.mark.parametrize("name", ["a[1]:%41 ü.parquet", "a*.parquet"])
def test_any_name_of_a_parquet_file_is_read(spark: SparkSession, tmp_path: Path, name: str) -> None:
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / name)
    assert rows_of(read_path(spark, str(tmp_path / name))) == [{"x": 1}]


def test_a_pattern_is_one_where_no_file_has_its_name(spark: SparkSession, tmp_path: Path) -> None:
    for day in (1, 2):
        write(tmp_path / f"day{day}.csv", f"x,y\n{day},a\n")
    write(tmp_path / "night.csv", "z\n1\n")
    assert sorted(row["x"] for row in rows_of(read_path(spark, str(tmp_path / "day*.csv")))) == [1, 2]
    with pytest.raises(TableError, match="matches no file"):
        read_path(spark, str(tmp_path / "none*.csv"))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_codes_in_the_names_of_folders_keep_their_zeros(spark: SparkSession, tmp_path: Path, form: str) -> None:
    for code, day in (("02139", "2024-01-01"), ("10001", "2024-01-02")):
        folder = tmp_path / "t" / f"zip={code}" / f"day={day}"
        folder.mkdir(parents=True)
        frame = pd.DataFrame({"x": [1], "y": ["a"]})
        frame.to_parquet(folder / "a.parquet") if form == "parquet" else frame.to_csv(folder / "a.csv", index=False)
    found = read_path(spark, str(tmp_path / "t"), form)
    assert types_of(found) == {"x": "bigint", "y": "string", "zip": "string", "day": "date"}
    assert sorted(row["zip"] for row in rows_of(found)) == ["02139", "10001"]


def test_parquet_times_of_pandas_are_times(spark: SparkSession, tmp_path: Path) -> None:
    timestamps = pd.to_datetime(
        ["2024-01-01 10:00:00.123456789", "1890-05-01 00:00:00.000000001", "1969-12-31 23:59:59.999999999"]
    )
    table = pa.table(
        {
            "ns": pa.array(timestamps, pa.timestamp("ns")),
            "zoned": pa.array(timestamps, pa.timestamp("ns", "UTC")),
            "us": pa.array([dt.datetime(1, 1, 1), dt.datetime(1899, 1, 1), None], pa.timestamp("us")),
            "day": pa.array([dt.date(1, 1, 1), dt.date(1582, 10, 5), None]),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    found = read_path(spark, str(tmp_path / "t.parquet"))
    assert types_of(found) == {"ns": "timestamp_ntz", "zoned": "timestamp", "us": "timestamp_ntz", "day": "date"}
    # Cut to microseconds, downwards on both sides of 1970.
    cut = [moment.floor("us").to_pydatetime() for moment in timestamps]
    assert [[row[name] for row in rows_of(found)] for name in ("ns", "zoned")] == [cut, cut]
    assert [row["us"] for row in rows_of(found)] == table["us"].to_pylist()
    assert [row["day"] for row in rows_of(found)] == table["day"].to_pylist()


def test_parquet_numbers_of_any_width_are_read(spark: SparkSession, tmp_path: Path) -> None:
    table = pa.table(
        {
            "u8": pa.array([255], pa.uint8()),
            "u64": pa.array([2**64 - 1], pa.uint64()),
            "money": pa.array([Decimal("1.25")], pa.decimal128(20, 2)),
            "word": pa.array(["a"]).dictionary_encode(),
            "nested": pa.array([{"a": 1}]),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    (row,) = rows_of(read_path(spark, str(tmp_path / "t.parquet")))
    assert (row["u8"], row["u64"], row["money"], row["word"]) == (255, 2**64 - 1, Decimal("1.25"), "a")


def parquet(column: pa.Array) -> Callable[[Path], None]:
    return lambda path: pq.write_table(pa.table({"t": column, "x": [1]}), path)


def raw(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("t.parquet", parquet(pa.array([dt.time(1, 2)])), "column 't' holds a time of day"),
        ("t.parquet", parquet(pa.array([np.float16(1)], pa.float16())), "column 't' holds numbers of 16 bits"),
        ("t.parquet", raw(b"not parquet at all"), "is no Parquet file"),
        ("t.parquet", raw(b""), "is empty"),
        ("t.csv", raw(b""), "is empty"),
        ("t.csv", raw(b"  \n\n"), "is empty"),
        ("t.json", raw(b""), "is empty"),
        ("t.csv", raw(b"PK\x03\x04\x14\x00\x06\x00"), "an Excel workbook or a zip archive"),
        ("t.csv", raw(b"\x7fELF\x02\x01\x01\x00abc"), "it is binary"),
        ("t.xlsx", raw(b"PK\x03\x04"), "is a workbook"),
        ("t.sav", raw(b"x"), "ends in none of"),
        ("t.json", raw(b'{"a":{"0":1,"1":2},"b":{"0":3,"1":4}}'), "holds columns, not rows"),
        ("t.json", raw(b'{"columns":["a"],"index":[0],"data":[[1]]}'), "holds columns, not rows"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(
    spark: SparkSession, tmp_path: Path, name: str, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(TableError, match=said) as caught:
        read_path(spark, str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_bytes_of_another_encoding_are_never_replaced_in_silence(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "x,y\n1,größe\n", "latin-1")
    with pytest.raises(TableError, match="not all in UTF-8: 1 values of column 'y'"):
        read_path(spark, path, options={"encoding": "UTF-8"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lines.jsonl", '{"a":1,"t":"2024-01-01T00:00:00Z","z":"007"}\n{"a":2,"t":null,"z":"1"}\n'),
        ("list.json", '[{"a":1,"t":"2024-01-01T00:00:00Z","z":"007"},{"a":2,"t":null,"z":"1"}]'),
        (
            "pretty.json",
            json.dumps([{"a": 1, "t": "2024-01-01T00:00:00Z", "z": "007"}, {"a": 2, "t": None, "z": "1"}], indent=2),
        ),
    ],
)
def test_json_is_read_by_line_and_as_a_list(spark: SparkSession, tmp_path: Path, name: str, text: str) -> None:
    assert rows_of(read_path(spark, write(tmp_path / name, text))) == [
        {"a": 1, "t": dt.datetime(2024, 1, 1), "z": "007"},
        {"a": 2, "t": None, "z": "1"},
    ]


def test_a_pretty_printed_object_is_a_row(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path / "t.json", json.dumps({"a": 1, "b": "x"}, indent=1))
    assert rows_of(read_path(spark, path)) == [{"a": 1, "b": "x"}]


def test_one_count_however_the_table_is_asked(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "text"], *[[at, f'line "{at}"\nand, more'] for at in range(50)]])
    found = read_path(spark, str(path))
    assert (found.count(), found.select("id").distinct().count(), len(found.collect())) == (50, 50, 50)
