"""Which calls a rule strikes, and what an answer looks like afterwards."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sparring.errors import ConfigError
from sparring_local_sagemaker.distortion import distorted
from sparring_local_sagemaker.faults import Effect, FaultFile, Faults


def faults(effect: str = "throttling", operation: str = "Describe*", **match: Any) -> Faults:
    rule = {"name": "r", "match": {"operation": operation, **match}, "effect": {"kind": effect}}
    return Faults(FaultFile.model_validate({"faults": [rule]}))


def struck(made: Faults, calls: int) -> list[int]:
    return [n for n in range(1, calls + 1) if made.strike("DescribeModel", f"m-{n}") is not None]


def test_calls_are_chosen_by_number_period_and_count() -> None:
    assert struck(faults(calls=[2, 5]), 9) == [2, 5]
    assert struck(faults(every=3), 9) == [3, 6, 9]
    assert struck(faults(count=2), 9) == [1, 2]
    assert struck(faults(every=2, count=1), 9) == [2]
    assert struck(faults(name="m-[57]"), 9) == [5, 7]
    assert struck(faults(name="m-[57]", calls=[2]), 9) == [7]
    assert struck(faults(operation="Create*"), 9) == []


def test_chance_is_the_same_each_time_and_near_its_share() -> None:
    first = struck(faults(probability=0.3), 1_000)
    assert first == struck(faults(probability=0.3), 1_000)
    # Five standard deviations of a binomial count.
    assert abs(len(first) - 300) < 5 * (1_000 * 0.3 * 0.7) ** 0.5


def test_the_platforms_own_calls_are_counted_apart() -> None:
    made = faults(effect="slow_down", operation="s3:*", caller="platform", calls=[1])
    assert made.strike("s3:GetObject", "b/k") is None
    assert made.strike("s3:GetObject", "b/k", "platform") is not None
    assert [entry["fault"] for entry in made.struck] == ["r"]


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=9), st.integers(1, 4), st.sampled_from(["\n", ","]), st.booleans()
)
def test_a_short_answer_lacks_exactly_so_many_rows(scores: list[float], rows: int, by: str, ends: bool) -> None:
    if by == "," and ends:
        return
    body = by.join(map(str, scores)) + (by if ends else "")
    left = distorted(body.encode(), Effect(kind="short_answer", rows=rows)).decode().strip(by)
    assert (left.split(by) if left else []) == [str(score) for score in scores[:-rows]]


def test_other_answers_come_empty_garbled_or_whole() -> None:
    assert distorted(b"0.5", Effect(kind="empty_answer")) == b""
    assert b"0.5" not in distorted(b"0.5", Effect(kind="garbled_answer"))
    assert distorted(b"0.5", Effect(kind="delay")) == distorted(b"0.5", None) == b"0.5"


@pytest.mark.parametrize(
    ("operation", "kind", "reason"),
    [
        ("TrainingJob:Training", "throttling", "throttling does not happen at TrainingJob:Training"),
        ("CreateModel", "interrupt", "interrupt does not happen at CreateModel"),
        ("CreateModel", "short_answer", "happens at InvokeEndpoint and container:invocations"),
        ("CreateModel", "magic", "Input should be"),
    ],
)
def test_an_effect_that_has_no_place_is_refused(operation: str, kind: str, reason: str) -> None:
    rule = {"name": "r", "match": {"operation": operation}, "effect": {"kind": kind}}
    with pytest.raises(ValueError, match=reason):
        FaultFile.model_validate({"faults": [rule]})
    with pytest.raises(ConfigError, match="is not valid"):
        Faults.read('{"faults": [{"name": 1}]}')
    with pytest.raises(ConfigError, match="No such file"):
        Faults.read("/nowhere.yaml")


CATALOGUE = yaml.safe_load((Path(__file__).parents[3] / "conf" / "faults" / "catalogue.yaml").read_text())["faults"]


def test_the_catalogue_holds_forty_faults_of_every_phase_with_their_endings() -> None:
    rules = FaultFile.model_validate({"faults": [entry["fault"] for entry in CATALOGUE]}).faults
    assert len({rule.name for rule in rules}) == len(CATALOGUE) >= 40
    phases = Counter(entry["during"] for entry in CATALOGUE)
    assert set(phases) == {"upload", "train", "deploy", "score", "async", "transform", "cleanup"}
    for entry in CATALOGUE:
        assert entry["ending"] in ("recovered", "failed")
        assert ("says" in entry) == (entry["ending"] == "failed")
