"""What was promised: the providers' documents, and the one reader and judge of them."""

from specs.claims import Claim, Subject, claims, request_name
from specs.errors import SpecError
from specs.intent import effective
from specs.prices import Cost, cost
from specs.provider import (
    EVENT_STREAM,
    Body,
    Dialect,
    ErrorExample,
    Guarantee,
    Operation,
    Provider,
    Response,
    Source,
    load,
    names,
)
from specs.schema import Basis, Evidence, Judge, State, Verdict, Violation
from specs.upload import Upload
from specs.vocabulary import GUARANTEES, size_of

__all__ = [
    "EVENT_STREAM",
    "GUARANTEES",
    "Basis",
    "Body",
    "Claim",
    "Cost",
    "Dialect",
    "ErrorExample",
    "Evidence",
    "Guarantee",
    "Judge",
    "Operation",
    "Provider",
    "Response",
    "Source",
    "SpecError",
    "State",
    "Subject",
    "Upload",
    "Verdict",
    "Violation",
    "claims",
    "cost",
    "effective",
    "load",
    "names",
    "request_name",
    "size_of",
]
