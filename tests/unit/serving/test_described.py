"""A server says what it takes: a page, an OpenAPI document and sample requests, over HTTP, each true."""

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from sparring.feature.encoder import CategoricalState, CyclicState, Encoder, EncoderState, NumericState
from sparring.models import LinearModel
from sparring.run.package import archive
from sparring.serving.manifest import RawColumn
from sparring.serving.packaged import PackagedModel
from sparring.serving.sample import sample_row

from .packages import write_package

STATE = EncoderState(
    numeric=[
        NumericState("x", 0.5, 0.5, 2.0, True),
        NumericState("whole", 3.5, 3.0, 1.0, False),
        NumericState("flag", 1.0, 0.5, 1.0, False),
        NumericState("tiny", 1e-30, 0.0, 1e-30, False),
    ],
    cyclic=[CyclicState("hour", 24.0)],
    timestamp=[NumericState("seen", 2013.0, 2013.0, 1.0, False), NumericState("day", 2012.5, 2013.0, 1.0, False)],
    categorical=[
        CategoricalState("it's <b>", ['O\'slo & "é"', "Rome"]),
        CategoricalState("code", ["3", "4"]),
        CategoricalState("level", ["0.5"]),
        CategoricalState("smoker", ["true"]),
        CategoricalState("since", ["2001-02-03"]),
        CategoricalState("none", []),
    ],
)
TYPES = {"x": "double", "whole": "bigint", "flag": "boolean", "tiny": "float", "hour": "int", "seen": "timestamp_ntz"}
TYPES |= {"day": "date", "it's <b>": "string", "code": "bigint", "level": "double", "smoker": "boolean"}
TYPES |= {"since": "date", "none": "string"}


def columns() -> list[RawColumn]:
    """All kinds, with the limits that the encoder has."""
    encoder = Encoder(STATE)
    kinds = {"numeric": STATE.numeric, "cyclic": STATE.cyclic, "timestamp": STATE.timestamp}
    kinds |= {"categorical": STATE.categorical}
    named = ((kind, state.name) for kind, states in kinds.items() for state in states)
    return [RawColumn(name, kind, TYPES[name], *encoder.limits.get(name, (None, None))) for kind, name in named]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with every kind of column."""
    made = tmp_path_factory.mktemp("package")
    scorer = LinearModel(0.1, np.linspace(-1, 1, Encoder(STATE).size))
    return write_package(made, scorer, state=STATE, columns=columns(), run={"contender": "<i>best</i>", "name": "r"})


@pytest.fixture(scope="module")
def address(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where ``sparring serve`` serves that package."""
    file = tmp_path_factory.mktemp("packed") / "model.tar.gz"
    file.write_bytes(archive(folder))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "sparring", "serve", str(file), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_for(process, f"http://127.0.0.1:{port}/ping")
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
        assert "curl -H 'Content-Type: application/json' -H 'Accept: application/json' --data" in said
    finally:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen, ping: str) -> None:
    deadline = time.monotonic() + 600
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if urllib3.request("GET", ping, retries=False).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            time.sleep(0.2)
    raise AssertionError("no answer to /ping")


def get(address: str, accept: str) -> Any:
    return urllib3.request("GET", address, headers={"Accept": accept}, retries=False, timeout=60)


def test_the_sample_command_of_both_pages_runs_as_written(address: str) -> None:
    told = get(f"{address}/", "application/json").json()
    assert (told["model"], told["label"], told["threshold"]) == ("<i>best</i>", "late", 0.5)
    assert told["target"] == {"type": "string", "classes": ["no", "yes"]}
    assert [(c["name"], c["kind"], c["type"]) for c in told["columns"]] == [(c.name, c.kind, c.type) for c in columns()]
    page = get(f"{address}/", "text/html,application/xhtml+xml,*/*;q=0.8")
    assert page.headers["content-type"].startswith("text/html")
    text = page.data.decode()
    # Names of the table and of the run are text, never markup.
    assert "<b>" not in text
    assert "<i>" not in text
    (shown,) = re.findall(r"<pre>(.*?)</pre>", text, re.S)
    for entity, mark in {"&#x27;": "'", "&quot;": '"', "&lt;": "<", "&gt;": ">", "&amp;": "&"}.items():
        shown = shown.replace(entity, mark)
    assert shown == told["command"]
    words = shlex.split(shown)
    assert words[0] == "curl"
    body, url = words[words.index("--data") + 1], words[-1]
    headers = dict(words[at + 1].split(": ") for at, word in enumerate(words) if word == "-H")
    answer = urllib3.request("POST", url, body=body.encode(), headers=headers, timeout=60)
    assert answer.status == 200, answer.data
    (row,) = answer.json()["predictions"]
    assert row["predicted"] == ("yes" if row["score"] >= 0.5 else "no")


def test_a_page_in_no_accepted_type_is_refused(address: str) -> None:
    assert get(f"{address}/", "image/png").status == 406


def test_the_openapi_document_is_valid_and_its_schemas_hold_what_is_sent_and_answered(address: str) -> None:
    found = get(f"{address}/openapi.json", "*/*").json()
    validate(found)
    assert found["servers"] == [{"url": address}]
    assert set(found["paths"]) == {"/ping", "/invocations"}
    request = found["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]

    def errors(schema: dict, value: Any) -> list[str]:
        whole = {**schema, "components": found["components"]}
        return [error.message for error in Draft202012Validator(whole).iter_errors(value)]

    sample = request["example"]
    assert errors(request["schema"], sample) == []
    assert errors(request["schema"], sample["instances"]) == []
    lacking = {"instances": [{key: value for key, value in sample["instances"][0].items() if key != "x"}]}
    assert errors(request["schema"], lacking)
    assert errors(request["schema"], {"instances": [sample["instances"][0] | {"x": 1e308}]})
    assert errors(request["schema"], {"instances": [sample["instances"][0] | {"tiny": 1e20}]})
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    for body in (sample, sample["instances"]):
        answer = urllib3.request(
            "POST", f"{address}/invocations", body=json.dumps(body), headers=headers, timeout=60, retries=False
        )
        schema = found["paths"]["/invocations"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert errors(schema, answer.json()) == []


@pytest.mark.parametrize("content_type", ["application/json", "text/csv", "application/jsonlines"])
def test_all_absent_columns_are_named_at_once_with_a_request_that_is_answered(address: str, content_type: str) -> None:
    body = {"text/csv": "x,hour\n1,2\n"}.get(content_type, '{"x": 1, "hour": 2}')
    headers, url = {"Content-Type": content_type, "Accept": "application/json"}, f"{address}/invocations"
    refused = urllib3.request("POST", url, body=body, headers=headers, timeout=60)
    assert refused.status == 400
    text = refused.data.decode()
    for column in columns():
        assert (repr(column.name) in text) == (column.name not in ("x", "hour"))
    sample = text.partition("A request in application/json: ")[2]
    answer = urllib3.request(
        "POST", url, body=sample.encode(), headers={"Content-Type": "application/json"}, timeout=60
    )
    assert answer.status == 200, answer.data


@pytest.mark.parametrize(("column", "value"), [("x", 1e308), ("x", -1e308), ("tiny", 3e38), ("hour", 3.5e38)])
def test_a_number_out_of_range_is_refused_with_row_and_column(address: str, column: str, value: float) -> None:
    row = get(f"{address}/", "application/json").json()["sample"]["instances"][0]
    headers, body = {"Content-Type": "application/json"}, json.dumps([row, row | {column: value}, row])
    refused = urllib3.request("POST", f"{address}/invocations", body=body, headers=headers, timeout=60)
    assert refused.status == 400
    assert re.fullmatch(rf"row 2, column '{column}': \S+ is not a number from -\S+ to \S+", refused.data.decode())


def test_a_sample_is_of_the_columns_types(folder: Path) -> None:
    row = sample_row(PackagedModel(folder).manifest, STATE)
    expected = {"x": 0.5, "whole": 4, "flag": True, "tiny": 1e-30, "hour": 0, "seen": "2013-01-31T05:00:00Z"}
    expected |= {"day": "2012-01-31", "it's <b>": 'O\'slo & "é"', "code": 3, "level": 0.5, "smoker": True}
    expected |= {"since": "2001-02-03", "none": None}
    assert row == expected
    assert {name: type(value) for name, value in row.items()} == {n: type(v) for n, v in expected.items()}
