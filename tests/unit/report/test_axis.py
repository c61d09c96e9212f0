import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.report.axis import Scale, log_ticks

values = st.floats(min_value=1e-4, max_value=1e9)


@given(values, values)
def test_a_scale_holds_its_values_between_round_ticks(one: float, other: float) -> None:
    low, high = sorted((one, other))
    scale = Scale(low, high)
    assert -1e-6 <= scale.at(low) <= scale.at(high) <= 100 + 1e-6
    places = [tick["at"] for tick in scale.ticks]
    assert places[0] == pytest.approx(0)
    assert places[-1] == pytest.approx(100)
    assert places == sorted(set(places))
    assert 2 <= len(places) <= 8


@given(st.floats(min_value=0.5, max_value=0.99), st.floats(min_value=1e-4, max_value=0.2))
def test_labels_say_where_their_ticks_are(low: float, width: float) -> None:
    scale = Scale(low, low + width)
    for tick in scale.ticks:
        assert scale.at(float(tick["label"])) == pytest.approx(tick["at"], abs=1e-6)


def test_one_value_alone_has_a_scale() -> None:
    assert 0 <= Scale(0.5, 0.5).at(0.5) <= 100
    assert Scale(0.0, 0.0).at(0.0) == 0


@pytest.mark.parametrize("largest", [0, 1, 9, 10, 12345])
def test_powers_of_ten_up_to_the_largest(largest: int) -> None:
    labels = [int(tick["label"].replace(",", "")) for tick in log_ticks(largest)]
    assert labels == [0, *(10**power for power in range(6) if 10**power <= largest)]
