"""The guide of trainers is that of the registry."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparring.training.registry import TRAINERS, trainer_class

SCRIPT = Path(__file__).parents[3] / "docs" / "generate_trainers.py"


@pytest.fixture(scope="module")
def generate(script: Callable) -> Any:
    return script(SCRIPT)


def test_it_is_as_generated(generate: Any) -> None:
    assert generate.GUIDE.read_text() == generate.guide(), "run docs/generate_trainers.py"


@pytest.mark.parametrize("place", TRAINERS, ids="-".join)
def test_it_tells_every_hyperparameter_that_a_trainer_has(generate: Any, place: tuple[str, str, str]) -> None:
    given = {"xgboost": {"num_round": 1}, "lightgbm": {"num_iterations": 1}}.get(place[1], {})
    if place[1:] == ("sklearn", "gradient_boosted_trees"):
        given = {"max_iter": 1}
    trainer = trainer_class(*place)(dict(given), "x")
    sections = [part for part in generate.guide().split("### ") if part.startswith(f"{place[2]}: ")]
    (section,) = [part for part in sections if f"{place[1]} on {place[0]}" in part.splitlines()[0]]
    for name in trainer.effective():
        assert name == "num_workers" or f"`{name}`" in section, name
