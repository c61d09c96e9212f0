"""A class that a part would not see is refused, with its name, the part and the counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.errors import LabelError, TableError
from sparring.model_selection.allocation import apportion
from sparring.model_selection.classes import require_all_classes, require_enough, require_enough_rows

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}


@pytest.mark.parametrize("others", [{"no": 997}, {"no": 500, "perhaps": 400, "never": 97}], ids=["two", "several"])
def test_a_class_with_three_rows_is_refused_before_it_is_split(others: dict[str, int]) -> None:
    with pytest.raises(
        LabelError, match=r"class 'yes' of 'sick' has 3 usable rows, too few for validation .*train 2, "
    ):
        require_enough({**others, "yes": 3}, "sick", SHARES)


@given(st.lists(st.integers(1, 60), min_size=2, max_size=6))
def test_only_classes_that_reach_every_part_pass(counts: list[int]) -> None:
    classes = {f"class {at}": rows for at, rows in enumerate(counts)}
    assigned = apportion(classes, list(SHARES.values()))
    if all(all(rows) for rows in assigned.values()):
        require_enough(classes, "sick", SHARES)
    else:
        with pytest.raises(LabelError, match="usable rows, too few"):
            require_enough(classes, "sick", SHARES)


@given(st.integers(1, 60))
def test_numbers_need_two_rows_in_every_part(rows: int) -> None:
    (assigned,) = apportion({"rows": rows}, list(SHARES.values())).values()
    if min(assigned) >= 2:
        require_enough_rows(rows, SHARES)
    else:
        with pytest.raises(TableError, match="usable rows, too few for every part"):
            require_enough_rows(rows, SHARES)


@pytest.mark.parametrize("method", ["time", "stratified"])
@pytest.mark.parametrize("missing", ["no", "perhaps", "yes"])
def test_a_part_without_a_class_is_refused(method: str, missing: str) -> None:
    whole = {"no": 600, "perhaps": 10, "yes": 90}
    parts = {"train": {"rows": 700, "classes": whole}, "test": {"rows": 50, "classes": {**whole, missing: 0}}}
    with pytest.raises(
        LabelError, match=f"part 'test' has 50 rows, and none of the class '{missing}' of 'sick'"
    ) as caught:
        require_all_classes(parts, "sick", method)
    assert f"train: {whole[missing]} of 700; test: 0 of 50" in str(caught.value)
    assert ("method 'time'" in str(caught.value)) == (method == "time")


@pytest.mark.parametrize("labels", [{"classes": {"no": 0, "yes": 0}}, {}], ids=["classes", "numbers"])
def test_an_empty_part_is_refused(labels: dict) -> None:
    with pytest.raises(LabelError, match="part 'test' has no rows"):
        require_all_classes({"test": {"rows": 0, **labels}}, "sick")
