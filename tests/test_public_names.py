"""The public names of the packages: importable, listed by dir(), and documented."""

import importlib
import inspect

import pytest

import contracts
import mockserver
import specs

PACKAGES = (specs, mockserver, contracts)
FIXED = [
    ("mockserver", "running"),
    ("mockserver", "pytest_plugin"),
    ("contracts", "run"),
    ("contracts.testing", "imageparity_conformance"),
]
NAMES = [(package, name) for package in PACKAGES for name in package.__all__]


@pytest.mark.parametrize(
    ("package", "name"), NAMES, ids=lambda each: getattr(each, "__name__", each)
)
def test_a_public_name_can_be_imported_and_is_listed(package, name):
    value = getattr(package, name)

    assert value is not None
    assert name in dir(package)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value), f"{package.__name__}.{name} has no docstring"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda each: each.__name__)
def test_public_names_are_sorted_and_listed_once(package):
    assert len(set(package.__all__)) == len(package.__all__)
    assert list(package.__all__) == sorted(
        package.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name)
    )


@pytest.mark.parametrize(("module", "name"), FIXED)
def test_names_that_others_rely_on_are_there(module, name):
    found = importlib.import_module(module)

    assert hasattr(found, name) or importlib.import_module(f"{module}.{name}")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda each: each.__name__)
def test_an_unknown_name_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = package.no_such_name
