"""The harness is as good as the lies it sees through."""

import pytest
from support.campaigns import run_against
from support.relays import MINIATURES, Miniature, relay

from contracts.report.model import Finding
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("miniature", MINIATURES, ids=lambda each: each.name)
def test_a_lie_is_found_by_the_check_meant_for_it(mock, miniature: Miniature):
    app = relay(mock.url, request=miniature.request, answer=miniature.answer)

    def is_meant(finding: Finding) -> bool:
        return (finding.kind, finding.check) == (miniature.kind, miniature.check)

    with serve_in_thread(app) as (url, _):
        report = run_against(
            miniature.provider,
            mock.base_urls[miniature.provider].replace(mock.url, url),
            until=is_meant,
            fuzz=False,
            only=miniature.only,
        )

    assert any(is_meant(finding) for finding in report.findings)


def test_there_are_lies_enough():
    assert len({each.name for each in MINIATURES}) >= 20


@pytest.mark.parametrize("name", ["tokenhub", "llmapi"])
def test_a_relay_that_tells_no_lie_is_not_accused(mock, name: str):
    with serve_in_thread(relay(mock.url)) as (url, _):
        base_url = mock.base_urls[name].replace(mock.url, url)
        report = run_against(name, base_url, fuzz=False)

    assert not report.broken
