"""The made-up run, evaluated once."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from sparring.task import task_named

build = runpy.run_path(str(Path(__file__).with_name("made_up_facts.py")))["made_up_facts"]


@pytest.fixture(scope="session")
def facts() -> dict[str, Any]:
    """Facts of a made-up run in which all finished."""
    return build()


@pytest.fixture(scope="session", params=["binary", "multiclass", "regression"])
def facts_of_task(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Facts of a made-up run for each task."""
    return build(task=task_named(request.param))


@pytest.fixture(scope="session")
def facts_with_failure() -> dict[str, Any]:
    """The same with one contender that crashed."""
    return build(failed="mllib-gbt")
