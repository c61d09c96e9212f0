"""Five ways to score 50,000 raw flights: do they agree, and how near does an endpoint come to its server's limit?

::

    apt-get install wrk                                  # the load tool; a plain client takes its place without it
    uv run python benchmarks/inference.py                # --rows 2000 --repeat 1 to see that it works

The model is the demo's XGBoost.  SageMaker is the local emulator: what is measured is how well our client uses a
server on this machine, not SageMaker.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pages import save, table
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from sparring.config import load_config
from sparring.config.predict import PredictConfig
from sparring.data.builtin import read_flights
from sparring.data.contract import REASON
from sparring.inference.codecs import Format
from sparring.inference.deployment import Deployment, Instances, Variant
from sparring.inference.modes import MODES, Scoring
from sparring.run.predict import Prediction
from sparring.inference.realtime import EndpointModel
from sparring.inference.table import open_rows
from sparring.run.pipeline import Run
from sparring.sagemaker.target import AwsTarget
from sparring.run.package import archive, package
from sparring.spark.session import SessionSpec, get_session, stop_session
from sparring_local_sagemaker import LocalAws

XGBOOST = (
    "{name: xgboost, engine: single_node, family: gradient_boosted_trees, "
    "hyperparameters: {num_round: 100, max_depth: 6, eta: 0.1}}"
)
BODY_ROWS, SECONDS, CONNECTIONS, ROUNDS = 5_000, 5, 4, 3
KIND = "application/x-parquet"


def finished_run(folder: Path) -> str:
    """Return a run of the demo with XGBoost alone; one that is there already is kept."""
    changes = [f"contenders=[{XGBOOST}]", "leakage.enabled=false"]
    Run(load_config("demo", changes), str(folder)).execute()
    return str(folder)


def flights(spark: SparkSession, count: int, path: str) -> None:
    """Write ``count`` raw flights, chosen by the hash of their schedule."""
    rows = read_flights(spark)
    rows.orderBy(F.xxhash64(*rows.columns)).limit(count).repartition(4).write.mode("overwrite").parquet(path)


def agreement(run: str, path: str, folder: Path) -> list[dict[str, Any]]:
    """Score the flights in every mode, and compare with Spark's own scores."""
    facts = [Prediction(path, run, mode, out=str(folder / mode)).execute() for mode in MODES]
    key = list(pd.read_parquet(folder / "spark" / "predictions").columns[:-2])
    scores = {m: pd.read_parquet(folder / m / "predictions").set_index(key).probability.sort_index() for m in MODES}
    for entry in facts:
        mine = scores[entry["mode"]]
        assert mine.index.equals(scores["spark"].index), entry["mode"]
        entry["difference"] = float(np.abs(mine - scores["spark"]).max())
    return facts


# -- load tools ---------------------------------------------------------------------------------------------------


def limit(url: str, body: bytes, headers: dict[str, str]) -> tuple[float, str]:
    """Return the requests a second that the server at ``url`` answers, and the tool that measured it."""
    if shutil.which("wrk"):
        return _wrk(url, body, headers), f"wrk, {CONNECTIONS} connections"
    return _plain(url, body, headers), f"a plain client, {CONNECTIONS} connections"


def _wrk(url: str, body: bytes, headers: dict[str, str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "body").write_bytes(body)
        lines = [f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items()]
        script = f'wrk.method = "POST"\nwrk.body = io.open("{folder}/body", "rb"):read("*a")\n' + "\n".join(lines)
        (Path(folder) / "script.lua").write_text(script)
        command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{SECONDS}s", "--timeout", "60s"]
        said = subprocess.run([*command, "-s", f"{folder}/script.lua", url], capture_output=True, text=True, check=True)
    assert "Non-2xx" not in said.stdout, said.stdout
    (rate,) = re.findall(r"Requests/sec:\s+([\d.]+)", said.stdout)
    return float(rate)


def _plain(url: str, body: bytes, headers: dict[str, str]) -> float:
    host, _, path = url.removeprefix("http://").partition("/")
    counts, until = [0] * CONNECTIONS, time.monotonic() + SECONDS

    def ask(number: int) -> None:
        connection = HTTPConnection(host)
        while time.monotonic() < until:
            connection.request("POST", "/" + path, body, headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


def signed(target: AwsTarget, url: str, body: bytes) -> dict[str, str]:
    """Return the headers of an InvokeEndpoint request."""
    assert target.emulator is not None
    request = AWSRequest("POST", url, {"Content-Type": KIND, "Accept": "text/csv"}, body)
    credentials = Credentials(target.emulator.access_key, target.emulator.secret_key)
    SigV4Auth(credentials, "sagemaker", target.region).add_auth(request)
    return dict(request.headers.items())


@contextmanager
def serving_process(packed: Path) -> Iterator[str]:
    """Serve a package as a container does, without an endpoint before it; the value is its address."""
    with socket.socket() as probe, tempfile.TemporaryDirectory() as base:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        shutil.copytree(packed, Path(base) / "model")
        probe.close()
        variables = {"SAGEMAKER_BASE_DIR": base, "SAGEMAKER_BIND_TO_PORT": str(port)}
        command = [sys.executable, "-m", "sparring.serving.programs", "serve"]
        process = subprocess.Popen(command, env=os.environ | variables, stderr=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{port}"
            _until_it_answers(f"{address}/ping")
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2)
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)


# -- throughput ---------------------------------------------------------------------------------------------------


def throughput(spark: SparkSession, run: str, path: str, repeat: int) -> dict[str, Any]:
    """Measure our scorer through an endpoint, one request a row, and the limits of endpoint and server."""
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "package"
        packed.mkdir()
        manifest = package(run, "xgboost", packed)
        (Path(folder) / "model.tar.gz").write_bytes(archive(packed))
        names = [column.name for column in manifest.columns]
        config = load_config("demo").table.model_copy(update={"path": path, "builtin": None})
        rows = open_rows(spark, config, manifest.columns).where(f"{REASON} is null").select(*names)
        # One whole table after the other: copies side by side would make bodies that the server reads faster.
        many = spark.range(0, repeat, 1, 1).select().crossJoin(F.broadcast(rows.coalesce(1))).repartition(2).cache()
        found: dict[str, Any] = {"rows": many.count()}
        body = _body(many, names)
        with serving_process(packed) as address, LocalAws() as aws:
            target = AwsTarget.on(aws)
            scoring = Scoring(f"{folder}/model.tar.gz", names, PredictConfig(), target)
            with (
                scoring.uploaded() as (served, _),
                Deployment(target, "benchmark", [Variant(served, Instances())]) as endpoint,
            ):
                url = f"{aws.endpoint_url}/endpoints/{endpoint.name}/invocations"
                apart(aws)
                few = many.limit(1_000).repartition(2).cache()
                few.count()
                rounds: dict[str, list[float]] = {name: [] for name in RATES}
                # In turn, so that whatever else the machine does meets all of them.
                for _ in range(ROUNDS):
                    plain = {"Content-Type": KIND, "Accept": "text/csv"}
                    rate, found["tool"] = limit(f"{address}/invocations", body, plain)
                    rounds["server"].append(rate * BODY_ROWS)
                    rounds["endpoint"].append(limit(url, body, signed(target, url, body))[0] * BODY_ROWS)
                    rounds["batched"].append(_scored(target, endpoint.name, names, many, BODY_ROWS))
                    rounds["one_by_one"].append(_scored(target, endpoint.name, names, few, 1))
    return found | {"rounds": rounds, **{name: statistics.median(rates) for name, rates in rounds.items()}}


def apart(aws: LocalAws) -> None:
    """Give servers one core and all that asks them another: in earnest they are not on one machine."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return
    assert aws._process is not None
    me = psutil.Process()
    everyone = {process.pid for process in [me, *me.children(recursive=True)]}
    server = psutil.Process(aws._process.pid)
    serving = {process.pid for process in [server, *server.children(recursive=True)]}
    serving |= {p.pid for p in me.children() if "sparring.serving.programs" in p.cmdline()}
    for pid in everyone:
        for thread in psutil.Process(pid).threads():
            os.sched_setaffinity(thread.id, {cores[0] if pid in serving else cores[1]})


def _body(rows: DataFrame, names: list[str]) -> bytes:
    import pyarrow as pa

    frame = rows.limit(BODY_ROWS).toPandas()
    while len(frame) < BODY_ROWS:
        frame = pd.concat([frame, frame])[:BODY_ROWS]
    batch = pa.RecordBatch.from_pandas(frame[names].reset_index(drop=True), preserve_index=False)
    (piece,) = Format(KIND, True).bodies(batch, 6_291_456, BODY_ROWS)
    return piece.body


def _scored(target: AwsTarget, name: str, names: list[str], rows: DataFrame, most_rows: int) -> float:
    """Return the rows a second of a whole Spark job, its start and end included."""
    # Two tasks with two requests each: as many connections as the load tool's.
    model = EndpointModel(endpointName=name, target=target, inputCols=names, concurrency=2, maxRows=most_rows)
    begun = time.monotonic()
    model.transform(rows).write.format("noop").mode("overwrite").save()
    return model.metrics.rows / (time.monotonic() - begun)


# -- page ---------------------------------------------------------------------------------------------------------


def page(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    modes, t = results["modes"], results["throughput"]
    head = [
        "mode",
        "rows",
        "max difference from spark",
        "requests",
        "deploy s",
        "cold start s",
        "score s",
        "clean up s",
    ]
    lines = [
        [
            f["mode"] + (" (emulator)" if f["emulated"] else ""),
            f"{f['rows']:,}",
            f"{f['difference']:.1e}",
            f"{f['metrics']['requests']:,}",
            *(f"{f['phases'][name]:.1f}" if name in f["phases"] else "" for name in PHASES),
        ]
        for f in modes
    ]
    batched, single = t["batched"], t["one_by_one"]
    rates = [
        ["the serving process alone, load tool", f"{t['server']:,.0f}", f"{batched / t['server']:.0%}"],
        ["the endpoint, load tool", f"{t['endpoint']:,.0f}", f"{batched / t['endpoint']:.0%}"],
        [f"`EndpointModel`, {BODY_ROWS:,} rows a request", f"{batched:,.0f}", ""],
        ["`EndpointModel`, one row a request", f"{single:,.0f}", f"{batched / single:,.0f}x"],
    ]
    worst = max(f["difference"] for f in modes)
    return f"""# Scoring: five modes, one answer

{modes[0]["rows"]:,} raw flights (and {sum(modes[0]["quarantined"].values()):,} quarantined), the demo's XGBoost with
its fitted preparation in one package; {results["machine"]}. Written by `benchmarks/inference.py`.

**The modes differ by {worst:.1e} at most.** SageMaker's modes ran on the **local emulator**: their times are this
machine's and are not priced as SageMaker's.

{table(head, lines)}

## How near to the server's limit

{t["rows"]:,} rows in Parquet requests of {BODY_ROWS:,}, whole tables one after the other. Servers have one core, all
clients another. Load tool: {t["tool"]}, the same body over and over for {SECONDS} s.
Medians of {ROUNDS} rounds, each of all four in turn; load average {results["load"]:.1f} at the end.

{table(["", "rows/s", "`EndpointModel` is"], rates)}
"""


RATES = ("server", "endpoint", "batched", "one_by_one")
PHASES = ("deploy", "cold_start", "score", "clean_up")


def main() -> None:
    """Measure and write both files."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=24, help="how often the rows are scored for throughput")
    parser.add_argument("--run", help="a finished run of the demo with contender xgboost")
    parser.add_argument("--dry", action="store_true", help="print the page, write nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or finished_run(Path(folder) / "run")
        spark = get_session(SessionSpec("inference", 2, "3g", [], {"spark.sql.shuffle.partitions": "4"}))
        spark.sparkContext.setLogLevel("ERROR")
        try:
            path = f"{folder}/flights.parquet"
            flights(spark, options.rows, path)
            results = {
                "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
                "modes": agreement(run, path, Path(folder) / "out"),
                "throughput": throughput(spark, run, path, options.repeat),
                "load": os.getloadavg()[0],
            }
        finally:
            stop_session(spark)
    if options.dry:
        print(page(results))
    else:
        save("inference", results, page(results))


if __name__ == "__main__":
    main()
