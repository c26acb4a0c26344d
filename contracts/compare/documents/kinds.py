"""The kinds of rows, differences and measurements of a comparison."""

from enum import StrEnum


class DifferenceKind(StrEnum):
    """
    The kinds of difference in a row, the heaviest first.

    OWN_DOCUMENT: a server violates its own provider's document.
    PEERS_AGREE: servers behave differently though their documents state the same.
    PEERS_DIFFER: the documents state different things.
    """

    OWN_DOCUMENT = "own-document"
    PEERS_AGREE = "peers-agree"
    PEERS_DIFFER = "peers-differ"


class Conformance(StrEnum):
    """
    The relation of a measured behaviour to the document, the worst first.

    BROKEN: it violates a documented claim. DIFFERS: it deviates from something that the
    provider itself does not document, which is a warning. KEPT: no deviation was seen.
    UNTESTED: no response shows the behaviour.
    """

    BROKEN = "broken"
    DIFFERS = "differs"
    KEPT = "kept"
    UNTESTED = "untested"


class Section(StrEnum):
    """The part of the HTTP traffic that a row is about; ANSWER is the response."""

    TRANSPORT = "transport"
    REQUEST = "request"
    ANSWER = "answer"
    EVENTS = "events"
    DELIVERY = "delivery"
    ERRORS = "errors"
    MONEY = "money"
