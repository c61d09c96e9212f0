"""``sparring audit`` as a CI uses it: real processes, exit codes, reports."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest


def process(*arguments: str) -> subprocess.CompletedProcess:
    """Run the audit as a CI does, in a process of its own."""
    command = [sys.executable, "-c", "from sparring.cli import main; main()", "audit", "--memory", "1g", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tables: train and test of other patients, and a test with 20 rows of train."""
    folder = tmp_path_factory.mktemp("audit")
    random = np.random.default_rng(0)

    def table(rows: int, first: int) -> pd.DataFrame:
        # pandas writes ten digits into JSON: more would not be the same number again.
        x = random.normal(size=rows).round(6)
        return pd.DataFrame(
            {
                "patient": first + random.integers(0, 100, rows),
                "x": x,
                "city": random.choice(["Oslo", "Rome", "Wien"], rows),
                "sick": (x + random.normal(size=rows) > 0).astype(int),
            }
        )

    train, clean = table(600, 0), table(200, 100)
    train.to_csv(folder / "train.csv", index=False)
    clean.to_parquet(folder / "clean.parquet")
    pd.concat([train.iloc[:20], clean]).to_json(folder / "leaky.json", orient="records", lines=True)
    return folder


ROLES = ("--group", "patient", "--label", "sick")


def test_a_clean_split_ends_with_0_whatever_the_formats(sparring: Callable, folder: Path) -> None:
    parts = ("--train", str(folder / "train.csv"), "--test", str(folder / "clean.parquet"))
    done = sparring("audit", *parts, *ROLES, "--out", str(folder / "clean.json"), "--no-near")
    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads((folder / "clean.json").read_text())
    assert written["parts"] == {"train": 600, "test": 200}
    assert {check["check"]: check["status"] for check in written["checks"]}["group overlap"] == "clean"


def test_leaks_end_with_a_code_of_their_own_and_are_told(folder: Path) -> None:
    parts = ("--train", str(folder / "train.csv"), "--test", str(folder / "leaky.json"))
    done = process(*parts, *ROLES, "--out", str(folder / "leaks.html"), "--fail-on", "high")
    assert done.returncode == 8, done.stdout + done.stderr
    words = " ".join(done.stdout.split())
    assert "high exact overlap: 20 of 220 rows of test (9.09%) are equal" in words
    assert "high group overlap" in words
    page = (folder / "leaks.html").read_text()
    assert "20 of 220 rows of test" in page
    assert "<script src" not in page


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--test", "nowhere.csv"], 3, ["nowhere.csv", "does not exist"]),
        (
            ["--test", "train.csv", "--cluster", "patint"],
            3,
            ["'patint' is not in the table", "Did you mean 'patient'?"],
        ),
        (["--test", "train.csv", "--label", "sik"], 3, ["'sik' is not in the table", "Did you mean 'sick'?"]),
        (["--test", "train.csv", "--part", "train=x.csv"], 2, ["--part", "NAME=PATH"]),
        (["--test", "train.csv", "--out", "report.pdf"], 2, ["report.pdf", ".html"]),
        (["--test", "other.parquet"], 3, ["which test lacks", "--ignore"]),
    ],
)
def test_mistakes_have_other_codes_and_a_next_step(
    sparring: Callable, folder: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    if "other.parquet" in arguments:
        pd.DataFrame({"patient": [1], "other": [2.0]}).to_parquet(folder / "other.parquet")
    at = arguments.index("--test") + 1
    placed = [*arguments[:at], str(folder / arguments[at]), *arguments[at + 1 :]]
    done = sparring("audit", "--train", str(folder / "train.csv"), *placed)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in " ".join(done.stderr.split())
