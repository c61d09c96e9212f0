"""A class that a part would not see is refused, with its name, the part and the counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.errors import LabelError
from sparring.model_selection.allocation import apportion
from sparring.model_selection.classes import require_both_classes, require_enough

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}


def test_a_class_with_three_rows_is_refused_before_it_is_split() -> None:
    with pytest.raises(
        LabelError, match=r"class 'yes' of 'sick' has 3 usable rows, too few for validation .*train 2, "
    ):
        require_enough({"0": 997, "1": 3}, "sick", "yes", SHARES)
    with pytest.raises(LabelError, match="class other than 'yes'"):
        require_enough({"0": 3, "1": 997}, "sick", "yes", SHARES)


@given(st.integers(1, 60), st.integers(1, 60))
def test_only_classes_that_reach_every_part_pass(zeros: int, ones: int) -> None:
    dealt = apportion({"0": zeros, "1": ones}, list(SHARES.values()))
    if all(all(rows) for rows in dealt.values()):
        require_enough({"0": zeros, "1": ones}, "sick", 1, SHARES)
    else:
        with pytest.raises(LabelError, match="usable rows, too few"):
            require_enough({"0": zeros, "1": ones}, "sick", 1, SHARES)


@pytest.mark.parametrize("method", ["time", "stratified"])
@pytest.mark.parametrize(("positives", "missing"), [(0, "'yes'"), (50, "other than 'yes'")])
def test_a_part_of_one_class_is_refused(method: str, positives: int, missing: str) -> None:
    parts = {"train": {"rows": 700, "positives": 90}, "test": {"rows": 50, "positives": positives}}
    with pytest.raises(
        LabelError, match=f"part 'test' has 50 rows, and none of the class {missing} of 'sick'"
    ) as caught:
        require_both_classes(parts, "sick", "yes", method)
    assert f"train: 90 of 700; test: {positives} of 50" in str(caught.value)
    assert ("method 'time'" in str(caught.value)) == (method == "time")


def test_an_empty_part_is_refused() -> None:
    with pytest.raises(LabelError, match="part 'test' has 0 rows"):
        require_both_classes({"test": {"rows": 0, "positives": 0}}, "sick", 1)
