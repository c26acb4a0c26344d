"""What a request means: all that follows from its body, the document and the seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mockserver.media.image import planning as generation
from mockserver.media.image.drawing.encode import Plan
from mockserver.media.payloads import Form
from mockserver.pipeline.body_parsing import Received
from mockserver.state.cache import Kept
from specs import Dialect, Operation, Verdict, cost, effective

MAX_KNOWN = 128
MAX_SIZE = 8 * 1024
MAX_KEPT = 32 * 1024

Key = tuple[str, str, bytes]  # operation, media type with its parameters, body


class Written(NamedTuple):
    """
    The JSON of an answer without its pictures, and when that was `created`.

    `body` is all of it, where it is small and the same for everybody.
    """

    created: int
    form: Form
    body: bytes | None


@dataclass(slots=True)
class Meaning:
    """
    What is answered to a request that the document lets pass.

    `asked` is its payload in canonical names with defaults, `give` the name of the
    delivery, `previews` how many there are of each picture in a stream. `written` is
    what was answered last.
    """

    received: Received
    verdict: Verdict
    asked: Mapping[str, Any]
    plans: Sequence[Plan]
    streams: bool
    previews: int
    give: str
    usage: Mapping[str, Any]
    cost: Mapping[str, Any]
    written: Written | None = None


def meaning_of(
    received: Received,
    verdict: Verdict,
    dialect: Dialect,
    operation: Operation,
    *,
    seed: int,
    realistic: bool,
    partials: bool = True,
) -> Meaning:
    """
    Raises `Rejected` for what the mock cannot draw.

    Without `partials` the previews that were asked for are left out.
    """
    asked = effective(dialect, operation, received.body, received.payload, assumed=True)
    plans = generation.plans(
        asked,
        received.files,
        dialect,
        hash_=generation.request_hash(received.payload),
        seed=seed,
        realistic=realistic,
    )
    streams = asked.get("stream") is True and operation.streams
    previews = generation.previews(asked) if streams else 0
    previews = previews if partials else 0
    usage = generation.usage(asked, plans, dialect, previews)
    price = cost(dialect, operation.id, asked, count=len(plans), usage=usage)
    return Meaning(
        received=received,
        verdict=verdict,
        asked=asked,
        plans=plans,
        streams=streams,
        previews=previews,
        give=dialect.gives(asked)["give"],
        usage=usage,
        cost={"amount": price.amount, "currency": price.currency},
    )


class Known:
    """
    The meanings of the latest requests that were small, by all that they follow from.

    `MAX_SIZE` is of a request in bytes, `MAX_KEPT` of an answer that is kept whole.
    """

    def __init__(self) -> None:
        self._meanings: Kept[Key, Meaning] = Kept(MAX_KNOWN)

    def get(self, key: Key) -> Meaning | None:
        return self._meanings.get(key)

    def keep(self, key: Key, meaning: Meaning) -> None:
        if len(key[2]) <= MAX_SIZE and not meaning.received.files:
            self._meanings.keep(key, meaning, 1)
