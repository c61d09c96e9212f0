"""A virtual environment need not be activated: Spark's workers are the Python of the program that asks them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sparring.spark.session import require_java

OWN = "from sparring.spark.session import SessionSpec, get_session; spark = get_session(SessionSpec('t', 1, '1g'))"
PLAIN = "from pyspark.sql import SparkSession; spark = SparkSession.builder.master('local[1]').getOrCreate()"
STAGE = """
from sparring.dedup import NearDeduplicator
rows = spark.sql("select * from values (1, 'a b c d e f'), (2, 'a b c d e f'), (3, 'x y z u v w') as t(id, text)")
found = NearDeduplicator(textCols=["text"], keyCols=["id"]).transform(rows)
assert sorted(row.isSurvivor for row in found.collect()) == [False, True, True]
"""


@pytest.mark.parametrize("session", [OWN, PLAIN], ids=["Sparring's session", "a user's session"])
def test_a_stage_runs_in_an_environment_that_is_not_activated(tmp_path: Path, session: str) -> None:
    stranger = tmp_path / "python3"
    stranger.write_text("#!/bin/sh\necho another Python >&2\nexit 3\n")
    stranger.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYSPARK", "VIRTUAL"))}
    environment |= {"PATH": f"{tmp_path}:/usr/bin:/bin", "JAVA_HOME": str(require_java().home)}
    program = f"{session}\nspark.sparkContext.setLogLevel('ERROR')\n{STAGE}"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-2_000:]
