"""Processes that live for one task import what the task needs, and nothing that takes seconds besides."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sparring.dedup
import sparring.feature
import sparring.leakage


def imported(program: str) -> set[str]:
    """Return which of the slow libraries a new process holds after ``program``."""
    slow = ("pandas", "pyspark.ml", "scipy.sparse", "scipy.stats", "sklearn")
    code = f"{program}\nimport sys\nprint(*[name for name in {slow} if name in sys.modules])"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("module", ["sparring.dedup.search", "sparring.dedup.candidates", "sparring.leakage.counting"])
def test_a_worker_that_deduplicates_or_counts_imports_no_library_of_the_driver(module: str) -> None:
    assert imported(f"import {module}") == set()


@pytest.mark.parametrize("package", [sparring.dedup, sparring.feature, sparring.leakage])
def test_every_name_of_a_package_is_found_and_no_other(package: object) -> None:
    names: list[str] = package.__all__
    assert all(getattr(package, name) is not None for name in names)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = package.nonsense


ALONE = "from sparring.container import xgboost_import as own; own.import_xgboost_without_sklearn()"


def test_a_booster_needs_no_scikit_learn_and_leaves_it_importable() -> None:
    alone = f"{ALONE}; import xgboost"
    assert not {"sklearn", "scipy.stats", "pandas"} & imported(alone)
    train = "xgboost.train({}, xgboost.DMatrix([[0.0], [1.0]], label=[0, 1]), 1)"
    assert "sklearn" in imported(f"{alone}; {train}; import sklearn.metrics")


def test_the_wrappers_stay_for_those_who_imported_scikit_learn() -> None:
    wrapped = f"import sklearn; {ALONE}; import xgboost"
    imported(f"{wrapped}; xgboost.XGBClassifier()")
