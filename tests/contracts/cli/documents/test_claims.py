"""The command `claims`: one line per claim."""

import json

from click.testing import CliRunner

from contracts.cli.main import main


def run(*words: str):
    return CliRunner().invoke(main, ["claims", "tokenhub", *words])


def test_a_claim_is_one_line():
    listed = [json.loads(line) for line in run("--json").stdout.splitlines()]
    lines = run().stdout.splitlines()

    assert f"{len(listed)} claims, " in lines[0]
    for claim in listed:
        (line,) = (each for each in lines if each.startswith(f"{claim['id']}    "))
        assert claim["sentence"].split()[0] in line
        assert (
            f"    {claim['source']} ({claim['basis']})    {claim['mock']}    " in line
        )


def test_numbers_of_cases_have_the_right_plural():
    text = run().stdout

    assert "tested by 1 case" in text
    assert "tested by 1 cases" not in text
    assert "tested by 2 cases" in text


def test_only_some_claims_are_listed():
    text = run("--only", "/n/maximum", "--only", "/n/minimum").stdout
    ids = [line.split()[0] for line in text.splitlines()[2:] if line]

    assert "createImage/request/n/maximum" in ids
    assert all("/n/maximum" in each or "/n/minimum" in each for each in ids)
    rows = run("--only", "/n/maximum", "--json").stdout.splitlines()
    assert [json.loads(row)["id"].endswith("/n/maximum") for row in rows] == [True] * 3


def test_a_part_that_no_claim_has_is_an_error():
    result = run("--only", "/nothing")

    assert result.exit_code == 2
    assert "/nothing" in result.stderr


def test_all_that_is_known_of_a_claim_is_printed_on_request():
    text = run("--only", "createImage/request/n/maximum", "--verbose").stdout

    assert "    document  tokenhub/openapi.yaml#/components/schemas/N" in text
    assert "    source    S4#n (documented) TokenHub: guide to gpt-image-2, n" in text
