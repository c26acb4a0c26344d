"""`/__mock__/metrics`: the sums, for Prometheus."""

import time
from collections.abc import Iterable, Iterator, Mapping

from mockserver.state.statistics import Totals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
START_TIME = time.time()

Sample = tuple[Mapping[str, str], float]


def render_metrics(
    totals: Totals, *, journal_entries: int | None = None, tasks: int | None = None
) -> str:
    """The text exposition format, version 0.0.4."""
    from importlib.metadata import version

    rows = [
        ({"provider": provider, "operation": operation, "status": str(status)}, row)
        for (provider, operation, status), row in sorted(totals.rows.items())
    ]
    costs: dict[tuple[str, str], float] = {}
    unpriced: dict[str, int] = {}
    for labels, row in rows:
        provider = labels["provider"]
        if row.currency:
            place = provider, row.currency
            costs[place] = costs.get(place, 0.0) + row.amount
        unpriced[provider] = unpriced.get(provider, 0) + row.unpriced
    families = [
        _family(
            "imageparity_requests_total",
            "counter",
            "Requests answered; status 0 means that no answer was sent.",
            [(labels, row.requests) for labels, row in rows],
        ),
        _family(
            "imageparity_images_total",
            "counter",
            "Pictures given.",
            [(labels, row.images) for labels, row in rows],
        ),
        _family(
            "imageparity_request_seconds",
            "summary",
            "Time from a request's head to the end of its answer.",
            [(labels, row.seconds) for labels, row in rows],
            counts=[row.requests for _, row in rows],
        ),
        _family(
            "imageparity_cost_total",
            "counter",
            "What the pictures would have cost live, in units of the currency.",
            [
                ({"provider": provider, "currency": currency}, round(amount, 6))
                for (provider, currency), amount in costs.items()
            ],
        ),
        _family(
            "imageparity_unpriced_images_total",
            "counter",
            "Pictures whose price no page states.",
            [({"provider": name}, number) for name, number in unpriced.items()],
        ),
        _family(
            "imageparity_journal_entries",
            "gauge",
            "Exchanges that the journal holds.",
            [] if journal_entries is None else [({}, journal_entries)],
        ),
        _family(
            "imageparity_tasks",
            "gauge",
            "Tasks of this process's event loop: connections, requests and our own.",
            [] if tasks is None else [({}, tasks)],
        ),
        _family(
            "imageparity_build_info",
            "gauge",
            "Always 1; the version is in its label.",
            [({"version": version("imageparity")}, 1)],
        ),
        _family(
            "imageparity_start_time_seconds",
            "gauge",
            "When this process started, in seconds since 1970.",
            [({}, round(START_TIME, 3))],
        ),
    ]
    return "".join(f"{line}\n" for family in families for line in family)


def _family(
    name: str,
    type: str,
    help: str,
    samples: Iterable[Sample],
    *,
    counts: list[int] | None = None,
) -> Iterator[str]:
    """The lines of one metric; a summary has sums in `samples`, and `counts`."""
    yield f"# HELP {name} {help}"
    yield f"# TYPE {name} {type}"
    for at, (labels, value) in enumerate(samples):
        shown = _format_labels(labels)
        if counts is None:
            yield f"{name}{shown} {value}"
        else:
            yield f"{name}_sum{shown} {value}"
            yield f"{name}_count{shown} {counts[at]}"


def _format_labels(labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
