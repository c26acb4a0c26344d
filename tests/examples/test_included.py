"""The README shows these examples as they are run here, to the letter."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BLOCK = re.compile(r"<!-- (tests/examples/\S+) -->\n+```python\n(.*?)```\n", re.DOTALL)


def shown() -> dict[str, str]:
    """What the README includes, by the file that it names."""
    return dict(BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "example", sorted(HERE.glob("test_readme_*.py")), ids=lambda each: each.stem
)
def test_the_readme_includes_each_example_as_it_is(example):
    name = example.relative_to(ROOT).as_posix()

    assert shown().get(name) == example.read_text(encoding="utf-8")


def test_the_readme_includes_nothing_that_is_not_there():
    assert [name for name in shown() if not (ROOT / name).is_file()] == []
