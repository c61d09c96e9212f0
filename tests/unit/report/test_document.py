import json
from typing import Any

import pytest

from sparring.report import document
from sparring.report.document import finite


def test_holds_what_readers_of_the_file_rely_on(facts: dict[str, Any]) -> None:
    found = document(facts)
    assert {"input", "quarantined", "duplicates_removed", "train", "validation", "test"} <= found["rows"].keys()
    for contender in found["contenders"]:
        assert contender["engine"] in ("spark", "single_node", "sagemaker")
        assert {"value", "low", "high"} <= contender["metrics"]["roc_auc"].keys()
        assert contender["phases"]["fit"] > 0
        assert {"name", "family", "wall_seconds", "cpu_seconds", "peak_memory_bytes"} <= contender.keys()
    for row in found["equivalence"]:
        assert {"left", "right", "objective_gap", "max_score_difference"} <= row.keys()
    assert found["leakage"]["naive"]["value"] > found["leakage"]["safe"]["value"]
    assert {"choice", "reason"} <= found["verdict"].keys()
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_failed_contender_is_a_result(facts_with_failure: dict[str, Any]) -> None:
    by_name = {contender["name"]: contender for contender in document(facts_with_failure)["contenders"]}
    failed = by_name["mllib-gbt"]
    assert (failed["status"], failed["metrics"], failed["plots"]) == ("failed", None, None)
    assert failed["error"]["type"] == "Crash"
    assert len(by_name) == 5


@pytest.mark.parametrize(("change", "expected"), [({}, True), ({"quarantined": 699}, False)])
def test_row_accounting_is_checked(facts: dict[str, Any], change: dict[str, int], expected: bool) -> None:
    changed = {**facts, "rows": {**facts["rows"], **change}}
    assert document(changed)["rows"]["adds_up"] is expected


def test_numbers_that_json_lacks_become_null() -> None:
    assert finite({"a": [float("nan"), 1.5], "b": (float("inf"), "x", None, True)}) == {
        "a": [None, 1.5],
        "b": [None, "x", None, True],
    }
