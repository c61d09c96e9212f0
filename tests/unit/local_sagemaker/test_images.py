"""Which images run locally."""

import importlib
import sys

import pytest

from sparring_local_sagemaker.images import find_image, refusal

REGISTRY = "811284229777.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("uri", "repository", "tag"),
    [
        (f"{REGISTRY}/xgboost:1", "xgboost", "1"),
        (f"{REGISTRY}/xgboost:latest", "xgboost", "latest"),
        (f"{REGISTRY}/xgboost", "xgboost", "latest"),
        (f"{REGISTRY}/sagemaker-xgboost:1.7-1", "sagemaker-xgboost", "1.7-1"),
        (f"{REGISTRY}/sagemaker-xgboost:1.7-1@sha256:{'0a' * 32}", "sagemaker-xgboost", "1.7-1"),
        ("localhost:5000/team/xgboost:3", "xgboost", "3"),
    ],
)
def test_both_xgboost_repositories_run_by_any_registry_and_tag(uri: str, repository: str, tag: str) -> None:
    image = find_image(uri)
    assert image[:2] == (repository, tag)
    for program in ("train", "serve"):
        assert image.command(program) == [
            sys.executable,
            "-m",
            "sparring_local_sagemaker.algorithms.xgboost_programs",
            program,
        ]


@pytest.mark.parametrize(
    "uri", ["", f"{REGISTRY}/blazingtext:1", f"{REGISTRY}/my-xgboost:1", f"{REGISTRY}/xgboost/other:1"]
)
def test_no_other_image_passes_for_it(uri: str) -> None:
    assert find_image(uri).module is None
    assert uri in refusal(uri)
    known = "factorization-machines, kmeans, lda, linear-learner, pca, sagemaker-xgboost, sparring, xgboost"
    assert known in refusal(uri)


@pytest.mark.parametrize(
    ("repository", "module"),
    [
        ("linear-learner", "linear_learner"),
        ("kmeans", "kmeans"),
        ("pca", "pca"),
        ("lda", "lda"),
        ("factorization-machines", "factorization_machines"),
    ],
)
def test_every_built_in_algorithm_of_the_library_has_its_program(repository: str, module: str) -> None:
    found = find_image(f"{REGISTRY}/{repository}:1").module
    assert found is not None
    assert found.endswith(f".algorithms.{module}")
    assert importlib.import_module(found).ALGORITHM.repository == repository
