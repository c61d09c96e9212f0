import pytest

from sparring.comparison import Phases


def test_phases_keep_their_order_and_add_up() -> None:
    phases = Phases()
    for name in ("read", "fit", "read"):
        with phases(name):
            sum(range(1000))
    once = phases.to_dict()["fit"]
    phases.add("fit", 1.5)
    found = phases.to_dict()
    assert list(found) == ["read", "fit"]
    assert found["fit"] == once + 1.5
    assert found["read"] > 0


def test_a_phase_that_fails_counts_until_its_failure() -> None:
    phases = Phases()
    with pytest.raises(ZeroDivisionError), phases("fit"):
        1 / 0  # noqa: B018
    assert phases.to_dict()["fit"] > 0
