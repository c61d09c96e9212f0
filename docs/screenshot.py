"""Take the picture of a run's page that the README shows: its first screens, in headless Chromium.

::

    uv run sparring demo --output RUN
    uv run python docs/screenshot.py RUN
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

TARGET = Path(__file__).parent / "page.png"
WIDTH, HEIGHT = 1280, 1700
MOST_BYTES = 400_000


def chromium() -> str:
    """Return the path of a Chromium; CHROMIUM wins over the usual places."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise SystemExit("No Chromium was found. Run: apt-get install -y chromium (or set CHROMIUM to its path).")
    return found


def take(folder: str, target: Path = TARGET, width: int = WIDTH, height: int = HEIGHT) -> Path:
    """Write the picture of ``folder/report.html`` and return its path."""
    page_path = Path(folder, "report.html").resolve()
    if not page_path.is_file():
        raise SystemExit(f"{folder} holds no report.html. Give the folder of a run, such as runs/flights.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
        page.goto(page_path.as_uri())
        page.screenshot(path=target)
        browser.close()
    if target.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{target} has {target.stat().st_size:,} bytes, at most {MOST_BYTES:,} are wanted.")
    return target


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit("Usage: python docs/screenshot.py FOLDER-OF-A-RUN [PICTURE.png]")
    print(take(sys.argv[1], Path(*sys.argv[2:3]) if sys.argv[2:] else TARGET))
