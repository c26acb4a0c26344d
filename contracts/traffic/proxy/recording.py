"""Exchanges of a proxy, prepared for the recorder."""

from collections.abc import Mapping, Sequence

from contracts.traffic.exchange import ObservedExchange, Unreadable, decode_content
from contracts.traffic.judge import JudgedExchange, TrafficJudge
from mockserver.recordings.recorder import ExchangeRecord
from mockserver.recordings.redaction import REDACTED, Headers
from specs import KeyPlace, KeyScheme


def exchange_record(
    judge: TrafficJudge,
    judged: JudgedExchange,
    links: Mapping[str, bytes | str],
    secrets: Sequence[str],
) -> ExchangeRecord:
    """Prepare an exchange for the recorder. Raises `Unreadable` if it is incomplete."""
    exchange, received = judged.exchange, judged.request.received
    if received is None:
        raise Unreadable("the request is not one of the document")
    if exchange.status == 401:  # a replay would reject every key
        raise Unreadable("the key was rejected")
    if exchange.body is None or exchange.status is None or exchange.problem:
        raise Unreadable("the response is incomplete")
    coding = next(
        (v for k, v in exchange.headers if k.lower() == "content-encoding"), ""
    )
    images: dict[str, bytes | None] = {
        url: found if isinstance(found, bytes) else None for url, found in links.items()
    }
    for url in judge.output_urls(exchange, judged.operation):
        images.setdefault(url, None)
    return ExchangeRecord(
        provider=judge.provider.id,
        operation=judged.operation.id,
        payload=received.payload,
        status=exchange.status,
        headers=exchange.headers,
        body=decode_content(exchange.body, coding),
        arrivals=exchange.arrivals,
        links=images,
        secrets=secrets,
        method=exchange.method,
        path=exchange.path,
        media_type=received.body.media_type,
        request_headers=_redact_key(exchange, judge.provider.key_schemes),
        at=exchange.started_at,
    )


def _redact_key(exchange: ObservedExchange, schemes: Sequence[KeyScheme]) -> Headers:
    """The request headers without the key, also in a header of an ordinary name."""
    names = {each.name.lower() for each in schemes if each.place is not KeyPlace.QUERY}
    return [
        (name, REDACTED if name.lower() in names else value)
        for name, value in exchange.request_headers
    ]
