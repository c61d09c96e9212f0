"""The training instance: configured, or the cheapest that holds the rows and ends in time."""

from typing import Any

import pytest

from sparring.config.prices import PriceTable, load_prices
from sparring.config.sagemaker import SageMakerConfig
from sparring.errors import ConfigError
from sparring.sagemaker.compute import FAMILIES, OVERHEAD_GIB, USABLE_MEMORY, recommend_instance

SIZES = load_prices().platforms["SageMaker"].sizes


def config(**changes: Any) -> SageMakerConfig:
    return SageMakerConfig.model_validate(changes)


def priced(**per_hour: float) -> PriceTable:
    """Return the table with other prices, ``_`` for ``.`` in names."""
    tree = load_prices().model_dump()
    for name, price in per_hour.items():
        tree["platforms"]["SageMaker"]["sizes"][name.replace("_", ".")]["per_hour"] = price
    return PriceTable.model_validate(tree)


def test_a_configured_instance_holds_whatever_the_rows() -> None:
    choice = recommend_instance(config(instance_type="ml.r5.large"), "kmeans", 10**9, 1000)
    assert (choice.kind, choice.instance_type, choice.reason) == ("cpu", "ml.r5.large", "ml.r5.large: configured")
    assert recommend_instance(config(instance_type="ml.g5.xlarge"), "kmeans", 1, 1).kind == "gpu"


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize(("rows", "features"), [(1, 1), (10**6, 100), (10**7, 200), (10**8, 200)])
def test_the_choice_holds_the_rows_and_is_the_cheapest_that_does(family: str, rows: int, features: int) -> None:
    choice = recommend_instance(config(compute="cpu", max_runtime_seconds=2_419_200), family, rows, features)
    need = OVERHEAD_GIB + rows * features * FAMILIES[family].bytes_per_cell / 2**30
    fitting = {name: size for name, size in SIZES.items() if need <= USABLE_MEMORY * size.memory_gib and not size.gpus}

    def cost(name: str) -> float:
        speed = FAMILIES[family].cells_per_second * fitting[name].vcpus
        return (rows * features * FAMILIES[family].passes / speed + 60) * fitting[name].per_hour

    assert cost(choice.instance_type) == min(map(cost, fitting))


def test_the_reason_tells_size_estimate_price_and_its_date() -> None:
    reason = recommend_instance(config(), "own code", 5_000_000, 300).reason
    for told in ("5,000,000 rows x 300 features of own code", "ml.g4dn.xlarge (about", "USD at", "list prices"):
        assert told in reason


def test_a_gpu_is_taken_only_where_it_is_cheaper() -> None:
    assert recommend_instance(config(), "own code", 5_000_000, 300).kind == "gpu"
    dear = priced(**{name.replace(".", "_"): 900.0 for name, size in SIZES.items() if size.gpus})
    assert recommend_instance(config(), "own code", 5_000_000, 300, dear).kind == "cpu"
    assert recommend_instance(config(compute="gpu"), "own code", 5_000_000, 300, dear).kind == "gpu"


def test_several_instances_share_the_rows() -> None:
    one = recommend_instance(config(compute="cpu"), "kmeans", 4 * 10**7, 400)
    four = recommend_instance(config(compute="cpu", instance_count=4), "kmeans", 4 * 10**7, 400)
    assert SIZES[four.instance_type].memory_gib < SIZES[one.instance_type].memory_gib


def test_a_job_that_would_not_end_in_time_gets_more_cores() -> None:
    slow = recommend_instance(config(compute="cpu", max_runtime_seconds=2_419_200), "own code", 10**6, 100)
    fast = recommend_instance(config(compute="cpu", max_runtime_seconds=600), "own code", 10**6, 100)
    assert SIZES[fast.instance_type].vcpus > SIZES[slow.instance_type].vcpus


@pytest.mark.parametrize(
    ("changes", "family", "rows", "says"),
    [
        ({"compute": "gpu"}, "xgboost", 10, "sagemaker.compute is gpu, but xgboost has no use"),
        ({"instance_type": "ml.p3.2xlarge"}, "lda", 10, "instance_type ml.p3.2xlarge has a GPU, lda has no use"),
        ({}, "kmeans", 10**12, "holds 1,000,000,000,000 rows x 10 features of kmeans in memory on 1 instance"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], family: str, rows: int, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        recommend_instance(config(**changes), family, rows, 10)
