"""The layers: which way imports go, and which names a module may hold."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import specs

ROOT = Path(__file__).parent.parent
LAYERS = ("specs", "mockserver", "contracts")  # each may import those before it
TOP_LEVEL = {
    *LAYERS,
    *("tests", "pyproject.toml", "Makefile", "README.md", "LICENSE", "CHANGELOG.md"),
    *("deploy", "docs", "site"),
    *(".ci", ".github", ".gitignore", ".pre-commit-hooks.yaml"),
}
# The folders and root modules of each package, from the outside in: each may import
# those behind it in its list.
FOLDERS = {
    "contracts": (
        *("reference", "cli", "scaffold"),
        *("site", "published", "testing", "reporters", "traffic", "compare", "api"),
        "sources",
        *("fleet", "execution", "ledger", "judging", "planning", "media", "report"),
        "text",
        "errors",
    ),
    "mockserver": (
        *("pytest_plugin", "cli", "embedded", "server", "app", "control", "pipeline"),
        *("settings", "simulation", "recordings", "media", "state"),
        *("errors", "hosts", "json_text", "extras", "heap", "signals"),
    ),
    "specs": (
        "clients",
        "requirement_sets",
        "pricing",
        "documents",
        "validation",
        "disk_cache",
        "media",
        "errors",
    ),
}
SERVES_ANY_MEDIUM = re.compile(
    r"mockserver\.(((control|pipeline|simulation|state)\..+)|media\.(?!registry)[a-z_]+)"
)
# Uploads are images, whatever medium they are for.
ONE_MEDIUM = re.compile(r"mockserver\.media\.[a-z_]+\.(?!uploads\b)")
MAX_LINES = 400  # of a module
# What only the harness may load: a mock must start without it.
HEAVY = {"av", "hypothesis", "schemathesis", "rich", "jinja2"}
# Facts about all providers, and the planted defects in the servers of all.
WORLD = {"sources.yaml", "fingerprints.yaml", "clients.yaml", "exercised.yaml"}
FIXED = {"openai_env"}  # a fixture that users were promised by this name
REFERENCE = "OpenAI"  # whose names are the canonical ones, and the field's own word


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    """
    Every module that a module may load, at its top or inside a function.

    A text like `package.module:name` is how our lazy command line names one.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module)
        elif isinstance(node, ast.Constant) and is_module_name(node.value):
            yield str(node.value)


def is_module_name(value: object) -> bool:
    pattern = r"[a-z_]+(\.[a-z_]+)+(:[a-z_]+)?"
    return isinstance(value, str) and bool(re.fullmatch(pattern, value))


def upwards(package: str, source: str) -> list[str]:
    """The modules that a module of a package loads and may not."""
    forbidden = LAYERS[LAYERS.index(package) + 1 :]
    names = imported(ast.parse(source))
    return [each for each in names if each.partition(".")[0] in {*forbidden, "tests"}]


MODULES = [(package, file) for package in LAYERS for file in modules(package)]
SOURCES = {
    str(file.relative_to(ROOT)): (package, file.read_text(encoding="utf-8"))
    for package, file in MODULES
}


def test_imports_go_one_way():
    found = {name: upwards(*source) for name, source in SOURCES.items()}

    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import contracts",
        "import contracts.cli.main as cli",
        "from contracts.cli.main import main",
        "def later():\n    from contracts import cli",
        "def later():\n    import_module('contracts.cli.main')",
        "COMMANDS = {'run': 'contracts.cli.run:run'}",
        "if TYPE_CHECKING:\n    import contracts",
    ],
)
def test_an_import_that_goes_the_other_way_is_found(source):
    assert upwards("mockserver", source)
    assert upwards("specs", source.replace("contracts", "mockserver"))
    assert not upwards("contracts", source.replace("contracts", "mockserver"))


def module_name(file: Path) -> str:
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


@cache
def import_graph() -> dict[str, set[str]]:
    """The modules of ours that each module imports, inside functions included."""
    known = {module_name(file): file for _, file in MODULES}
    graph: dict[str, set[str]] = {}
    for name, file in known.items():
        graph[name] = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                targets = [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                targets = [f"{node.module}.{each.name}" for each in node.names]
                targets = [each if each in known else node.module for each in targets]
            else:
                continue
            graph[name].update(each for each in targets if each in known)
    return graph


def against_the_order(graph: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The imports that point from one folder to a folder in front of it."""
    found = []
    for name, targets in graph.items():
        package, _, rest = name.partition(".")
        order, folder = FOLDERS[package], rest.partition(".")[0]
        for target in targets:
            other_package, _, other_rest = target.partition(".")
            other = other_rest.partition(".")[0]
            is_ordered = package == other_package and {folder, other} <= set(order)
            if is_ordered and order.index(other) < order.index(folder):
                found.append((name, target))
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle; empty when there is none."""
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def test_every_module_has_its_place_in_the_order():
    roots = {"__init__", "__main__"}
    for package, order in FOLDERS.items():
        names = {
            file.relative_to(ROOT / package).parts[0].removesuffix(".py")
            for file in modules(package)
        }
        assert names - roots == set(order)


def test_folders_import_only_what_stands_behind_them():
    assert against_the_order(import_graph()) == []


def test_no_modules_import_each_other_in_a_circle():
    assert circle(import_graph()) == []


def test_a_medium_is_named_in_the_table_of_media_alone():
    table, media = "contracts.media.registry", ("image", "video")
    for medium in media:
        package = f"contracts.media.{medium}"
        users = {
            name
            for name, targets in import_graph().items()
            if any(f"{each}.".startswith(f"{package}.") for each in targets)
        }
        assert {each for each in users if not each.startswith(package)} == {table}


def test_an_import_against_the_order_and_a_circle_are_found():
    graph = {
        "specs.errors": {"specs.documents.model"},
        "specs.documents.model": set(),
    }
    assert against_the_order(graph) == [("specs.errors", "specs.documents.model")]
    graph["specs.documents.model"].add("specs.errors")
    assert set(circle(graph)) == set(graph)


def of_one_medium(graph: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The imports of one medium by modules of the mock that serve any."""
    return [
        (name, target)
        for name, targets in graph.items()
        if SERVES_ANY_MEDIUM.fullmatch(name)
        for target in sorted(targets)
        if ONE_MEDIUM.match(target)
    ]


def test_only_the_table_of_media_loads_a_medium():
    assert of_one_medium(import_graph()) == []


def test_an_import_of_one_medium_is_found():
    target = "mockserver.media.image.planning"
    graph = {"mockserver.pipeline.handler": {target}, "mockserver.media.recent": set()}
    assert of_one_medium(graph) == [("mockserver.pipeline.handler", target)]


def test_no_module_is_long():
    lengths = {name: len(text.splitlines()) for name, (_, text) in SOURCES.items()}

    assert {name: each for name, each in lengths.items() if each > MAX_LINES} == {}


@pytest.mark.parametrize("package", ["specs", "mockserver"])
def test_only_the_harness_loads_the_harness_libraries(package):
    for file in modules(package):
        names = imported(ast.parse(file.read_text(encoding="utf-8")))
        assert not {each.partition(".")[0] for each in names} & HEAVY, file


ORDINARY_WORDS = {"together"}  # ids of providers that occur in any prose


@cache
def provider_words() -> list[str]:
    found = {each for name in specs.names() for each in (name, specs.load(name).title)}
    return sorted(found - ORDINARY_WORDS, key=str.lower)


def naming(text: str, words: list[str]) -> list[str]:
    """The words that stand in a text, whatever their case, or in a longer name."""
    return [
        each
        for each in words
        if re.search(
            rf"(?<![a-z0-9]){re.escape(each)}(?![a-z0-9])", text, re.IGNORECASE
        )
    ]


def code_of(source: str) -> str:
    """A module without its comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and isinstance(node, ast.Module | ast.ClassDef):
            node.body = _without_docstring(body)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = _without_docstring(node.body)
    return ast.unparse(tree)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return [*(body[1:] if is_text else body)] or [ast.Pass()]


def offences(source: str) -> list[str]:
    """
    The provider's names that a module has and may not have.

    Code has none at all. Comments and docstrings may speak of the reference, spelt as
    its owner spells it, because the field is called after it; of no other provider.
    """
    words = provider_words()
    for name in FIXED:
        source = source.replace(name, "fixed")
    prose = re.sub(rf"\b{REFERENCE}\b", "", source)
    return [*naming(code_of(source), words), *naming(prose, words)]


def test_no_module_names_a_provider():
    found = {
        name: [*offences(text), *naming(Path(name).stem, provider_words())]
        for name, (_, text) in SOURCES.items()
    }

    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("package", LAYERS)
def test_no_template_and_no_schema_names_a_provider(package):
    for file in (ROOT / package).rglob("*"):
        is_data = file.parent.name in specs.names() or file.name in WORLD
        if file.suffix in {".html", ".yaml", ".json", ".toml"} and not is_data:
            text = file.read_text(encoding="utf-8")
            words = provider_words()
            assert not naming(re.sub(rf"\b{REFERENCE}\b", "", text), words), file


@pytest.mark.parametrize(
    ("source", "is_offence"),
    [
        ('"""OpenAI-compatible image APIs."""', False),
        ("# under OpenAI's names\nx = 1", False),
        ('x = "OpenAI"', True),
        ('if name == "openai": pass', True),
        ("def openai_only(): pass", True),
        ('"""See openai."""', True),
        ('"""As TokenHub does."""', True),
        ("# AIHubMix wants this\nx = 1", True),
        ("x = {'tikhub': 1}", True),
        ("x = 'https://llmapi.site/v1'", True),
        ("tokenhubs = 1", False),
    ],
)
def test_a_module_that_names_a_provider_is_found(source, is_offence):
    assert bool(offences(source)) == is_offence


def test_the_top_level_is_a_closed_set():
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: there is no list of files")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    top = {each.partition("/")[0] for each in listed.stdout.splitlines()}

    assert top - TOP_LEVEL == set()
    assert {*LAYERS, "tests", "pyproject.toml"} <= top


def test_a_folder_of_a_provider_holds_data_and_no_code():
    for name in specs.names():
        held = {each.name for each in (ROOT / "specs" / name).iterdir()}
        assert held - {"__pycache__"} == {"openapi.yaml", "dialect.yaml"}
