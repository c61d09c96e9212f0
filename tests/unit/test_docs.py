"""What the documents show is what the product does."""

import re
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession

ROOT = Path(__file__).parents[2]


def test_the_configuration_page_is_the_one_its_classes_generate(script: Callable) -> None:
    generate = script(ROOT / "docs" / "generate_configuration.py")
    assert generate.PAGE.read_text() == generate.page()


def test_links_between_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readmes_python_example_runs(spark: SparkSession) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    rows = [(i, f"n{i % 190}", ("Rome", "Oslo")[i % 2], i % 37, i % 5 % 2, i % 60) for i in range(400)]
    people = spark.createDataFrame(rows, "id int, name string, city string, age int, label int, patient int")
    scope: dict = {"people": people}
    exec(example, scope)
    scored = scope["model"].transform(scope["prepared"].transform(scope["parts"].where("split = 'test'")))
    assert scored.count() == scope["parts"].where("split = 'test'").count() > 0
    assert scored.where("prediction in (0, 1)").count() == scored.count()
