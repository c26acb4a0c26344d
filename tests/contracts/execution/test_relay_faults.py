"""The harness finds the relay faults that the mock simulates."""

from dataclasses import replace

import pytest
from support.relays import relay

import contracts
from mockserver.embedded.starter import serve_in_thread
from mockserver.simulation.faults import FAULTS

pytestmark = pytest.mark.slow

ALL, N = "createImage/request/", "createImage/request/n/"
FORMATS, STREAMS = f"{ALL}output_format/", f"{ALL}stream/"
FOUND = {
    "bad-base64": (ALL, "decodes"),
    "empty-data": (ALL, "count-equals-n"),
    "fewer-images": (N, "count-equals-n"),
    "other-format": (FORMATS, "format-as-asked"),
    "stream-error": (STREAMS, "one-completed-event"),
}
PAGES = ("cdn-timeout;seconds=0", "html;status=504")


def run(base_url, only, key="sk-a-secret-key"):
    return contracts.run(
        "openai",
        against=base_url,
        key=key,
        only=only,
        fuzz=False,
        second_opinion=False,
        max_cases=12,
    )


@pytest.mark.parametrize("fault", FOUND)
def test_a_relay_fault_is_found(mock, fault):
    only, check = FOUND[fault]

    report = run(mock.base_urls["openai"], only, key=f"sk-mock-{fault}")

    assert report.broken
    found = {(each.kind, each.check) for each in report.findings}
    assert ("wrong-response", check) in found


@pytest.mark.parametrize("fault", PAGES)
def test_a_page_of_a_content_delivery_network_is_found(mock, fault):
    """It comes for images that take long only; else nothing could be tested."""
    assert fault.partition(";")[0] in FAULTS

    def slow_if_good(request):
        if request.asked.get("quality") != "high":
            return request
        return replace(request, headers={**request.headers, "X-Mock-Fault": fault})

    with serve_in_thread(relay(mock.url, request=slow_if_good)) as (url, _):
        report = run(f"{url}/openai/v1", f"{ALL}quality/")

    assert report.broken
    found = {(each.kind, each.check) for each in report.findings}
    assert found == {("crash", "valid-is-accepted")}


@pytest.mark.parametrize("fault", PAGES)
def test_a_run_behind_a_page_alone_says_what_it_is(mock, fault):
    with pytest.raises(contracts.CouldNotRun, match="This is an HTML page, not an API"):
        run(mock.base_urls["openai"], ALL, key=f"sk-mock-{fault}")
