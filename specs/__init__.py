"""What was promised: the providers' documents, and the one reader and judge of them."""

from specs.documents.claims import Claim, ClaimSubject, claims, request_name
from specs.documents.intent import canonical_request
from specs.documents.loader import (
    Body,
    Dialect,
    ErrorExample,
    Guarantee,
    Operation,
    Provider,
    Response,
    Source,
    load,
    load_all,
    names,
)
from specs.documents.supported import EVENT_STREAM
from specs.errors import SpecError
from specs.media.upload import Upload
from specs.pricing import Cost, cost
from specs.validation.judge import Basis, Evidence, Judge, State, Verdict, Violation
from specs.validation.vocabulary import GUARANTEES, size_of

__all__ = [
    "EVENT_STREAM",
    "GUARANTEES",
    "Basis",
    "Body",
    "Claim",
    "ClaimSubject",
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
    "Upload",
    "Verdict",
    "Violation",
    "canonical_request",
    "claims",
    "cost",
    "load",
    "load_all",
    "names",
    "request_name",
    "size_of",
]
