"""
Faulty servers: each has one fault, and the harness must find it.

They share neither our documents nor our validator. By default every third one is run,
and one of each kind for each operation; all of them with FAULTY_SERVERS=all.
"""

import importlib
import os
from typing import Any

import pytest
from faulty_servers.catalogue import (
    EXPECTED,
    FAULTY_SERVERS,
    SERVERS,
    FaultyServer,
    correct_server,
)
from faulty_servers.relays import RELAYS
from support.campaigns import run_against
from support.relays import relay

from contracts.report.model import Finding
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow


def chosen() -> list[Any]:
    wanted = list(FAULTY_SERVERS)
    if os.environ.get("FAULTY_SERVERS") != "all":
        kinds = {
            (each.provider, each.operation, each.kind): each for each in FAULTY_SERVERS
        }
        known = {*FAULTY_SERVERS[::3], *kinds.values()}
        wanted = [each for each in FAULTY_SERVERS if each in known or each.missed]
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
    with correct_server(server) as base_url:
        report = run_against(server, base_url)

    assert report.findings == ()


@pytest.mark.parametrize("liar", chosen())
def test_a_lie_is_found(liar: FaultyServer):
    only = (f"{liar.operation}/",)
    with liar.serving() as base_url:
        report = run_against(
            liar.provider,
            base_url,
            until=liar.is_found_by,
            fuzz=False,
            only=only,
        )

    if liar.open:
        assert report.broken == ()
    else:
        assert any(liar.is_found_by(each) for each in report.findings)


@pytest.mark.parametrize("name", RELAYS)
def test_a_lie_over_our_mock_is_found(mock, name: str):
    provider, request, answer = RELAYS[name]
    expected = EXPECTED["relays"][name]
    operation = "createImageEdit/request-json" if "edit" in name else "createImage/"

    def is_it(finding: Finding) -> bool:
        return finding.kind == expected["kind"] and expected["claim"] in finding.claim

    with serve_in_thread(relay(mock.url, request=request, answer=answer)) as (url, _):
        report = run_against(
            provider,
            mock.base_urls[provider].replace(mock.url, url),
            until=is_it,
            fuzz=False,
            only=(operation,),
        )

    assert any(is_it(each) for each in report.findings)


def test_each_lie_has_its_finding():
    for provider in SERVERS:
        lies = importlib.import_module(f"faulty_servers.defects_{provider}").DEFECTS
        assert set(lies) == set(EXPECTED[provider])
    assert set(RELAYS) == set(EXPECTED["relays"])


def test_there_are_liars_enough():
    told = [each for each in FAULTY_SERVERS if not each.open]
    assert len(told) >= 80
    for provider in SERVERS:
        for operation in ("createImage", "createImageEdit"):
            names = [
                each
                for each in told
                if (each.provider, each.operation) == (provider, operation)
            ]
            assert len(names) >= 16
