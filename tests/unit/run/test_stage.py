"""Stages of a run: what makes one current, what a failed one leaves, and that all have their place and version."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.config.load import parse_config
from sparring.errors import RowsLostError, TableError
from sparring.io import storage
from sparring.run.context import RunContext
from sparring.run.manifest import cache_key
from sparring.run.pipeline import DATA_STAGES
from sparring.run.progress import Progress
from sparring.run.stage import Stage

CONFIG = {
    "name": "small",
    "table": {"path": "table.csv", "label": "y", "features": {"numeric": ["x"]}},
    "contenders": [{"name": "one", "engine": "single_node", "family": "logistic_regression"}],
}


class Written(Stage):
    """A stage that writes one file."""

    rows = 1

    def __init__(self, name: str, reads: tuple[str, ...] = (), settings: tuple = (), fails: bool = False) -> None:
        self.name, self.what, self.reads = name, "writing", reads
        self.given, self.fails, self.done = settings, fails, 0

    def settings(self, run: RunContext) -> list[Any]:
        return list(self.given)

    def work(self, run: RunContext, report: dict[str, Any]) -> str:
        storage.make_folder(self.folder(run))
        pq.write_table(pa.table({"row": range(self.rows)}), f"{storage.local_path(self.folder(run))}/part.parquet")
        if self.fails:
            raise TableError("broken", "Fix it.")
        report["rows"] = self.rows
        self.done += 1
        return "1 row"


class Later(Written):
    """The same stage by a later version of Sparring."""

    version = 2


@pytest.fixture
def run(tmp_path: Path) -> RunContext:
    return RunContext(parse_config(CONFIG), str(tmp_path / "run"), Progress(quiet=True))


def again(run: RunContext) -> RunContext:
    """The same run in another process."""
    return RunContext(run.config, run.folder, Progress(quiet=True))


def test_a_stage_is_kept_until_something_that_it_depends_on_changes(run: RunContext) -> None:
    first, second = Written("a", settings=(1,)), Written("b", reads=("a",))
    for stage in (first, second, first, second):
        stage.do(run)
    other = again(run)
    first.do(other)
    second.do(other)
    assert (first.done, second.done) == (1, 1)


@pytest.mark.parametrize(
    "changed", [Written("a", settings=(2,)), Later("a", settings=(1,))], ids=["setting", "version"]
)
def test_a_changed_setting_or_version_redoes_a_stage_and_all_that_read_it(run: RunContext, changed: Written) -> None:
    before = [Written("a", settings=(1,)), Written("b", reads=("a",)), Written("c", reads=("b",)), Written("d")]
    for stage in before:
        stage.do(run)
    other = again(run)
    changed.name = "a"
    # A later version of a class is the same stage: its key differs by the version alone.
    keys = {stage.name: run.manifest.cache_key(stage.name) for stage in before}
    changed.do(other)
    for stage in before[1:]:
        stage.do(other)
    assert (changed.done, before[1].done, before[2].done, before[3].done) == (1, 2, 2, 1)
    assert all(other.manifest.cache_key(name) != keys[name] for name in "abc")


def test_the_version_is_part_of_the_key(run: RunContext) -> None:
    class Same(Written):
        version = 1

    one = Same("a").cache_key(run)
    Same.version = 2
    assert Same("a").cache_key(run) != one


def test_a_failed_stage_leaves_no_folder_and_is_done_again(run: RunContext) -> None:
    broken = Written("a", fails=True)
    with pytest.raises(TableError, match="broken"):
        broken.do(run)
    assert not storage.exists(run.path("a"))
    assert run.manifest.stages["a"]["status"] == "failed"
    whole = Written("a")
    whole.do(again(run))
    assert whole.done == 1


def test_rows_that_are_lost_are_told(run: RunContext, tmp_path: Path) -> None:
    class Loses(Written):
        takes_rows_of = "a"
        rows = 0

    Written("a").do(run)
    with pytest.raises(RowsLostError, match="b"):
        Loses("b", reads=("a",)).do(run)
    assert not storage.exists(run.path("b"))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_a_key_is_of_values_alone(value: Any) -> None:
    assert cache_key("a", 1, value) == cache_key("a", 1, value) != cache_key("a", 2, value)


def test_every_stage_reads_what_comes_before_it() -> None:
    names = [stage.name for stage in DATA_STAGES]
    assert len(set(names)) == len(names)
    for at, stage in enumerate(DATA_STAGES):
        assert set(stage.reads) <= set(names[:at])
        assert stage.takes_rows_of is None or stage.takes_rows_of in stage.reads
