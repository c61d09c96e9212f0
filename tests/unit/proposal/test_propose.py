"""A proposal says what it did with every column, keeps to what its user said, and runs from wherever it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pyspark.sql import SparkSession

from sparring.config.load import load_config, parse_config
from sparring.errors import TableError
from sparring.proposal.propose import Wishes, propose
from sparring.proposal.text import run_name

ROWS = 400


@pytest.fixture(scope="module")
def customers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as a German spreadsheet writes it, under a name of a kind."""
    random = np.random.default_rng(0)
    amounts = random.integers(100, 900_000, ROWS) / 100
    frame = pd.DataFrame(
        {
            "Nr": np.arange(ROWS),
            "PLZ": [f"{code:05}" for code in random.integers(0, 90, ROWS)],
            "Betrag": [f"{value:,.2f}".translate(str.maketrans(",.", ".,")) for value in amounts],
            "Rabatt": [f"{value} %" for value in random.integers(0, 30, ROWS)],
            "Datum": pd.date_range("2023-01-13", periods=ROWS, freq="7h").strftime("%d.%m.%Y"),
            "Lieferung": ["03/04/2024"] * (ROWS // 2) + ["05/06/2024"] * (ROWS // 2),
            "Menge": ["oops" if at == 7 else str(value) for at, value in enumerate(random.integers(0, 999, ROWS))],
            "Notiz": [f'sagte "grüß; {at % 300}"\nund ging' for at in range(ROWS)],
            "gekauft": random.choice(["ja", "nein"], ROWS),
        }
    )
    path = tmp_path_factory.mktemp("tables") / "Kunden [neu] 50%.csv"
    frame.to_csv(path, sep=";", index=False, encoding="cp1252")
    return path


def test_every_column_has_a_fate_in_words(spark: SparkSession, customers: Path) -> None:
    proposal = propose(str(customers), Wishes("gekauft"))
    told = dict(proposal.columns)
    assert {name: told[name].partition(",")[0].partition(";")[0] for name in ("gekauft", "Nr", "PLZ", "Betrag")} == {
        "gekauft": "the label",
        "Nr": "the key",
        "PLZ": "codes with leading zeros",
        "Betrag": "a number",
    }
    assert "12% is 12" in told["Rabatt"]
    assert told["Datum"] == "a time; read as day, month, year; when the row came to be"
    assert "--option dateFormat=" in told["Lieferung"]
    assert "99.8% numbers, and text such as 'oops'" in told["Menge"]
    assert "more than 200 values" in told["Notiz"]
    assert len(told) == 9


def test_what_was_found_of_the_file_is_in_the_proposal_and_the_same_rows_are_read(
    spark: SparkSession, customers: Path
) -> None:
    proposal = yaml.safe_load(propose(str(customers), Wishes("gekauft")).text)
    options = proposal["table"]["options"]
    assert (options["sep"], options["encoding"], options["decimal"]) == (";", "windows-1252", ",")
    assert parse_config(proposal).table.time == "Datum"


def test_what_the_user_says_is_kept(spark: SparkSession, customers: Path) -> None:
    wishes = Wishes("gekauft", ["PLZ"], ["Nr"], "Datum", "ja", "auto", ["Betrag"], {"dateFormat": "dd/MM/yyyy"})
    table = parse_config(yaml.safe_load(propose(str(customers), wishes).text)).table
    assert (table.group, table.key, table.time, table.positive) == (["PLZ"], ["Nr"], "Datum", "ja")
    assert table.features.timestamp == ["Datum", "Lieferung"]
    assert "Betrag" not in table.features.columns


@pytest.mark.parametrize(
    "wishes",
    [
        Wishes("gekaufd"),
        Wishes("gekauft", group=["gekaufd"]),
        Wishes("gekauft", key=["gekaufd"]),
        Wishes("gekauft", time="gekaufd"),
        Wishes("gekauft", ignore=["gekaufd"]),
    ],
)
def test_a_column_that_is_not_there_is_named(spark: SparkSession, customers: Path, wishes: Wishes) -> None:
    with pytest.raises(TableError, match=r"column 'gekaufd' is not in .* Did you mean 'gekauft'"):
        propose(str(customers), wishes)


def test_a_table_without_a_feature_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    pd.DataFrame({"y": [0, 1] * 50, "same": 1}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(TableError, match="same: one value only"):
        propose(str(tmp_path / "t.parquet"), Wishes("y"))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b/Überblick 2024 (final).csv", "berblick-2024--final"),
        ("???.csv", "table"),
        ("s3a://bucket/" + "x" * 90 + ".parquet", "x" * 60),
        ("_hidden_.json", "hidden"),
    ],
)
def test_a_run_gets_a_name_that_it_may_have(path: str, name: str) -> None:
    assert run_name(path) == name


def test_init_writes_where_no_folder_is_and_run_finds_the_table_from_there(
    sparring: Callable, customers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(customers.parent)
    out = tmp_path / "new" / "folder" / "mine.yaml"
    wanted = ("init", customers.name, "--label", "gekauft", "--out", str(out))
    done = sparring(*wanted)
    assert done.returncode == 0, done.stderr
    assert "Notiz left out: text with more than 200 values" in done.stderr
    monkeypatch.chdir("/")
    assert Path(load_config(str(out)).table.path or "").resolve() == customers
    written = out.read_text()
    out.write_text(written + "# mine\n")
    monkeypatch.chdir(customers.parent)
    refused = sparring(*wanted)
    assert (refused.returncode, out.read_text()) == (2, written + "# mine\n")
    assert "--force" in refused.stderr
    assert sparring(*wanted, "--force").returncode == 0
    assert out.read_text() == written


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("t.csv", "{folder}/t.csv"),
        ("../t.csv", "{folder}/../t.csv"),
        ("/data/t.csv", "/data/t.csv"),
        ("s3a://bucket/t.csv", "s3a://bucket/t.csv"),
        ("dbfs:/t.csv", "dbfs:/t.csv"),
    ],
)
def test_a_relative_path_starts_from_the_configuration(tmp_path: Path, written: str, found: str) -> None:
    config = {
        "name": "t",
        "table": {"path": written, "label": "y", "features": {"numeric": ["x"]}},
        "contenders": [{"name": "a", "engine": "single_node", "family": "logistic_regression"}],
    }
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(config))
    assert load_config(str(tmp_path / "t.yaml")).table.path == found.format(folder=tmp_path)
    # What is typed is seen from where it is typed.
    assert load_config(str(tmp_path / "t.yaml"), ["table.path=other.csv"]).table.path == "other.csv"
