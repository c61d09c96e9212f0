"""``sparring predict``: a table scored with a finished run's model."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sparring.cli.console import Json, console, print_json

ORIGINS = {"validation": "chosen on the run's validation rows", "predict.threshold": "as predict.threshold says"}
MODES = "auto (one_machine or spark, by the table), realtime, serverless, async or batch"


def predict(
    table: Annotated[
        str,
        typer.Argument(help="Rows to score: Parquet, CSV or JSON, any path Spark reads; or builtin:NAME."),
    ],
    run: Annotated[str, typer.Option("--run", metavar="FOLDER", help="Folder of a finished run.")],
    mode: Annotated[str, typer.Option("--mode", metavar="MODE", help=f"How: {MODES}.")] = "auto",
    contender: Annotated[str | None, typer.Option("--contender", help="Whose model; default: the verdict's.")] = None,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FOLDER", help="Folder to write; default RUN/scoring/MODE.")
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override, such as predict.requests.max_rows=1000; repeatable."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Score a table of raw rows on one machine, on Spark, or with SageMaker in one of its four ways."""
    from sparring.run.predict import Prediction

    facts = Prediction(table, run, mode, contender, out, tuple(sets or ())).execute()
    if json:
        print_json(facts)
        return
    for line in told(facts):
        console().print(line, soft_wrap=True)


def told(facts: dict[str, Any]) -> list[str]:
    """Return what a scoring job did, in lines."""
    metrics, rejected = facts["metrics"], facts["quarantined"]
    lines = [f"{facts['rows']:,} rows scored with {facts['contender']} ({facts['mode']})"]
    lines.append(predicted(facts))
    lines += [f"{rows:,} rows quarantined: {reason}" for reason, rows in rejected.items()]
    lines.append(", ".join(f"{name.replace('_', ' ')} {seconds:.1f} s" for name, seconds in facts["phases"].items()))
    lines.append(
        f"{metrics['requests']:,} requests, {metrics['retries']:,} retries, "
        f"{metrics['rows_per_second'] or 0:,.0f} rows/s; latency p50 {metrics['latency_p50_ms']} ms, "
        f"p95 {metrics['latency_p95_ms']}, p99 {metrics['latency_p99_ms']}"
    )
    lines.append(price(facts))
    return [*lines, f"Predictions: {facts['predictions'].removeprefix('file:')}"]


def predicted(facts: dict[str, Any]) -> str:
    """Return what was predicted how often, or where the predicted numbers lie."""
    found = facts["predicted"]
    if not facts["target"]["classes"]:
        return f"{facts['label']} predicted from {found['min']:.6g} to {found['max']:.6g}, mean {found['mean']:.6g}"
    if facts["threshold"] is None:
        return f"{facts['label']} predicted: {', '.join(f'{name} {rows:,}' for name, rows in found.items())}"
    positive, rows = list(found.items())[1]
    return (
        f"{facts['label']} = {positive} predicted for {rows:,} rows: those of probability {facts['threshold']:.6g} or "
        f"more, {ORIGINS[facts['threshold_from']]}"
    )


def price(facts: dict[str, Any]) -> str:
    """Return the price as a range with its date, or why there is none."""
    cost = facts["cost"]
    if cost is None:
        return "No price: " + ("; ".join(facts["notes"]) or "none is known for this mode")
    return f"{cost['low']:.4f} to {cost['high']:.4f} {cost['currency']} (list prices of {cost['as_of']}: {cost['how']})"
