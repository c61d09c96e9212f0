"""Where the jars of the hand-off are, and which Spark they run on."""

import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

from sparring.errors import MissingDependencyError, PlatformError
from sparring.spark import jars
from sparring.spark.jars import VERSION_MATRIX, package_folder, require_supported_spark, sagemaker_jars


def test_every_jar_of_the_library_is_listed_once_the_shadowing_bundle_last() -> None:
    folder = package_folder("sagemaker_pyspark")
    assert folder is not None
    found = [Path(jar) for jar in sagemaker_jars()]
    assert sorted(found) == sorted(folder.rglob("*.jar"))
    names = [jar.name for jar in found]
    assert any(name.startswith("sagemaker-spark_2.12-") for name in names)
    assert ["sdk-bundle" in name for name in names] == [False] * (len(names) - 1) + [True]


def test_a_package_is_found_without_being_imported() -> None:
    code = "import sys; from sparring.spark.jars import package_folder as f; print(f('moto'), 'moto' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    folder, imported = done.stdout.split()
    assert Path(folder).name == "moto"
    assert imported == "False"
    assert package_folder("no_such_package") is None


def test_a_missing_library_is_said_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "package_folder", lambda package: None)
    with pytest.raises(MissingDependencyError, match=r"pip install --no-deps sagemaker-pyspark==1\.4\.5"):
        sagemaker_jars()


def test_the_spark_of_this_project_is_a_supported_line() -> None:
    require_supported_spark(pyspark.__version__)


@pytest.mark.parametrize("version", ["3.3.4", "3.50.0", "4.0.0", "4.1.0-preview1"])
def test_a_spark_that_cannot_load_the_jar_is_refused_with_a_way_out(version: str) -> None:
    with pytest.raises(PlatformError, match=rf"this is {version}.*pip install pyspark==3\.5"):
        require_supported_spark(version)


def test_the_matrix_tells_of_each_line_whether_it_works() -> None:
    for line, says in VERSION_MATRIX.items():
        if "works" in says:
            require_supported_spark(f"{line}.0")
        else:
            with pytest.raises(PlatformError):
                require_supported_spark(f"{line}.0")


def test_the_command_copies_the_jars(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sparring.spark.jars", str(tmp_path / "jars")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "jars").iterdir()} == {Path(jar).name for jar in sagemaker_jars()}
