"""A mock starts light: nothing of the harness, no pictures before the first."""

import json
import subprocess
import sys

import pytest
from support.providers import IMAGE_PROVIDERS

pytestmark = pytest.mark.slow

SCRIPT = """
import json, sys, urllib.request
import mockserver, specs
with mockserver.running() as running:
    started = sorted(sys.modules)
    for name in sys.argv[1:]:
        model = specs.load(name).dialect.model
        urllib.request.urlopen(urllib.request.Request(
            running.base_urls[name] + "/images/generations",
            data=json.dumps({"model": model, "prompt": "x"}).encode(),
            headers={"Authorization": "Bearer x", "Content-Type": "application/json"},
        )).read()
    served = sorted(sys.modules)
print(json.dumps([started, served]))
"""


@pytest.fixture(scope="module")
def modules():
    """The modules imported once a mock has started, and once it has responded."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *IMAGE_PROVIDERS],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["hypothesis", "schemathesis", "contracts", "pytest"])
def test_a_mock_imports_nothing_of_the_harness(modules, name):
    for loaded in modules:
        assert name not in {each.partition(".")[0] for each in loaded}


def test_the_documents_and_the_mock_import_nothing_of_the_harness_at_all():
    """Not even a module that only a command or a test uses."""
    script = (
        "import importlib, pkgutil, sys\n"
        "import mockserver, specs\n"
        "from mockserver.extras import MODULES\n"
        "for each in MODULES['harness']: sys.modules[each] = None\n"
        "for package in (specs, mockserver):\n"
        "    name = package.__name__\n"
        "    for each in pkgutil.walk_packages(package.__path__, name + '.'):\n"
        "        if not each.name.endswith(('.__main__', '.pytest_plugin')):\n"
        "            importlib.import_module(each.name)\n"
    )

    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


@pytest.mark.parametrize("name", ["PIL", "jsonschema", "redis", "jinja2", "rich"])
def test_what_is_needed_later_is_imported_later(modules, name):
    assert name not in {each.partition(".")[0] for each in modules[0]}


def test_the_picture_library_is_imported_with_the_first_picture(modules):
    assert "PIL" in modules[1]


def test_the_command_line_imports_no_server_to_explain_itself():
    script = (
        "import sys\nfrom mockserver.cli.main import main\n"
        "try:\n    main(['serve', '--help'])\n"
        "except SystemExit:\n    print('aiohttp' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )

    assert done.stdout.splitlines()[-1] == "False"


def test_public_names_are_listed_and_imported_when_they_are_used():
    script = (
        "import sys, mockserver\n"
        "assert set(mockserver.__all__) <= set(dir(mockserver))\n"
        "assert not [each for each in sys.modules if each.startswith('mockserver.')]\n"
        "for name in mockserver.__all__: getattr(mockserver, name)\n"
        "assert mockserver.__version__[0].isdigit()\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
