"""Docstrings and names follow the style of CONTRIBUTING."""

import ast
import re
from collections.abc import Iterator

from support.paths import ROOT

FILES = [
    file
    for folder in ("specs", "mockserver", "contracts", "tests")
    for file in sorted((ROOT / folder).rglob("*.py"))
    if "independent" not in file.parts
]
CLAUSE = re.compile(r"(What|Whether|How|That|Where|Who|Whose|When|Why|Which)\b")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def relative_clauses(tree: ast.AST) -> Iterator[str]:
    """Docstrings that begin with a relative clause instead of a noun or a verb."""
    for node in ast.walk(tree):
        text = ast.get_docstring(node) if isinstance(node, DOCUMENTED) else None
        if text and CLAUSE.match(text):
            yield text


def loops_over_each(tree: ast.AST) -> Iterator[int]:
    """Lines of loops whose variable is `each`; comprehensions may use it."""
    for node in ast.walk(tree):
        is_loop = isinstance(node, ast.For | ast.AsyncFor)
        if is_loop and isinstance(node.target, ast.Name) and node.target.id == "each":
            yield node.lineno


def test_docstrings_and_loops_follow_the_style():
    found = {}
    for file in FILES:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        found[str(file)] = [*relative_clauses(tree), *loops_over_each(tree)]

    assert {name: each for name, each in found.items() if each} == {}


def test_a_clause_and_a_loop_over_each_are_found():
    tree = ast.parse('def f():\n    """What is left."""\nfor each in x: pass')

    assert list(relative_clauses(tree)) == ["What is left."]
    assert list(loops_over_each(tree)) == [3]
    assert not list(loops_over_each(ast.parse("[each for each in x]")))
