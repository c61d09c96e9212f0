"""Two hosts train one PyTorch model together over gloo."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparring_local_sagemaker import LocalAws

pytest.importorskip("torch", reason="pip --python .venv/bin/python install torch==2.13.0")
PROGRAM = [sys.executable, str(Path(__file__).parent / "gloo.py")]


def test_two_hosts_find_what_one_finds_on_all_rows(cloud_of: Any) -> None:
    random = np.random.default_rng(3)
    features = random.normal(size=(40, 3)).round(3)
    labels = (features @ [1.0, -2.0, 0.5]).round(3)
    lines = [",".join(map(str, row)) for row in np.column_stack([labels, features])]
    with LocalAws(images={"images": [{"uri": "*/toy:*", "train": PROGRAM}]}) as aws:
        cloud = cloud_of(aws)
        uri = cloud.put(a="\n".join(lines[:10]), b="\n".join(lines[10:]))
        job = cloud.train("x", hosts=2, InputDataConfig=[cloud.channel(uri, distribution="ShardedByS3Key")])
        model = cloud.model(job)
        events = cloud.events("/aws/sagemaker/TrainingJobs", job["TrainingJobName"])
    assert {"rows=10 of host 0", "rows=30 of host 1"} <= set(events)
    expected = np.zeros(3)
    for _ in range(50):
        expected -= 0.01 * features.T @ (features @ expected - labels)
    for host in ("algo-1", "algo-2"):
        # Rows are read as float32, as PyTorch reads text.
        assert np.allclose(json.loads(model[f"{host}.json"]), expected, atol=1e-5)
