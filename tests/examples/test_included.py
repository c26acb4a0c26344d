"""The documentation shows these examples exactly as they run here."""

import re
from pathlib import Path

import pytest
from support.documentation import TEXT
from support.paths import ROOT

HERE = Path(__file__).parent
BLOCK = re.compile(
    r"<!-- (tests/examples/\S+) -->\n+```(?:python|ts)\n(.*?)```\n", re.DOTALL
)
EXAMPLES = [*HERE.glob("test_docs_*.py"), *(HERE / "recipes").rglob("*.[pt][ys]")]


def shown() -> dict[str, str]:
    """The examples that the documentation includes, by file name."""
    return dict(BLOCK.findall(TEXT))


@pytest.mark.parametrize("example", sorted(EXAMPLES), ids=lambda each: each.stem)
def test_each_example_is_included_as_it_is(example):
    name = example.relative_to(ROOT).as_posix()

    assert shown().get(name) == example.read_text(encoding="utf-8")


def test_nothing_is_included_that_does_not_exist():
    assert [name for name in shown() if not (ROOT / name).is_file()] == []
