"""Fixtures for anybody's tests: pytest finds them where this package is installed.

Examples
--------
>>> def test_my_job_trains(local_sagemaker):                                        # doctest: +SKIP
...     local_sagemaker.client("sagemaker").create_training_job(...)
>>> def test_my_program(local_sagemaker_environment):                               # doctest: +SKIP
...     boto3.client("s3").list_buckets()
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sparring_local_sagemaker import LocalAws


@pytest.fixture(scope="session")
def local_sagemaker() -> Iterator[LocalAws]:
    """Serve S3, STS, IAM, CloudWatch logs and SageMaker on loopback, for all tests that ask."""
    # Not at the top: pytest imports this module in every session.
    from sparring_local_sagemaker import LocalAws

    with LocalAws() as aws:
        yield aws


@pytest.fixture
def local_sagemaker_environment(local_sagemaker: LocalAws, monkeypatch: pytest.MonkeyPatch) -> LocalAws:
    """Point the environment of one test at the server: every AWS client that is made in it goes there."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in local_sagemaker.variables().items():
        monkeypatch.setenv(name, value)
    return local_sagemaker
