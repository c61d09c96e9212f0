"""The report in a real browser: offline, silent, in order, and equal to report.json figure by figure."""

import json
import os
import re
import runpy
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from sparring.report import write_report

SECTIONS = [
    "verdict",
    "contenders",
    "leakage",
    "audit",
    "split",
    "rows",
    "curves",
    "time",
    "parity",
    "ledger",
    "environment",
]
build = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "report" / "made_up_facts.py"))["made_up_facts"]


def chromium() -> str:
    """Return the path of a Chromium; CHROMIUM wins over the usual places."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.fail("No Chromium was found. Run: apt-get install -y chromium (or set CHROMIUM to its path).")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=[None, "mllib-gbt"], ids=["all-finished", "one-failed"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with a report of made-up facts."""
    folder = tmp_path_factory.mktemp("run")
    write_report(str(folder), build(failed=request.param))
    return folder


@dataclass
class Visit:
    """An open page, what it asked for and what it said."""

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser: Browser, folder: Path) -> Iterator[Visit]:
    visit = Visit(browser.new_page(viewport={"width": 1280, "height": 900}))
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.on("console", lambda message: visit.messages.append(message.text))
    visit.page.on("pageerror", lambda error: visit.messages.append(str(error)))
    visit.page.goto(f"file://{folder}/report.html")
    yield visit
    visit.page.close()


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit.page


def at(document: Any, pointer: str) -> Any:
    """Return the value at a JSON pointer, None where there is none."""

    def step(value: Any, name: str) -> Any:
        if isinstance(value, list):
            return value[int(name)]
        return value.get(name.replace("~1", "/").replace("~0", "~")) if value is not None else None

    return reduce(step, pointer.split("/")[1:], document)


UNITS = {"ms": 1e-3, "s": 1, "min": 60, "h": 3600, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "%": 1e-2, "": 1}
POWERS = str.maketrans("\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "-0123456789")


def read(text: str) -> float:
    """Return the number that a person reads in ``text``."""
    text = text.replace("\u2212", "-").replace(",", "")
    if "\u00d7" in text:
        digits, power = text.split(" \u00d7 10")
        return float(digits) * 10.0 ** int(power.translate(POWERS))
    parts = re.findall(r"([+-]?[\d.]+(?:e-?\d+)?) ?([a-zA-Z%]*)", text)
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def test_it_loads_nothing_and_says_nothing(visit: Visit, folder: Path) -> None:
    assert visit.requests == [f"file://{folder}/report.html"]
    assert visit.messages == []


def test_the_sections_are_in_order_and_linked(page: Page) -> None:
    assert page.eval_on_selector_all("main section", "all => all.map(each => each.id)") == SECTIONS
    targets = page.eval_on_selector_all("nav a", "all => all.map(each => each.getAttribute('href').slice(1))")
    assert targets == SECTIONS[1:]


def test_every_figure_equals_the_file(page: Page, folder: Path) -> None:
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    figures = page.eval_on_selector_all(
        "data", "all => all.map(each => [each.getAttribute('value'), each.dataset.pointer, each.textContent])"
    )
    assert len(figures) > 150
    for value, pointer, text in figures:
        expected = at(document, pointer)
        assert json.loads(value) == expected, pointer
        if expected is None:
            assert text == "\u2013", pointer
        else:
            assert read(text) == pytest.approx(expected, rel=0.06, abs=0.0006), (pointer, text)


def test_the_verdict_is_the_first_thing_read(page: Page, folder: Path) -> None:
    verdict = json.loads((folder / "report.json").read_text(encoding="utf-8"))["verdict"]
    shown = page.inner_text("#verdict")
    assert verdict["choice"] in shown
    assert verdict["finding"] in shown
    assert all(caveat in shown for caveat in verdict["caveats"])
    box = page.locator("#verdict .choice").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 900


def test_a_failed_contender_shows_its_error_as_text(page: Page, folder: Path) -> None:
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    for contender in document["contenders"]:
        row = page.locator("#contenders > .scroll tr", has_text=contender["name"]).first
        assert ("failed" in row.inner_text()) == (contender["status"] == "failed")
        if contender["error"]:
            assert contender["error"]["message"] in row.inner_text()


def test_curves_are_drawn_for_every_finished_contender(page: Page, folder: Path) -> None:
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    for number, contender in enumerate(document["contenders"]):
        lines = page.locator(f"#curves figure svg [style*='stroke: var(--c{number})']")
        assert (lines.count() >= 2) == (contender["status"] == "ok")


@pytest.mark.parametrize("width", [1280, 820, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen_and_is_readable(page: Page, width: int, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for selector in ("p.lead", "#verdict .finding", "#contenders td", "#ledger .badge", "#curves svg text"):
        assert contrast(page, selector) >= 4.5, selector


def test_it_prints_without_losing_a_column(page: Page) -> None:
    """A4 with margins of 14 mm leaves 688 CSS pixels."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 900})
    for table in page.locator(".scroll").all():
        assert table.evaluate("box => box.scrollWidth <= box.clientWidth"), table.inner_text()[:80]


def contrast(page: Page, selector: str) -> float:
    """Return the WCAG 2 contrast between an element's text and the first opaque background behind it."""
    colours = page.eval_on_selector(
        selector,
        """element => {
            const text = getComputedStyle(element), svg = element instanceof SVGElement;
            let behind = element;
            while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind =
            behind.parentElement; return [svg ? text.fill : text.color,
            getComputedStyle(behind).backgroundColor];
        }""",
    )
    light, dark = sorted((luminance(colour) for colour in colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of ``rgb(r, g, b)``."""
    channels = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
