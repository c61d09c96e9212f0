"""Every recipe runs as written: its blocks of Python, in order, as one program in a folder of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

RECIPES = sorted((Path(__file__).parents[2] / "docs" / "recipes").glob("[!R]*.md"))
BLOCK = re.compile(r"^```python(?: title=(?P<file>\S+))?\n(?P<code>.*?)^```$", re.M | re.S)


def program(text: str, folder: Path) -> Path:
    """Write the recipe's files into ``folder`` and return the program that the other blocks make."""
    parts = []
    for block in BLOCK.finditer(text):
        if block["file"]:
            (folder / block["file"]).write_text(block["code"])
        else:
            parts.append(block["code"])
    main = folder / "recipe.py"
    main.write_text("\n".join(parts))
    return main


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_runs_as_written(recipe: Path, tmp_path: Path) -> None:
    main = program(recipe.read_text(), tmp_path)
    assert "assert " in main.read_text(), "a recipe shows that it worked"
    done = subprocess.run([sys.executable, str(main)], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3_000:]


def test_there_is_a_recipe_for_each_kind_of_addition() -> None:
    assert {path.stem for path in RECIPES} == {"engine", "family", "metric", "stage", "table-format", "task"}


def test_the_table_tells_how_many_lines_each_addition_takes() -> None:
    table = (RECIPES[0].parent / "README.md").read_text()
    told = {name: int(lines) for name, lines in re.findall(r"\]\(([\w-]+)\.md\) \|.*\| (\d+) \|$", table, re.M)}
    first = {path.stem: next(BLOCK.finditer(path.read_text()))["code"] for path in RECIPES}
    assert told == {name: sum(bool(line.strip()) for line in code.splitlines()) for name, code in first.items()}
