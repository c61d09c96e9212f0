"""The report in a real browser: offline, silent, in order, and equal to report.json figure by figure."""

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from sparring.report import write_report
from sparring.report.audit import write_audit
from sparring.task import task_named

SECTIONS = [
    "verdict",
    "contenders",
    "leakage",
    "audit",
    "split",
    "rows",
    "plots",
    "time",
    "equivalence",
    "fair-comparison",
    "reproduce",
]
screenshot = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "screenshot.py"))
build = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "report" / "made_up_facts.py"))["made_up_facts"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=screenshot["chromium"](), args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield browser
        browser.close()


@pytest.fixture(
    scope="module",
    params=[(None, "binary"), ("mllib-gbt", "binary"), (None, "multiclass"), (None, "regression")],
    ids=["all-finished", "one-failed", "multiclass", "regression"],
)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with a report of made-up facts."""
    folder = tmp_path_factory.mktemp("run")
    failed, task = request.param
    facts = build(failed=failed, task=task_named(task))
    write_report(str(folder), facts)
    audited = {name: facts["leakage"][name] for name in ("findings", "checks", "columns", "worst")}
    write_audit(str(folder / "audit.html"), {"parts": {"train": 7000, "test": 2000}, **audited}, {"train": "a.csv"})
    return folder


@dataclass
class Visit:
    """An open page, what it asked for and what it said."""

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Visit]:
    """One tab for all tests: each opens its report anew, which takes a third of the time that a new tab does."""
    visit = Visit(browser.new_page())
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.on("console", lambda message: visit.messages.append(message.text))
    visit.page.on("pageerror", lambda error: visit.messages.append(str(error)))
    yield visit
    visit.page.close()


@pytest.fixture
def visit(tab: Visit, folder: Path) -> Visit:
    tab.page.set_viewport_size({"width": 1280, "height": 900})
    tab.page.emulate_media(media="null", color_scheme="null")
    tab.page.goto("about:blank")
    tab.requests.clear()
    tab.messages.clear()
    tab.page.goto(f"file://{folder}/report.html")
    return tab


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


UNITS = {"s": 1, "min": 60, "h": 3600, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "%": 1e-2, "": 1}
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
        lines = page.locator(f"#plots figure svg [style*='stroke: var(--c{number})']")
        assert (lines.count() >= 2) == (contender["status"] == "ok")


@pytest.mark.parametrize("width", [1280, 820, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen_and_is_readable(page: Page, width: int, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for selector in ("p.lead", "#verdict .finding", "#contenders td", "#fair-comparison .badge", "#plots svg text"):
        assert contrast(page, selector) >= 4.5, selector


def test_it_prints_without_losing_a_column(page: Page) -> None:
    """A4 with margins of 14 mm leaves 688 CSS pixels."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 900})
    for table in page.locator(".scroll").all():
        assert table.evaluate("box => box.scrollWidth <= box.clientWidth"), table.inner_text()[:80]


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")


@pytest.mark.parametrize("name", ["report.html", "audit.html"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_no_violation(browser: Browser, folder: Path, name: str, scheme: Any, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(f"file://{folder}/{name}")
    open_all(page)
    found = Axe().run(page)
    page.close()
    assert len(found.response["passes"]) > 15
    assert found.violations_count == 0, found.generate_report()


def test_axe_would_find_a_violation(page: Page) -> None:
    page.evaluate("document.querySelector('pre').removeAttribute('tabindex')")
    page.evaluate("document.querySelector('#verdict p').style.color = '#ddd'")
    assert "color-contrast" in {found["id"] for found in Axe().run(page).response["violations"]}


# Of every figure and text of a cell: what sticks out of the screen, or of anything that would cut it off.
CUT_OFF = """width => [...document.querySelectorAll('data, td, th[scope=row], dd')].filter(each => {
    const box = each.getBoundingClientRect();
    // Heads of columns are for screen readers there: every cell repeats its own.
    if (!box.width || each.closest('thead')) return false;
    if (box.left < 0 || box.right > width) return true;
    for (let around = each.parentElement; around; around = around.parentElement) {
        const outer = around.getBoundingClientRect();
        if (getComputedStyle(around).overflowX !== 'visible' && box.right > outer.right + 0.5) return true;
    }
    return false;
}).map(each => each.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("name", ["report.html", "audit.html"])
@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("width", [390, 820])
def test_no_figure_hides_behind_a_sideways_scroll(
    browser: Browser, folder: Path, name: str, script: bool, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 844}, java_script_enabled=script)
    page.goto(f"file://{folder}/{name}")
    open_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT_OFF, width) == []
    page.close()


def test_on_a_narrow_screen_every_figure_of_a_table_stands_beside_its_name(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    row = page.locator("#contenders table.wide tbody tr").first
    heads = page.locator("#contenders table.wide").first.locator("thead th").all_text_contents()
    shown = row.locator("td").evaluate_all("all => all.map(each => getComputedStyle(each, '::before').content)")
    assert shown == [f'"{head.strip()}"' for head in heads[1:]]
    boxes = [cell.bounding_box() for cell in row.locator("th, td").all()]
    tops = [box["y"] for box in boxes if box]
    assert tops == sorted(tops)
    assert len(set(tops)) == len(heads)


@pytest.mark.parametrize("place", [0, 1, 3, -3])
def test_a_table_is_sorted_with_the_keyboard(page: Page, place: int) -> None:
    table = page.locator("#contenders table.wide").first
    column = table.locator("thead th").all_text_contents()[place].strip()
    head = table.locator("thead th").nth(place)
    number = page.evaluate("head => head.cellIndex", head.element_handle())
    page.evaluate("document.querySelector('#contenders table.wide thead button').focus()")
    for _ in range(number):
        page.keyboard.press("Tab")
    for key, order in (("Enter", "ascending"), ("Space", "descending"), ("Enter", "ascending")):
        page.keyboard.press(key)
        assert head.get_attribute("aria-sort") == order
        assert table.locator("[aria-sort]").count() == 1
        values = table.locator("tbody tr").evaluate_all(
            """(rows, label) => rows.map(row => {
                const cell = row.querySelector(`[data-label="${label}"]:not([colspan])`);
                const figure = cell && cell.querySelector('data');
                return figure ? JSON.parse(figure.value) : cell && cell.textContent.trim();
            })""",
            column,
        )
        known = [value for value in values if value is not None]
        assert values[: len(known)] == known, "what is absent comes last"
        assert known == sorted(known, reverse=order == "descending")
        assert len(set(map(str, known))) > 1


def test_without_script_the_page_is_whole(browser: Browser, folder: Path) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"file://{folder}/report.html")
    assert page.locator("th button").count() == 0
    assert page.locator("#contenders table.wide tbody tr").first.locator("data").count() > 5
    page.close()


def test_interval_bars_stand_where_the_axis_says(page: Page, folder: Path) -> None:
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    ticks = page.locator("#contenders .axis span").evaluate_all(
        """all => all.map(each => {
            const box = each.getBoundingClientRect();
            return [Number(each.textContent), box.x + box.width / 2];
        })"""
    )
    (low, left), (high, right) = ticks[0], ticks[-1]
    assert len(ticks) >= 3
    by_name = {c["name"]: c for c in document["contenders"] if c["metrics"]}
    for bar in page.locator("#contenders .intervals .bar:has(.lane)").all():
        name = next(name for name in by_name if bar.locator(".name").inner_text().split()[0] == name)
        auc = by_name[name]["metrics"][document["task"]["metric"]]
        box = bar.locator("i").bounding_box()
        assert box is not None
        for end, at in (("low", box["x"]), ("high", box["x"] + box["width"])):
            assert low + (at - left) / (right - left) * (high - low) == pytest.approx(auc[end], abs=(high - low) / 100)


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


def take_picture(*arguments: Path) -> subprocess.CompletedProcess[str]:
    """Run the script in a process of its own: this one has a Playwright already."""
    script = Path(__file__).parents[2] / "docs" / "screenshot.py"
    return subprocess.run([sys.executable, str(script), *map(str, arguments)], capture_output=True, text=True)


def test_the_picture_of_the_readme_is_taken_by_its_script(folder: Path, tmp_path: Path) -> None:
    taken = take_picture(folder, tmp_path / "page.png")
    assert taken.returncode == 0, taken.stderr
    header = (tmp_path / "page.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(header[16:20], "big") == screenshot["WIDTH"]
    assert int.from_bytes(header[20:24], "big") == screenshot["HEIGHT"]


def test_a_folder_without_a_page_has_no_picture(tmp_path: Path) -> None:
    taken = take_picture(tmp_path)
    assert taken.returncode != 0
    assert "holds no report.html" in taken.stderr
