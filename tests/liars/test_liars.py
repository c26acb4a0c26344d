"""
Faulty servers: each has one fault, and the harness must find it.

They share neither our documents nor our validator. By default every third one is run,
and one of each kind for each operation; all of them with LIARS=all.
"""

import importlib
import os
from typing import Any

import pytest
from liars.cast import EXPECTED, LIARS, SERVERS, Liar, right
from liars.relays import RELAYS
from miniatures import relay
from questioning import asked_of

from contracts.report.model import Finding
from mockserver.embedded.starter import serve_in_thread


def chosen() -> list[Any]:
    wanted = list(LIARS)
    if os.environ.get("LIARS") != "all":
        kinds = {(each.provider, each.operation, each.kind): each for each in LIARS}
        known = {*LIARS[::3], *kinds.values()}
        wanted = [each for each in LIARS if each in known or each.missed]
    return [
        pytest.param(
            each,
            id=each.id,
            marks=pytest.mark.xfail(reason=each.missed) if each.missed else (),
        )
        for each in wanted
    ]


@pytest.mark.parametrize("server", SERVERS)
def test_a_right_server_is_not_accused(server: str):
    with right(server) as base_url:
        report = asked_of(server, base_url)

    assert report.findings == ()


@pytest.mark.parametrize("liar", chosen())
def test_a_lie_is_found(liar: Liar):
    only = (f"{liar.operation}/",)
    with liar.serving() as base_url:
        report = asked_of(
            liar.provider,
            base_url,
            until=liar.is_given_away_by,
            fuzz=False,
            only=only,
        )

    if liar.open:
        assert report.broken == ()
    else:
        assert any(liar.is_given_away_by(each) for each in report.findings)


@pytest.mark.parametrize("name", RELAYS)
def test_a_lie_over_our_mock_is_found(mock, name: str):
    provider, request, answer = RELAYS[name]
    expected = EXPECTED["relays"][name]
    operation = "createImageEdit/request-json" if "edit" in name else "createImage/"

    def is_it(finding: Finding) -> bool:
        return finding.kind == expected["kind"] and expected["claim"] in finding.claim

    with serve_in_thread(relay(mock.url, request=request, answer=answer)) as (url, _):
        report = asked_of(
            provider,
            mock.base_urls[provider].replace(mock.url, url),
            until=is_it,
            fuzz=False,
            only=(operation,),
        )

    assert any(is_it(each) for each in report.findings)


def test_each_lie_has_its_finding():
    for provider in SERVERS:
        lies = importlib.import_module(f"liars.lies_of_{provider}").LIES
        assert set(lies) == set(EXPECTED[provider])
    assert set(RELAYS) == set(EXPECTED["relays"])


def test_there_are_liars_enough():
    told = [each for each in LIARS if not each.open]
    assert len(told) >= 80
    for provider in SERVERS:
        for operation in ("createImage", "createImageEdit"):
            names = [
                each
                for each in told
                if (each.provider, each.operation) == (provider, operation)
            ]
            assert len(names) >= 16
