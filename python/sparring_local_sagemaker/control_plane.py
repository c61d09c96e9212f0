"""SageMaker's control plane: every operation, checked on both sides against AWS's own model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sparring.wire.service_model import AwsError, check_answer, check_request, operation
from sparring_local_sagemaker.bodies import without_nulls
from sparring_local_sagemaker.operations.algorithms import Algorithms
from sparring_local_sagemaker.operations.endpoint_configs import EndpointConfigs
from sparring_local_sagemaker.operations.endpoints import Endpoints
from sparring_local_sagemaker.operations.members import require_honoured
from sparring_local_sagemaker.operations.models import Models
from sparring_local_sagemaker.operations.tags import TagOperations
from sparring_local_sagemaker.operations.training_jobs import TrainingJobs
from sparring_local_sagemaker.operations.transform_jobs import TransformJobs
from sparring_local_sagemaker.platform import Platform

Answer = dict[str, Any]


class ControlPlane:
    """The resources of one local SageMaker and the operations on them."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.algorithms = Algorithms(platform)
        self.training_jobs = TrainingJobs(platform, self.algorithms)
        self.models = Models(platform)
        self.endpoint_configs = EndpointConfigs(platform, self.models)
        self.endpoints = Endpoints(platform, self.endpoint_configs, self.models)
        self.transform_jobs = TransformJobs(platform, self.models)
        self._resources = (
            self.algorithms,
            self.training_jobs,
            self.models,
            self.endpoint_configs,
            self.endpoints,
            self.transform_jobs,
        )
        tags = TagOperations(platform, self._exists)
        self.operations: dict[str, Callable[[Answer], Answer]] = {
            name: function for group in (*self._resources, tags) for name, function in group.operations.items()
        }

    def call(self, name: str, request: Answer) -> Answer:
        """Return the answer of operation ``name``.

        Raises
        ------
        AwsError
            In AWS's shape; also for operations that this emulator does not have.
        """
        operation(name)
        check_request(name, request)
        if name not in self.operations:
            raise AwsError(
                "UnknownOperationException",
                f"The local emulator of SageMaker does not have {name}; it has {', '.join(sorted(self.operations))}",
            )
        # null stands for a member that is not there.
        request = without_nulls(request)
        require_honoured(name, request)
        answer = self.operations[name](request)
        check_answer(name, answer)
        return answer

    def _exists(self, resource: str) -> bool:
        """Whether a resource has this ARN."""
        return any(group.store.arn(name) == resource for group in self._resources for name in group.store.names())

    def shut_down(self) -> None:
        """End every process."""
        self.training_jobs.shut_down()
        self.transform_jobs.shut_down()
        self.endpoints.shut_down()
