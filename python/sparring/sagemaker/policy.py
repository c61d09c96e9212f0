"""The least that a hand-off needs to be allowed: IAM policies made from the configuration.

Two documents: one for the caller (whoever runs Spark), one for the execution role (what the job runs as).  Every
resource that IAM can name is named; ``*`` stands only where the service authorisation reference knows no resource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparring.sagemaker.images import builtin_image
from sparring.sagemaker.job_watcher import LOG_GROUP
from sparring.sagemaker.target import AwsTarget
from sparring.sagemaker.training_job import PREFIX

if TYPE_CHECKING:
    from sparring.config.schema import SageMakerConfig

Statement = dict[str, Any]
ENDPOINT_LOGS = "/aws/sagemaker/Endpoints"
# Actions without resource-level permissions (Service Authorization Reference).
UNNAMED = frozenset(
    {
        "ecr:GetAuthorizationToken",
        "cloudwatch:PutMetricData",
        "ec2:DescribeDhcpOptions",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
    }
)


def caller_policy(config: SageMakerConfig, target: AwsTarget) -> dict[str, Any]:
    """Return the policy of whoever runs the hand-off.

    Parameters
    ----------
    config : SageMakerConfig
    target : AwsTarget

    Returns
    -------
    dict
        An IAM policy document.
    """
    arns = _Arns(target)
    statements = [
        _allow(
            "TrainingJobs",
            ["sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "sagemaker:StopTrainingJob"],
            [arns.sagemaker("training-job")],
        ),
        _allow("Models", ["sagemaker:CreateModel", "sagemaker:DeleteModel"], [arns.sagemaker("model")]),
        _allow(
            "EndpointConfigs",
            ["sagemaker:CreateEndpointConfig", "sagemaker:DeleteEndpointConfig"],
            [arns.sagemaker("endpoint-config")],
        ),
        _allow(
            "Endpoints",
            ["sagemaker:CreateEndpoint", "sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"],
            # Creating an endpoint is checked against its configuration too.
            [arns.sagemaker("endpoint"), arns.sagemaker("endpoint-config")],
        ),
        _allow("Scoring", ["sagemaker:InvokeEndpoint"], [arns.sagemaker("endpoint")]),
        _allow(
            "PassRole",
            ["iam:PassRole"],
            [target.role],
            {"StringEquals": {"iam:PassedToService": f"sagemaker.{arns.suffix}"}},
        ),
        _list_bucket(arns),
        _allow(
            "Objects",
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            [arns.objects],
        ),
        _allow(
            "Logs", ["logs:DescribeLogStreams", "logs:GetLogEvents"], [arns.logs(LOG_GROUP), arns.streams(LOG_GROUP)]
        ),
    ]
    if config.tags:
        statements.append(_allow("Tags", ["sagemaker:AddTags"], [arns.sagemaker("training-job")]))
    return _document([*statements, *_keys(config, target, ["kms:CreateGrant", "kms:DescribeKey"])])


def execution_policy(config: SageMakerConfig, target: AwsTarget) -> dict[str, Any]:
    """Return the policy of the execution role.

    Parameters
    ----------
    config : SageMakerConfig
    target : AwsTarget

    Returns
    -------
    dict
        An IAM policy document.
    """
    arns = _Arns(target)
    outside = [channel.uri for channel in config.channels.values() if channel.uri is not None]
    readable = [arns.below(uri) for uri in outside]
    writable = [arns.objects, *([arns.below(config.spot.checkpoint_uri)] if config.spot.checkpoint_uri else [])]
    statements = [
        _list_bucket(arns),
        _allow("Objects", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], writable),
        _allow(
            "Image",
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [arns.repository(config.image or builtin_image("xgboost", target.region))],
        ),
        _allow("ImageToken", ["ecr:GetAuthorizationToken"], ["*"]),
        _allow(
            "Logs",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [arns.logs(group) for group in (LOG_GROUP, ENDPOINT_LOGS)]
            + [arns.streams(group) for group in (LOG_GROUP, ENDPOINT_LOGS)],
        ),
        _allow(
            "Metrics",
            ["cloudwatch:PutMetricData"],
            ["*"],
            {"StringEquals": {"cloudwatch:namespace": ["/aws/sagemaker/TrainingJobs", "/aws/sagemaker/Endpoints"]}},
        ),
    ]
    if readable:
        statements.append(_allow("Channels", ["s3:GetObject"], readable))
        statements += [_list_outside(arns, uri, number) for number, uri in enumerate(outside)]
    if config.network.subnets:
        statements += _network(config, arns)
    actions = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
    return _document([*statements, *_keys(config, target, actions)])


class _Arns:
    """ARNs of a target's resources; Sparring's names begin with ``sparring-``."""

    def __init__(self, target: AwsTarget) -> None:
        self.target = target
        self.partition, self.account = target.role.split(":")[1], target.role.split(":")[4]
        self.suffix = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        self.bucket = f"arn:{self.partition}:s3:::{target.bucket}"
        self.folder = target.key(PREFIX)
        self.objects = f"{self.bucket}/{self.folder}/*"

    def sagemaker(self, kind: str) -> str:
        """Return the ARN of all of Sparring's resources of a kind."""
        return f"arn:{self.partition}:sagemaker:{self.target.region}:{self.account}:{kind}/{PREFIX}-*"

    def logs(self, group: str) -> str:
        """Return the ARN of a log group."""
        return f"arn:{self.partition}:logs:{self.target.region}:{self.account}:log-group:{group}"

    def streams(self, group: str) -> str:
        """Return the ARN of Sparring's streams in a log group."""
        return f"{self.logs(group)}:log-stream:{PREFIX}-*"

    def below(self, uri: str) -> str:
        """Return the ARN of all objects below an ``s3://`` prefix."""
        return f"arn:{self.partition}:s3:::{uri.removeprefix('s3://').rstrip('/')}/*"

    def repository(self, image: str) -> str:
        """Return the ARN of an image's repository."""
        host, _, name = image.partition("/")
        parts = host.split(".")
        account, region = (parts[0], parts[3]) if len(parts) > 4 else (self.account, self.target.region)
        return f"arn:{self.partition}:ecr:{region}:{account}:repository/{name.split('@')[0].split(':')[0]}"


def _allow(sid: str, actions: list[str], resources: list[str], condition: dict[str, Any] | None = None) -> Statement:
    statement: Statement = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
    return {**statement, "Condition": condition} if condition else statement


def _list_bucket(arns: _Arns) -> Statement:
    below = [arns.folder, f"{arns.folder}/*"]
    return _allow("ListBucket", ["s3:ListBucket"], [arns.bucket], {"StringLike": {"s3:prefix": below}})


def _list_outside(arns: _Arns, uri: str, number: int) -> Statement:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    resource = f"arn:{arns.partition}:s3:::{bucket}"
    return _allow(f"ListChannel{number}", ["s3:ListBucket"], [resource], {"StringLike": {"s3:prefix": [f"{prefix}*"]}})


def _network(config: SageMakerConfig, arns: _Arns) -> list[Statement]:
    """Return what a job in a VPC needs for its network interfaces."""
    place = f"arn:{arns.partition}:ec2:{arns.target.region}:{arns.account}"
    named = [
        f"{place}:network-interface/*",
        *(f"{place}:subnet/{subnet}" for subnet in config.network.subnets),
        *(f"{place}:security-group/{group}" for group in config.network.security_groups),
    ]
    actions = ["CreateNetworkInterface", "CreateNetworkInterfacePermission", "DeleteNetworkInterface"]
    actions += ["DeleteNetworkInterfacePermission"]
    described = sorted(action for action in UNNAMED if action.startswith("ec2:"))
    return [
        _allow("NetworkInterfaces", [f"ec2:{action}" for action in actions], named),
        _allow("DescribeNetwork", described, ["*"]),
    ]


def _keys(config: SageMakerConfig, target: AwsTarget, actions: list[str]) -> list[Statement]:
    given = {config.encryption.output_key, config.encryption.volume_key} - {None}
    arns = _Arns(target)
    place = f"arn:{arns.partition}:kms:{target.region}:{arns.account}"
    named = sorted(_key_arn(str(key), place) for key in given)
    return [_allow("Keys", actions, named)] if named else []


def _key_arn(key: str, place: str) -> str:
    if key.startswith("arn:"):
        return key
    return f"{place}:{key}" if key.startswith("alias/") else f"{place}:key/{key}"


def _document(statements: list[Statement]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}
