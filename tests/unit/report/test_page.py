"""The page as text: escaping, labels, and that nothing is loaded."""

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sparring.report import document, render, write_report
from sparring.report.audit import render_audit
from sparring.report.page import figure


class Elements(HTMLParser):
    """All start tags with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page(facts: dict[str, Any]) -> str:
    return render(document(facts))


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    for tag, attributes in Elements(page).found:
        assert tag not in ("iframe", "img", "object")
        assert tag != "script" or not attributes
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
    assert not re.search(r"@import|url\((?!#)", page)


def test_ids_are_unique(page: str) -> None:
    ids = [attributes["id"] for _, attributes in Elements(page).found if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_text_of_others_is_escaped(facts_with_failure: dict[str, Any]) -> None:
    page = render(document(facts_with_failure))
    assert page.count("<script") == 1
    for text in ("<b>late</b>", "<i>made-up-run</i>", "<configuration>"):
        assert text not in page
    assert "&lt;script&gt;alert" in page


def test_plots_take_their_colours_from_the_page(page: str) -> None:
    assert "var(--c4)" in page
    assert not re.search(r"#f[ed]00", page)
    assert not re.search(r"font-family: '|<\?xml|<!DOCTYPE svg", page)


def test_one_document_always_gives_one_page(facts: dict[str, Any]) -> None:
    content = document(facts)
    assert render(content) == render(json.loads(json.dumps(content)))


def test_an_emulator_is_labelled_in_every_section_that_names_it(page: str) -> None:
    visible = re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL)
    for name, section in re.findall(r'<section id="(\w+)"(.*?)</section>', visible, flags=re.DOTALL):
        if "sagemaker-xgboost" in section:
            assert "emulator" in section, name


def test_a_refusal_is_said_first(facts: dict[str, Any]) -> None:
    refused = copy.deepcopy(facts)
    refused["verdict"] |= {
        "kind": "refused",
        "choice": None,
        "path": None,
        "refused": True,
        "finding": "They read different rows.",
        "caveats": [],
    }
    page = render(document(refused))
    assert "No verdict" in page
    assert "Train with" not in page


def test_a_run_without_survivors_or_extras_still_has_a_page(facts_with_failure: dict[str, Any]) -> None:
    bare = copy.deepcopy(facts_with_failure)
    bare["results"] = [result for result in bare["results"] if result["status"] == "failed"]
    bare |= {
        "evaluations": {},
        "differences": [],
        "equivalence": [],
        "leakage": None,
        "costs": [],
        "quarantine": {},
    }
    bare["deduplicate"] = {"enabled": False}
    bare["verdict"] |= {"kind": "refused", "choice": None, "path": None, "refused": True}
    bare |= {"baselines": [], "baseline_tests": []}
    for name in ("wall_seconds", "cpu_seconds", "peak_memory_bytes"):
        del bare["results"][0][name]
    page = render(document(bare))
    assert "there is nothing to plot" in page
    assert "switched off" in page


def test_a_page_without_inflation_shows_the_audit_alone(facts: dict[str, Any]) -> None:
    audited = copy.deepcopy(facts)
    for name in ("contender", "naive", "safe", "inflation_low", "inflation_high"):
        del audited["leakage"][name]
    page = render(document(audited))
    assert "was not trained on" in page
    assert "later than the first row of test" in page
    assert "Leak inflation" not in page


@pytest.mark.parametrize("findings", [True, False])
def test_the_page_of_an_audit_alone_loads_nothing_and_escapes_text(facts: dict[str, Any], findings: bool) -> None:
    leakage = facts["leakage"]
    audited = {
        "paths": {"train": "<b>a.csv</b>", "test": "b.csv"},
        "parts": {"train": 7000, "test": 2000},
        "worst": leakage["worst"] if findings else None,
        **{name: leakage[name] for name in ("checks", "columns")},
        "findings": leakage["findings"] if findings else [],
    }
    page = render_audit(audited)
    assert ("No leak found" in page) != findings
    assert "<b>" not in page
    for tag, attributes in Elements(page).found:
        assert tag not in ("iframe", "img", "object")
        assert tag != "script" or not attributes
        assert (attributes.get("href") or "#").startswith(("#", "data:"))


def test_figures_carry_value_pointer_and_kind() -> None:
    content = {"a/b": [{"x": 1234.5}], "nothing": None}
    assert str(figure(content, "/a~1b/0/x", "seconds")) == (
        '<data value="1234.5" data-pointer="/a~1b/0/x" data-kind="seconds">1,234.5 s</data>'
    )
    assert ">\u2013<" in str(figure(content, "/nothing/deeper", "score"))


@pytest.mark.parametrize(
    ("kind", "values", "unit"),
    [
        ("seconds", [0.004, 61.0, 3599.0], " s"),
        ("seconds", [12.0, 7300.0], " min"),
        ("seconds", [12.0, 360_000.0], " h"),
        ("size", [2**20, 2**30], " GiB"),
        ("size", [100, 5 * 2**20], " MiB"),
        ("money", [0.0017, 250.0], ""),
    ],
)
def test_a_column_has_one_unit_and_one_number_of_decimals(kind: str, values: list[float], unit: str) -> None:
    content = {"rows": [{"x": value} for value in values] + [{"x": None}, {}]}
    shown = [str(figure(content, f"/rows/{at}/x", kind)).split(">")[1].split("<")[0] for at in range(len(values) + 2)]
    assert shown[-2:] == ["\u2013"] * 2
    figures = [text.removesuffix(unit) for text in shown[:-2]]
    assert all(re.fullmatch(r"[\d,]+\.\d+", text) for text in figures), shown
    assert len({len(text.split(".")[1]) for text in figures}) == 1


def test_settings_that_differ_and_unused_columns_stand_beside_the_verdict(facts: dict[str, Any]) -> None:
    content = document(facts)
    verdict = re.search(r'<section id="verdict".*?</section>', render(content), re.DOTALL)
    assert verdict
    shown = re.sub(r"<[^>]+>", "|", verdict[0])
    assert re.search(r"tol\|+1e-06\|+1e-12", shown)
    assert "regParam" not in shown
    assert all(name in shown for name in content["not_features"])
    assert "named nowhere in the &lt;configuration&gt;" in shown


@pytest.mark.parametrize("command", ["sparring run x.yaml", None])
def test_the_page_says_how_to_reproduce_it(facts: dict[str, Any], command: str | None) -> None:
    changed = {**facts, "run": {**facts["run"], "command": command}}
    section = render(document(changed)).split('id="reproduce"')[1]
    assert (command or "sparring run run.yaml") in section
    for name, version in facts["environment"].items():
        assert name in section
        assert version in section


def test_examples_name_their_columns(facts: dict[str, Any]) -> None:
    rows = re.sub(r"<[^>]+>", "|", render(document(facts)).split('id="rows"')[1].split("</section>")[0])
    assert re.search(r"late\W+differs\|\W*\|1\|\W*\u2013", rows), "a pair says in which columns it differs"
    for name, value in (("dest", "ATL"), ("dest", "BOS"), (r"a\.b", "x")):
        assert re.search(rf"\|{name}\|[|\s]*{value}\|", rows), name


def test_an_older_report_without_the_newer_facts_has_a_page(facts: dict[str, Any]) -> None:
    content = document(facts)
    for name in ("not_features", "examples"):
        del content[name]
    del content["run"]["command"]
    assert "Columns that no model saw" not in render(content)


def test_the_fair_comparison_checks_are_called_so(page: str) -> None:
    assert "Fair-comparison checks" in page
    assert "registry" not in page.lower()


def test_both_files_are_written(facts: dict[str, Any], tmp_path: Path) -> None:
    page = write_report(str(tmp_path / "run"), facts)
    assert Path(page.removeprefix("file:")).read_text(encoding="utf-8").startswith("<!doctype html>")
    written = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    assert written == document(facts) | {"scoring": []}
