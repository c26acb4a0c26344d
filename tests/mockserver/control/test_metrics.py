"""`/__mock__/metrics`, read by the parser of prometheus-client."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from support.processes import control, post, serving

from mockserver.control.metrics import CONTENT_TYPE, render_metrics
from mockserver.state.statistics import StatusTotals, Totals


def read(text):
    """The value of each sample by name and labels."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def families(text):
    return {each.name: each for each in text_string_to_metric_families(text)}


def sample(name, **labels):
    return (f"imageparity_{name}", *sorted(labels.items()))


def test_sums_are_read_as_they_are():
    rows = {
        ("one", "createImage", 200): StatusTotals(3, 5, 0.75, 0.625, "USD", 0),
        ("one", "createImageEdit", 200): StatusTotals(1, 1, 0.5, 0.125, "USD", 0),
        ("one", "createImage", 429): StatusTotals(2, 0, 0.25),
        ("two", "createImage", 200): StatusTotals(1, 2, 0.125, 0.0, "", 2),
    }

    found = read(render_metrics(Totals(rows), journal_entries=7, tasks=3))

    one = {"provider": "one", "operation": "createImage", "status": "200"}
    assert found[sample("requests_total", **one)] == 3
    assert found[sample("images_total", **one)] == 5
    assert found[sample("request_seconds_sum", **one)] == 0.75
    assert found[sample("request_seconds_count", **one)] == 3
    assert found[sample("cost_total", provider="one", currency="USD")] == 0.75
    assert found[sample("unpriced_images_total", provider="two")] == 2
    assert found[sample("journal_entries")] == 7
    assert found[sample("tasks")] == 3
    assert not [each for each in found if ("currency", "") in each]
    start = found[sample("start_time_seconds")]
    assert 0 < start <= time.time()


def test_every_metric_has_a_type_and_a_help():
    known = families(
        render_metrics(Totals({("a", "b", 200): StatusTotals(1)}), journal_entries=1)
    )

    assert {
        name.removeprefix("imageparity_"): each.type for name, each in known.items()
    } == {
        "requests": "counter",
        "images": "counter",
        "request_seconds": "summary",
        "cost": "counter",
        "unpriced_images": "counter",
        "undelivered": "counter",
        "journal_entries": "gauge",
        "tasks": "gauge",
        "build_info": "gauge",
        "start_time_seconds": "gauge",
    }
    assert all(each.documentation.endswith(".") for each in known.values())


@settings(deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.text(), st.text(), st.integers(0, 599)),
        st.builds(
            StatusTotals,
            requests=st.integers(0, 2**53),
            images=st.integers(0, 2**53),
            seconds=st.floats(0, 1e300),
            amount=st.floats(0, 1e9),
            currency=st.text(min_size=1),
        ),
        max_size=4,
    )
)
def test_whatever_names_and_numbers_there_are_they_come_through(rows):
    found = read(render_metrics(Totals(rows)))

    for (provider, operation, status), row in rows.items():
        labels = {"provider": provider, "operation": operation, "status": str(status)}
        assert found[sample("requests_total", **labels)] == row.requests
        assert found[sample("request_seconds_sum", **labels)] == row.seconds
        place = sample("cost_total", provider=provider, currency=row.currency)
        assert place in found


@pytest.mark.parametrize("workers", [(), ("--workers", "1")])
def test_a_server_gives_them(workers):
    with serving("tokenhub", *workers) as (_, ready):
        post(ready, "tokenhub")
        post(ready, "tokenhub")
        post(ready, "tokenhub", key=None)

        answer = control(ready, "/metrics")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == CONTENT_TYPE
    found = read(answer.body.decode())
    labels = {"provider": "tokenhub", "operation": "createImage"}
    assert found[sample("requests_total", status="200", **labels)] == 2
    assert found[sample("requests_total", status="401", **labels)] == 1
    assert found[sample("images_total", status="200", **labels)] == 2
    assert found[sample("cost_total", provider="tokenhub", currency="USD")] == 0.25
