"""The checks of response headers, and of secrets in a response."""

import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate

from contracts.judging.answer import Answer
from contracts.judging.interaction import REDACTED_KEY
from contracts.judging.outcome import error_fields
from contracts.media.description import describe_value
from contracts.media.guarantee import Breach, Breaches

MIN_KEY_LENGTH = 6  # characters; a shorter key can occur in a response by chance
# The three formats of an HTTP-date, RFC 9110 section 5.6.7.
_TIME = r"\d\d:\d\d:\d\d"
_HTTP_DATE = re.compile(
    rf"[A-Z][a-z]{{2}}, \d\d [A-Z][a-z]{{2}} \d{{4}} {_TIME} GMT"
    rf"|[A-Z][a-z]+day, \d\d-[A-Z][a-z]{{2}}-\d\d {_TIME} GMT"
    rf"|[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ \d]\d {_TIME} \d{{4}}"
)
_STACK_TRACES = (b"Traceback (most recent call last)", b'File "/', b"\n    at ")


def _rate_limit_headers(response: Answer) -> Iterator[Mapping[str, str]]:
    """The headers of each 429 response to the request, the final one last."""
    yield from response.interaction.earlier_429
    if response.interaction.status == 429:
        yield response.interaction.headers


def retry_after_on_429(response: Answer) -> Breaches:
    """Require a time to wait; its form is checked by `retry_after_is_valid`."""
    if _is_without_credit(response):
        return
    for headers in _rate_limit_headers(response):
        if not headers.get("retry-after", "").strip():
            yield Breach("a 429 response has no header Retry-After")


def _is_without_credit(response: Answer) -> bool:
    """True for a documented 429 error other than the rate limit: no waiting ends it."""
    code = error_fields(response.interaction.object).get("code")
    return (
        response.interaction.status == 429
        and code is not None
        and any(
            example.status == 429
            and name != "rate_limited"
            and error_fields(example.body).get("code") == code
            for name, example in response.errors.items()
        )
    )


def retry_after_is_valid(response: Answer) -> Breaches:
    """Require delay-seconds or an HTTP-date, if the header is there."""
    for headers in _rate_limit_headers(response):
        value = headers.get("retry-after", "").strip()
        if value and not re.fullmatch("[0-9]{1,9}", value) and not _is_date(value):
            shown = describe_value(value)
            yield Breach(f"Retry-After of a 429 response is {shown}")


def _is_date(value: str) -> bool:
    return bool(_HTTP_DATE.fullmatch(value)) and parsedate(value) is not None


def keeps_secrets(response: Answer) -> Breaches:
    body, key = response.interaction.body, response.key
    is_secret = len(key) >= MIN_KEY_LENGTH
    if is_secret and key.encode() in body:
        yield Breach("the body of the response contains the API key")
    for name, value in response.interaction.headers.items():
        if REDACTED_KEY in value or (is_secret and key in value):
            yield Breach(f"the header {name} of the response contains the API key")
    if any(
        each in body or each.replace(b"\n", b"\\n") in body for each in _STACK_TRACES
    ):
        yield Breach("the body of the response contains a stack trace")


def request_id(response: Answer) -> Breaches:
    if not response.interaction.headers.get("x-request-id"):
        names = ", ".join(sorted(response.interaction.headers)[:12]) or "none"
        yield Breach(f"the header x-request-id is missing; the headers are: {names}")
