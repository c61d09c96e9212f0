"""Which format a table is in, by its name or by what it is called."""

import pytest

from sparring.data import readers
from sparring.data.formats import FORMATS, TableFormat, format_of, register_format
from sparring.errors import TableError

assert readers


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.parquet", "parquet"),
        ("A.PQ", "parquet"),
        ("s3a://bucket/folder/", "parquet"),
        ("dbfs:/x/table.csv.gz", "csv"),
        ("a.tsv.bz2", "csv"),
        ("a.b/lines.jsonl", "json"),
        ("a.ndjson.gz", "json"),
    ],
)
def test_the_ending_tells(path: str, name: str) -> None:
    assert format_of(path).name == name
    assert format_of(path, "json").name == "json"


@pytest.mark.parametrize(
    ("path", "name", "words"),
    [
        ("a.xlsx", "auto", "workbook"),
        ("a.avro", "auto", "ends in none of"),
        ("a.parquet.gz", "auto", "ends in none of"),
        ("a.csv", "jsn", "Did you mean 'json'"),
    ],
)
def test_what_is_not_read_is_said(path: str, name: str, words: str) -> None:
    with pytest.raises(TableError, match=words):
        format_of(path, name)


def test_an_added_format_is_known_by_its_endings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.data.formats.FORMATS", dict(FORMATS))
    added = register_format(TableFormat("orc", (".orc",), lambda spark, path, options, missing: spark.read.orc(path)))
    assert format_of("a.ORC") is added is format_of("elsewhere", "orc")
