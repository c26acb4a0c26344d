"""Prometheus metrics of the statistics of a server."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mockserver.state.statistics import Totals

if TYPE_CHECKING:  # imported on first use: a start without metrics is faster
    from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
START_TIME = time.time()  # of this process, in seconds since 1970


def render_metrics(
    totals: Totals, *, journal_entries: int | None = None, tasks: int | None = None
) -> str:
    """The metrics in the text format of Prometheus, version 0.0.4."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class StatisticsCollector(Collector):
        def collect(self) -> Iterator["Metric"]:
            yield from _request_metrics(totals)
            yield from _cost_metrics(totals)
            yield from _process_metrics(journal_entries, tasks)

    registry = CollectorRegistry()
    registry.register(StatisticsCollector())
    return generate_latest(registry).decode()


def _request_metrics(totals: Totals) -> Iterator["Metric"]:
    from prometheus_client.core import CounterMetricFamily, SummaryMetricFamily

    labels = ["provider", "operation", "status"]
    requests = CounterMetricFamily(
        "imageparity_requests_total",
        "Requests; status 0 means that no response was sent.",
        labels=labels,
    )
    images = CounterMetricFamily(
        "imageparity_images_total", "Images delivered.", labels=labels
    )
    outputs = CounterMetricFamily(
        "imageparity_outputs_total",
        "Outputs of other media than images delivered.",
        labels=[*labels, "unit"],
    )
    undelivered = CounterMetricFamily(
        "imageparity_undelivered_total",
        "Images and other outputs that were billed and did not reach the client.",
        labels=labels,
    )
    seconds = SummaryMetricFamily(
        "imageparity_request_seconds",
        "Time from the headers of a request to the end of its response.",
        labels=labels,
    )
    for (provider, operation, status), row in sorted(totals.rows.items()):
        values = [provider, operation, str(status)]
        requests.add_metric(values, row.requests)
        images.add_metric(values, row.images)
        undelivered.add_metric(values, row.undelivered)
        seconds.add_metric(values, count_value=row.requests, sum_value=row.seconds)
        for unit, number in sorted(row.outputs.items()):
            outputs.add_metric([*values, unit], number)
    yield from (requests, images, undelivered, seconds)
    if outputs.samples:
        yield outputs


def _cost_metrics(totals: Totals) -> Iterator["Metric"]:
    from prometheus_client.core import CounterMetricFamily

    amounts: dict[tuple[str, str], float] = {}
    unpriced: dict[str, int] = {}
    for (provider, _, _), row in sorted(totals.rows.items()):
        if row.currency:
            key = provider, row.currency
            amounts[key] = amounts.get(key, 0.0) + row.amount
        unpriced[provider] = unpriced.get(provider, 0) + row.unpriced
    cost = CounterMetricFamily(
        "imageparity_cost_total",
        "Estimated cost at list prices, in units of the currency.",
        labels=["provider", "currency"],
    )
    for (provider, currency), amount in amounts.items():
        cost.add_metric([provider, currency], round(amount, 6))
    images = CounterMetricFamily(
        "imageparity_unpriced_images_total",
        "Images without a documented price.",
        labels=["provider"],
    )
    for provider, number in unpriced.items():
        images.add_metric([provider], number)
    yield from (cost, images)


def _process_metrics(
    journal_entries: int | None, tasks: int | None
) -> Iterator["Metric"]:
    from importlib.metadata import version

    from prometheus_client.core import GaugeMetricFamily, Metric

    def gauge(name: str, help: str, value: float | None) -> Metric:
        family = GaugeMetricFamily(name, help)
        if value is not None:
            family.add_metric([], value)
        return family

    yield gauge(
        "imageparity_journal_entries",
        "Entries that the journal holds.",
        journal_entries,
    )
    yield gauge(
        "imageparity_tasks",
        "asyncio tasks of this process: connections, requests and internal ones.",
        tasks,
    )
    build_info = GaugeMetricFamily(
        "imageparity_build_info",
        "Always 1; the version is a label.",
        labels=["version"],
    )
    build_info.add_metric([version("imageparity")], 1)
    yield build_info
    yield gauge(
        "imageparity_start_time_seconds",
        "Time when this process started, in seconds since 1970.",
        round(START_TIME, 3),
    )
