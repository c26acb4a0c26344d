"""The wheel and the source archive hold everything they must, and nothing else."""

import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from support.wheels import built_wheel

import specs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PACKAGES = ("specs", "mockserver", "contracts")
SHIPPED = {
    "specs/clients.yaml",
    "specs/fingerprints.yaml",
    "specs/sources.yaml",
    "specs/documents/dialect.schema.yaml",
    "specs/documents/document.schema.yaml",
    "specs/py.typed",
    "mockserver/py.typed",
    "contracts/py.typed",
    "contracts/report/baseline.schema.yaml",
    "contracts/report/report.schema.yaml",
    "contracts/reporters/page/templates/page.css",
    "contracts/reporters/page/templates/page.js",
    "contracts/reporters/page/templates/template.html",
    "mockserver/recordings/cassette.schema.yaml",
    "mockserver/control/inspector.html",
    "mockserver/simulation/script.schema.yaml",
    *(f"specs/{name}/openapi.yaml" for name in specs.names()),
    *(f"specs/{name}/dialect.yaml" for name in specs.names()),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(built_wheel(folder)) as opened:
        yield opened


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("sdist")
    (path,) = SdistBuilder(str(ROOT)).build(
        directory=str(folder), versions=["standard"]
    )
    with tarfile.open(path) as opened:
        return {each.partition("/")[2] for each in opened.getnames()}


def sources() -> set[str]:
    """Every file of the packages as it lies here, what is made by running left out."""
    return {
        str(file.relative_to(ROOT))
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_the_wheel_holds_every_document_and_every_template(wheel):
    assert set(wheel.namelist()) >= SHIPPED


def test_the_wheel_holds_the_packages_whole(wheel):
    assert set(wheel.namelist()) >= sources()


def test_the_wheel_holds_nothing_but_the_packages(wheel):
    """The wheel holds neither tests nor documents of the project."""
    (info,) = {
        name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name
    }

    tops = {name.partition("/")[0] for name in wheel.namelist()}

    assert tops == {*PACKAGES, info}


def test_the_wheel_has_one_command_and_one_plugin(wheel):
    (entry_points,) = (n for n in wheel.namelist() if n.endswith("entry_points.txt"))

    text = wheel.read(entry_points).decode()

    assert text.split() == [
        "[console_scripts]",
        "imageparity",
        "=",
        "contracts.cli.main:main",
        "[pytest11]",
        "imageparity",
        "=",
        "mockserver.pytest_plugin",
    ]


def test_the_wheel_says_what_it_needs_and_may_be_used_under(wheel):
    (metadata,) = (n for n in wheel.namelist() if n.endswith("/METADATA"))

    told = message_from_string(wheel.read(metadata).decode())

    assert told["Name"] == "imageparity"
    assert told["License-Expression"] == "MIT"
    assert told["Requires-Python"] == ">=3.11"
    assert any(n.endswith("licenses/LICENSE") for n in wheel.namelist())


def test_the_sdist_holds_all_that_is_needed_to_build_and_test_again(sdist):
    assert sdist >= SHIPPED | sources()
    assert sdist >= {"pyproject.toml", "README.md", "LICENSE", "tests/test_wheel.py"}


def test_the_sdist_holds_no_machinery(sdist):
    assert not [name for name in sdist if name.startswith((".ci", ".github", ".git/"))]
    assert not [name for name in sdist if "__pycache__" in name or ".venv" in name]
