"""``sparring audit``: does a split of any tables leak?"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sparring.cli.console import Json, console, print_json
from sparring.errors import ConfigError
from sparring.run.exit_codes import ExitCode

if TYPE_CHECKING:
    from sparring.leakage import AuditReport

COLOURS = {"high": "red", "medium": "yellow", "low": "cyan"}


class Severity(str, Enum):
    """What ``--fail-on`` takes."""

    low = "low"
    medium = "medium"
    high = "high"


class DataEngine(str, Enum):
    """What ``--engine`` takes."""

    auto = "auto"
    spark = "spark"
    one_machine = "one_machine"


Columns = list[str] | None


def audit(
    train: Annotated[
        str, typer.Option("--train", metavar="TABLE", help="Table that is trained on: Parquet, CSV or JSON.")
    ],
    test: Annotated[str, typer.Option("--test", metavar="TABLE", help="Table that is scored on.")],
    validation: Annotated[
        str | None, typer.Option("--validation", metavar="TABLE", help="Table that is tuned on.")
    ] = None,
    part: Annotated[
        Columns, typer.Option("--part", metavar="NAME=TABLE", help="Further table, as NAME=PATH; repeatable.")
    ] = None,
    key: Annotated[
        Columns, typer.Option("--key", metavar="COLUMN", help="Column that identifies a row; repeatable.")
    ] = None,
    group: Annotated[
        Columns, typer.Option("--group", metavar="COLUMN", help="Column that must not straddle; repeatable.")
    ] = None,
    cluster: Annotated[
        Columns,
        typer.Option("--cluster", metavar="COLUMN", help="Column that deduplication gave to equal rows; repeatable."),
    ] = None,
    label: Annotated[str | None, typer.Option("--label", metavar="COLUMN", help="Column that is predicted.")] = None,
    time: Annotated[
        str | None, typer.Option("--time", metavar="COLUMN", help="Column that says when a row came to be.")
    ] = None,
    text: Annotated[
        Columns, typer.Option("--text", metavar="COLUMN", help="Column compared by shingles; repeatable.")
    ] = None,
    ignore: Annotated[
        Columns, typer.Option("--ignore", metavar="COLUMN", help="Column to leave out; repeatable.")
    ] = None,
    near: Annotated[bool, typer.Option("--near/--no-near", help="Look for rows that are alike.")] = True,
    threshold: Annotated[
        float,
        typer.Option(
            "--near-threshold",
            metavar="SHARE",
            min=0.01,
            max=1.0,
            help="Share of the columns that alike rows agree in.",
        ),
    ] = 0.9,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="Report to write, FILE.html or FILE.json.")
    ] = None,
    fail_on: Annotated[
        Severity, typer.Option("--fail-on", help="Least severity that ends with code 8.")
    ] = Severity.medium,
    engine: Annotated[
        DataEngine,
        typer.Option("--engine", help="What looks: one machine where the tables fit its memory, else Spark."),
    ] = DataEngine.auto,
    memory: Annotated[str, typer.Option("--memory", metavar="SIZE", help="Heap of a local Spark.")] = "3g",
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of samples, folds and the near search.")] = 42,
    json: Json = False,
) -> None:
    """Look for leaks between train, test and further tables.

    Ends with 0 when nothing of --fail-on or worse was found, with 8 when something was, and with 2 to 7 on errors.
    """
    from sparring.leakage import AuditColumns, AuditOptions
    from sparring.leakage.files import ROW

    _check_out(out)
    paths = {"train": train, **({"validation": validation} if validation else {}), "test": test, **_named(part or [])}
    roles = AuditColumns(
        label=label,
        keys=key or [],
        groups=group or [],
        clusters=cluster or [],
        time=time,
        texts=text or [],
        order=ROW,
    )
    options = AuditOptions(near="auto" if near else "off", near_threshold=threshold)
    report = _run(paths, roles, options, tuple(ignore or ()), engine.value, memory, seed)
    if json:
        print_json(report.to_dict())
    else:
        print_report(report, console())
    if out is not None:
        from sparring.report.audit import write_audit

        write_audit(out, report.to_dict(), paths)
        Console(stderr=json, highlight=False).print(f"[bold]Report:[/] {escape(out)}", soft_wrap=True)
    failing = report.at_or_above(fail_on.value)
    if failing:
        Console(stderr=True, highlight=False).print(f"{len(failing)} findings of severity {fail_on.value} or worse")
        raise typer.Exit(ExitCode.LEAKS)


def _named(parts: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in parts:
        name, _, path = text.partition("=")
        if not name or not path or name in ("train", "validation", "test", *found):
            raise ConfigError(
                f"--part {text!r} is no NAME=PATH with a name of its own", "Give for example day2=day2.csv."
            )
        found[name] = path
    return found


def _check_out(out: str | None) -> None:
    if out is not None and not out.endswith((".html", ".json")):
        raise ConfigError(f"--out {out!r} ends in neither .html nor .json", "Give a file name with one of them.")


def _run(
    paths: dict[str, str], roles: Any, options: Any, ignore: tuple[str, ...], engine: str, memory: str, seed: int
) -> AuditReport:
    """Read the tables and audit them; a session of Spark that was made for that ends."""
    from sparring.leakage import LeakageAudit
    from sparring.leakage.files import check_exists, read_part
    from sparring.one_machine.choice import Source, engine_for, session_on
    from sparring.spark.session import SessionSpec, s3a_settings

    for path in paths.values():
        check_exists(path)
    spec = SessionSpec("sparring audit", memory=memory, **s3a_settings(paths.values()))
    with session_on(engine_for(engine, [Source(path) for path in paths.values()]), spec) as session:
        parts = {name: read_part(session, path) for name, path in paths.items()}
        train, validation, test = parts.pop("train"), parts.pop("validation", None), parts.pop("test")
        one = LeakageAudit(
            train, validation, test, columns=roles, others=parts, options=options, ignore=ignore, seed=seed
        )
        return one.run()


def print_report(report: AuditReport, out: Console) -> None:
    """Print parts, checks and findings."""
    out.print(", ".join(f"{name} {rows:,} rows" for name, rows in report.parts.items()))
    checks = Table("", "Check", "Note", "Seconds", box=None, pad_edge=False)
    marks = {"clean": "[green]✓[/]", "found": "[red]✗[/]", "skipped": "[dim]-[/]"}
    for check in report.checks:
        checks.add_row(marks[check.status], check.check, escape(check.note), f"{check.seconds:.1f}")
    out.print(checks)
    for finding in report.findings:
        colour = COLOURS[finding.severity]
        out.print(f"\n[{colour} bold]{finding.severity}[/] [bold]{finding.check}[/]: {escape(finding.message)}.")
        for example in finding.examples:
            out.print(f"    {escape(', '.join(f'{name}: {value}' for name, value in example.items()))}", style="dim")
        out.print(f"  {escape(finding.advice)}")
    if not report.findings:
        out.print("\n[green]No leak found.[/]")
