"""Formats for other programs follow their standards."""

import csv
import json
import re
from importlib.resources import files
from io import StringIO
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from support.providers import IMAGE_PROVIDERS
from support.reports import (
    ALL,
    BROKEN,
    CONFORMING,
    HOSTILE,
    claim,
    finding,
    outcome,
    report,
    target,
)

import specs
from contracts.cli.documents.schema import schema
from contracts.cli.main import main
from contracts.compare import (
    Comparison,
    ComparisonRow,
    MeasuredBehavior,
    ProviderCell,
    ProviderColumn,
    compare,
)
from contracts.compare.documents.model import Conformance, Section
from contracts.judging.outcome import FeatureVerdict
from contracts.reporters import REPORTERS
from contracts.reporters.comparison import compat
from contracts.reporters.comparison import csv as table
from contracts.reporters.run import sarif

DOCUMENT = """\
openapi: 3.1.0
info:
  version: "2026"
components:
  schemas:
    N:
      maximum: 10
"""


@pytest.fixture
def providers(tmp_path, monkeypatch):
    """A folder of providers in the working directory."""
    folder = tmp_path / "providers"
    (folder / "one").mkdir(parents=True)
    (folder / "one" / "openapi.yaml").write_text(DOCUMENT)
    monkeypatch.chdir(tmp_path)
    return folder


def located(made, *folders) -> list[tuple[str, int]]:
    (run,) = json.loads(sarif.render(made, *folders))["runs"]
    places = [each["locations"][0]["physicalLocation"] for each in run["results"]]
    return [
        (each["artifactLocation"]["uri"], each["region"]["startLine"])
        for each in places
    ]


# The requirements of SARIF 2.1.0 for the parts that are used here.
TEXT = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"minLength": 1}},
}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
SARIF = {
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "items": {
                "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "properties": {
                                    "rules": {
                                        "uniqueItems": True,
                                        "items": {
                                            "required": ["id"],
                                            "properties": {
                                                "shortDescription": TEXT,
                                                "fullDescription": TEXT,
                                                "helpUri": {
                                                    "pattern": r"^https?://\S+$"
                                                },
                                            },
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "invocations": {"items": {"required": ["executionSuccessful"]}},
                    "results": {
                        "items": {
                            "required": ["message"],
                            "properties": {
                                "level": LEVEL,
                                "message": TEXT,
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "occurrenceCount": {"type": "integer", "minimum": 1},
                                "partialFingerprints": {
                                    "additionalProperties": {"type": "string"}
                                },
                                "locations": {
                                    "items": {
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation"],
                                                "properties": {
                                                    "region": {
                                                        "properties": {
                                                            "startLine": {"minimum": 1}
                                                        }
                                                    },
                                                    "artifactLocation": {
                                                        "properties": {
                                                            "uri": {"pattern": r"^\S+$"}
                                                        }
                                                    },
                                                },
                                            }
                                        }
                                    }
                                },
                            },
                        }
                    },
                },
            }
        },
    },
}


@pytest.mark.parametrize("name", ALL)
def test_sarif_follows_its_standard(name):
    Draft202012Validator(SARIF).validate(
        json.loads(REPORTERS["sarif"].render(ALL[name]))
    )


def test_sarif_points_at_the_line_of_the_claim(providers):
    made = report(outcome("one", [finding()]), targets=(target("one"),))

    assert located(made, providers) == [("providers/one/openapi.yaml", 6)]


def test_sarif_points_at_the_line_of_a_document_that_ships(provider):
    """The pointer of every claim resolves to a line."""
    chosen = [each for each in specs.claims(provider) if each.id.endswith("/enum")][-1]
    one = target(
        provider.id,
        document=provider.version,
        claims=(claim(chosen.id, pointer=chosen.pointer),),
    )
    made = report(outcome(provider.id, [finding(claim=chosen.id)]), targets=(one,))

    ((uri, line),) = located(made)

    assert uri == f"specs/{provider.id}/openapi.yaml"
    text = (files("specs") / provider.id / "openapi.yaml").read_text(encoding="utf-8")
    name = chosen.pointer.rpartition("/")[2].replace("~1", "/")
    assert name in text.splitlines()[line - 1] or name.isdecimal()


def test_show_writes_sarif_with_the_same_lines(providers):
    made = report(outcome("one", [finding()]), targets=(target("one"),))
    made.write("report.jsonl")
    words = ["show", "report.jsonl", "--format", "sarif", "--specs", str(providers)]

    done = CliRunner().invoke(main, words)

    assert done.stdout == sarif.render(made, providers)
    assert '"startLine": 6' in done.stdout


@pytest.mark.parametrize(("version", "line"), [("2026", 7), ("2025", 1)])
def test_sarif_points_at_a_copy_of_the_document(tmp_path, monkeypatch, version, line):
    """The copy has a comment more, or is another version of the document."""
    monkeypatch.chdir(tmp_path)
    copy = tmp_path / "docs" / "one api.yaml"
    copy.parent.mkdir()
    copy.write_text("# Our copy\n" + DOCUMENT.replace("2026", version))
    made = report(outcome("one", [finding()]), targets=(target("one"),))
    made.write("report.jsonl")
    words = ["show", "report.jsonl", "--format", "sarif"]

    done = CliRunner().invoke(
        main, [*words, "--sarif-document", "one=docs/one api.yaml"]
    )

    (run,) = json.loads(done.stdout)["runs"]
    (place,) = [each["physicalLocation"] for each in run["results"][0]["locations"]]
    assert place["artifactLocation"] == {"uri": "docs/one%20api.yaml"}
    assert place["region"] == {"startLine": line}


@pytest.mark.parametrize(
    ("format_", "value", "said"),
    [
        ("sarif", "two=report.jsonl", "two: it is not tested here"),
        ("sarif", "one=missing.yaml", "there is no file missing.yaml"),
        ("sarif", "report.jsonl", "'report.jsonl' is not PROVIDER=PATH"),
        ("html", "one=report.jsonl", "goes with SARIF output"),
    ],
)
def test_a_copy_of_a_document_that_has_no_effect_is_rejected(
    tmp_path, monkeypatch, format_, value, said
):
    monkeypatch.chdir(tmp_path)
    made = report(outcome("one", [finding()]), targets=(target("one"),))
    made.write("report.jsonl")
    words = ["show", "report.jsonl", "--format", format_, "--sarif-document", value]

    done = CliRunner().invoke(main, words)

    assert done.exit_code == 2
    assert said in done.stderr


def test_sarif_has_line_1_for_another_version_of_a_document(providers):
    older = (target("one", document="2025"),)

    made = report(outcome("one", [finding()]), targets=older)

    assert located(made, providers) == [("providers/one/openapi.yaml", 1)]


def test_sarif_has_a_file_uri_for_a_document_outside_the_working_directory(
    providers, tmp_path_factory, monkeypatch
):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    made = report(outcome("one", [finding()]), targets=(target("one"),))

    assert located(made, providers) == [
        ((providers / "one" / "openapi.yaml").as_uri(), 6)
    ]


def test_sarif_has_a_fingerprint_for_code_scanning():
    (run,) = json.loads(REPORTERS["sarif"].render(BROKEN))["runs"]

    hashes = [
        each["partialFingerprints"]["primaryLocationLineHash"]
        for each in run["results"]
    ]
    assert hashes == [f"{'f' * 16}:1", f"{'d' * 16}:1"]


# The elements of https://github.com/jenkinsci/xunit-plugin for JUnit.
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase", "system-out", "system-err"},
    "testcase": {"failure", "error", "skipped", "system-out", "system-err"},
    "properties": {"property"},
}
NEEDED = {
    "testsuite": {"name", "tests", "failures", "errors"},
    "testcase": {"name", "classname"},
    "property": {"name", "value"},
}


@pytest.mark.parametrize("name", ALL)
def test_junit_follows_the_schema_of_its_readers(name):
    root = ET.fromstring(REPORTERS["junit"].render(ALL[name]))

    assert root.tag == "testsuites"
    suites = [each.get("name") for each in root]
    assert suites == [each.provider for each in ALL[name].metadata.targets]
    for element in root.iter():
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
        assert NEEDED.get(element.tag, set()) <= set(element.attrib)
    for suite in root:
        cases = suite.findall("testcase")
        names = [(each.get("classname"), each.get("name")) for each in cases]
        assert len(set(names)) == len(names) == int(suite.get("tests"))
        assert len(suite.findall("testcase/failure")) == int(suite.get("failures"))


@pytest.mark.parametrize("format_", ["ctrf", "badge"])
@pytest.mark.parametrize("name", ALL)
def test_a_json_format_follows_its_schema(name, format_):
    text = REPORTERS[format_].render(ALL[name])

    Draft202012Validator(schema(format_)).validate(json.loads(text))


def test_ctrf_has_a_test_for_each_finding_and_passed_claim():
    results = json.loads(REPORTERS["ctrf"].render(BROKEN))["results"]

    assert [(each["suite"], each["status"]) for each in results["tests"]] == [
        (["One", "createImage"], "failed"),
        (["One", "createImage"], "passed"),
        (["Two", "createImage"], "passed"),
    ]
    failed = results["tests"][0]
    assert failed["message"] == "n = 11 was accepted"
    assert failed["rawStatus"] == "accepts-invalid"
    assert "source: One: images" in failed["trace"]
    assert any(HOSTILE in line for line in results["tests"][1]["stdout"])
    counts = results["summary"]
    assert (counts["tests"], counts["passed"], counts["failed"]) == (3, 2, 1)
    assert (failed["duration"], counts["stop"] - counts["start"]) == (250, 500)


@pytest.mark.parametrize(
    ("outcomes", "more", "message", "color"),
    [
        ([outcome()], {}, "conforms", "brightgreen"),
        ([outcome(findings=[finding(basis="assumed")])], {}, "conforms", "brightgreen"),
        ([outcome(findings=[finding()])], {}, "1 finding", "red"),
        (
            [outcome()],
            {"stopped": "budget"},
            "conforms as far as tested",
            "yellowgreen",
        ),
        ([], {"stopped": "interrupt"}, "not tested", "lightgrey"),
    ],
)
def test_a_badge_is_green_only_after_a_complete_run(outcomes, more, message, color):
    made = report(*outcomes, targets=(target("one"),), **more)

    badge = json.loads(REPORTERS["badge"].render(made))

    assert badge["label"] == "One"
    assert (badge["message"], badge["color"]) == (message, color)


def test_a_badge_of_several_counts_them():
    assert json.loads(REPORTERS["badge"].render(BROKEN))["message"] == "1 of 2 conform"
    assert json.loads(REPORTERS["badge"].render(CONFORMING))["message"] == "conforms"


def cell(value="1…10", **changes):
    made = {"source": "S1#n", "source_url": "https://one.example", **changes}
    return ProviderCell(value, **made)


MEASURED = MeasuredBehavior(
    Conformance.BROKEN,
    FeatureVerdict.IGNORED,
    asked=3,
    value="=HYPERLINK(1)",
    fingerprint="f" * 16,
)
COMPARED = Comparison(
    providers=(
        ProviderColumn("one", "One", "2026", ("createImage",)),
        ProviderColumn("two", "Two", "7", ("createImage",)),
        ProviderColumn("three", "Three", "8", ("createImage",)),
    ),
    rows=(
        ComparisonRow(
            "createImage/request/n",
            "n",
            "createImage",
            Section.REQUEST,
            {
                "one": cell(measured={"one": MEASURED, "one 2": MEASURED}),
                "two": cell("1…4", wire="count", letter="B", differs_in=("maximum",)),
                "three": cell("none", stated=False, letter="C"),
            },
        ),
        ComparisonRow(
            "createImage/request/n/deep",
            "=2+2",
            "createImage",
            Section.REQUEST,
            {
                "one": cell(basis="assumed", note='a\nnote, "quoted"'),
                "two": cell("-1"),
                "three": cell(),
            },
        ),
    ),
)


def test_compatibility_data_has_documented_and_measured_values():
    data = json.loads(compat.render(COMPARED))

    Draft202012Validator(schema("compat")).validate(data)
    assert data["providers"]["one"] == {"name": "One", "document": "2026"}
    found = data["features"]["createImage"]["request"]["n"]
    support = found["__compat"]["support"]
    assert support["two"]["version_added"] == "7"
    assert support["two"]["alternative_name"] == "count"
    assert support["two"]["partial_implementation"]
    assert support["two"]["notes"] == ["differs from most providers in: maximum"]
    assert "partial_implementation" not in support["one"]
    assert support["three"]["version_added"] is False
    assert support["one"]["measured"]["one"]["verdict"] == "ignored"
    assert found["deep"]["__compat"]["support"]["one"]["version_added"] is None


def test_csv_has_a_line_for_each_feature_and_provider():
    rows = list(csv.DictReader(StringIO(table.render(COMPARED), newline="")))

    assert [(each["id"], each["provider"], each["target"]) for each in rows] == [
        ("createImage/request/n", "one", "one"),
        ("createImage/request/n", "one", "one 2"),
        ("createImage/request/n", "two", ""),
        ("createImage/request/n", "three", ""),
        ("createImage/request/n/deep", "one", ""),
        ("createImage/request/n/deep", "two", ""),
        ("createImage/request/n/deep", "three", ""),
    ]
    assert rows[0]["verdict"] == "ignored"
    assert (rows[2]["wire"], rows[2]["differs_in"]) == ("count", "maximum")
    assert rows[4]["note"] == 'a note, "quoted"'


def test_csv_has_no_formulas():
    rows = list(csv.reader(StringIO(table.render(COMPARED), newline="")))

    cells = [each for row in rows for each in row]
    assert not [each for each in cells if re.match("[=+@-]", each)]
    assert "'=HYPERLINK(1)" in cells


def test_the_shipped_documents_can_be_written_as_csv_and_compatibility_data():
    found = compare([specs.load(name) for name in IMAGE_PROVIDERS])

    data = json.loads(compat.render(found))
    rows = list(csv.DictReader(StringIO(table.render(found), newline="")))

    Draft202012Validator(schema("compat")).validate(data)
    of_images = len(found.rows) * len(found.providers)
    of_others = sum(
        len(each.rows) * len(each.columns) for each in (found.operations, found.tasks)
    )
    assert len(rows) == of_images + of_others
    ids = {each["id"] for each in compats(data["features"])}
    all_rows = (*found.rows, *found.operations.rows, *found.tasks.rows)
    assert ids == {each.id for each in all_rows} == {each["id"] for each in rows}


def compats(node):
    for name, each in node.items():
        if name == "__compat":
            yield each
        else:
            yield from compats(each)


def test_markdown_is_short_before_its_folds_with_many_findings():
    many = [
        finding(claim=f"createImage/request/p{n}", fingerprint=f"{n:016}")
        for n in range(90)
    ]
    made = report(outcome("one", many), targets=(target("one"),))

    head, fold, _ = REPORTERS["markdown"].render(made).partition("<details>")

    assert fold
    assert len(head.splitlines()) <= 40
