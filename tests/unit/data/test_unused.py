from typing import Any

import pytest

from sparring.config.schema import TableConfig
from sparring.data.unused import UNNAMED, columns_not_used

TYPES = [(name, "int") for name in ("id", "age", "ill", "when", "patient", "kg", "note")]


@pytest.mark.parametrize(
    ("changes", "types", "why", "expected"),
    [
        ({}, TYPES[:3], {}, {"id": UNNAMED}),
        ({"key": ["id"]}, TYPES[:3], {"id": "unique"}, {"id": "key"}),
        (
            {"key": ["id"], "group": ["id", "patient"]},
            TYPES[:5],
            {},
            {"id": "key, group", "patient": "group"} | {"when": UNNAMED},
        ),
        ({"time": "when", "weight": "kg"}, [TYPES[3], TYPES[5]], {}, {"when": "time", "kg": "weight"}),
        ({"group": ["age"]}, TYPES[:3], {}, {"id": UNNAMED}),
        (
            {},
            [("scan", "array<double>"), ("raw", "binary")],
            {},
            {"scan": "type array<double> is no feature", "raw": "type binary is no feature"},
        ),
        ({}, [("id", "int")], {"id": "a running number"}, {"id": "a running number"}),
    ],
)
def test_a_column_that_no_model_sees_has_a_role_or_a_reason(
    changes: dict[str, Any], types: list[tuple[str, str]], why: dict[str, str], expected: dict[str, str]
) -> None:
    table = TableConfig.model_validate({"path": "t", "label": "ill", "features": {"numeric": ["age"]}, **changes})
    assert columns_not_used(types, table, why=why) == expected


def test_columns_compared_to_find_duplicates_are_told_so() -> None:
    table = TableConfig.model_validate({"path": "t", "label": "ill", "features": {"numeric": ["age"]}})
    assert columns_not_used(TYPES[-1:], table, ["note", "age"]) == {"note": "compared to find duplicates"}
