"""Documents of the providers, their loader, and the validator of requests."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from specs.documents.claims.listing import Claim, ClaimSubject, claims, request_name
    from specs.documents.condition import Condition
    from specs.documents.dialect import (
        ClientVariables,
        Delivery,
        Dialect,
        ImagePrice,
        KeyFormat,
        MockDefaults,
        PriceList,
        SecondPrice,
        TokenPrice,
        UrlAccess,
        UrlLifetime,
        UsageTable,
    )
    from specs.documents.events import (
        COMPLETED,
        DONE,
        END,
        END_EXAMPLES,
        FAILED_IMAGE,
        IMAGE_EXAMPLES,
        PARTIAL_IMAGE,
        START_EXAMPLES,
        EventGrammar,
    )
    from specs.documents.guarantee import Guarantee
    from specs.documents.layout import RESPONSE, USUAL_LAYOUT, ResponseLayout
    from specs.documents.listed_models import listed_models, named_values
    from specs.documents.loading.loader import (
        ProviderEntry,
        find_all,
        load,
        load_all,
        names,
        reference_title,
    )
    from specs.documents.media_types import EVENT_STREAM, FORM, JSON
    from specs.documents.model import (
        Body,
        ErrorExample,
        Operation,
        Provider,
        Response,
    )
    from specs.documents.models import (
        MODEL,
        PAGE,
        ModelsAction,
        ModelsRole,
        is_declared,
    )
    from specs.documents.reading.sources import Source
    from specs.documents.security import KeyPlace, KeyScheme, scheme_label
    from specs.documents.tasks import (
        Phase,
        ResultPlace,
        Role,
        TaskKind,
        TaskRole,
        TaskState,
        TimeUnit,
        Webhook,
        values_at,
    )
    from specs.documents.video import VideoFacts, VideoRules
    from specs.errors import SpecError
    from specs.media.image import (
        ratio_text,
        requested_ratio,
        requested_resolution,
        requested_size,
        size_of,
    )
    from specs.media.upload import Upload
    from specs.pricing import Cost, cost
    from specs.validation.evidence import Basis, Evidence
    from specs.validation.explanation import Violation
    from specs.validation.judge import Judge, State, Verdict
    from specs.validation.vocabulary import GUARANTEES

__all__ = [
    "COMPLETED",
    "DONE",
    "END",
    "END_EXAMPLES",
    "EVENT_STREAM",
    "FAILED_IMAGE",
    "FORM",
    "GUARANTEES",
    "IMAGE_EXAMPLES",
    "JSON",
    "MODEL",
    "PAGE",
    "PARTIAL_IMAGE",
    "RESPONSE",
    "START_EXAMPLES",
    "USUAL_LAYOUT",
    "Basis",
    "Body",
    "Claim",
    "ClaimSubject",
    "ClientVariables",
    "Condition",
    "Cost",
    "Delivery",
    "Dialect",
    "ErrorExample",
    "EventGrammar",
    "Evidence",
    "Guarantee",
    "ImagePrice",
    "Judge",
    "KeyFormat",
    "KeyPlace",
    "KeyScheme",
    "MockDefaults",
    "ModelsAction",
    "ModelsRole",
    "Operation",
    "Phase",
    "PriceList",
    "Provider",
    "ProviderEntry",
    "Response",
    "ResponseLayout",
    "ResultPlace",
    "Role",
    "SecondPrice",
    "Source",
    "SpecError",
    "State",
    "TaskKind",
    "TaskRole",
    "TaskState",
    "TimeUnit",
    "TokenPrice",
    "Upload",
    "UrlAccess",
    "UrlLifetime",
    "UsageTable",
    "Verdict",
    "VideoFacts",
    "VideoRules",
    "Violation",
    "Webhook",
    "claims",
    "cost",
    "find_all",
    "is_declared",
    "listed_models",
    "load",
    "load_all",
    "named_values",
    "names",
    "ratio_text",
    "reference_title",
    "request_name",
    "requested_ratio",
    "requested_resolution",
    "requested_size",
    "scheme_label",
    "size_of",
    "values_at",
]

_PUBLIC: dict[str, tuple[str, ...]] = {
    "specs.documents.claims.listing": (
        "Claim",
        "ClaimSubject",
        "claims",
        "request_name",
    ),
    "specs.documents.condition": ("Condition",),
    "specs.documents.dialect": (
        "ClientVariables",
        "Delivery",
        "Dialect",
        "ImagePrice",
        "KeyFormat",
        "MockDefaults",
        "PriceList",
        "SecondPrice",
        "TokenPrice",
        "UrlAccess",
        "UrlLifetime",
        "UsageTable",
    ),
    "specs.documents.events": (
        "COMPLETED",
        "DONE",
        "END",
        "END_EXAMPLES",
        "FAILED_IMAGE",
        "IMAGE_EXAMPLES",
        "PARTIAL_IMAGE",
        "START_EXAMPLES",
        "EventGrammar",
    ),
    "specs.documents.guarantee": ("Guarantee",),
    "specs.documents.layout": (
        "RESPONSE",
        "USUAL_LAYOUT",
        "ResponseLayout",
    ),
    "specs.documents.listed_models": (
        "listed_models",
        "named_values",
    ),
    "specs.documents.loading.loader": (
        "ProviderEntry",
        "find_all",
        "load",
        "load_all",
        "names",
        "reference_title",
    ),
    "specs.documents.model": (
        "Body",
        "ErrorExample",
        "Operation",
        "Provider",
        "Response",
    ),
    "specs.documents.models": (
        "MODEL",
        "PAGE",
        "ModelsAction",
        "ModelsRole",
        "is_declared",
    ),
    "specs.documents.security": (
        "KeyPlace",
        "KeyScheme",
        "scheme_label",
    ),
    "specs.documents.reading.sources": ("Source",),
    "specs.documents.media_types": (
        "EVENT_STREAM",
        "FORM",
        "JSON",
    ),
    "specs.documents.tasks": (
        "Phase",
        "ResultPlace",
        "Role",
        "TaskKind",
        "TaskRole",
        "TaskState",
        "TimeUnit",
        "Webhook",
        "values_at",
    ),
    "specs.documents.video": (
        "VideoFacts",
        "VideoRules",
    ),
    "specs.errors": ("SpecError",),
    "specs.media.image": (
        "ratio_text",
        "requested_ratio",
        "requested_resolution",
        "requested_size",
        "size_of",
    ),
    "specs.media.upload": ("Upload",),
    "specs.pricing": (
        "Cost",
        "cost",
    ),
    "specs.validation.evidence": (
        "Basis",
        "Evidence",
    ),
    "specs.validation.explanation": ("Violation",),
    "specs.validation.judge": (
        "Judge",
        "State",
        "Verdict",
    ),
    "specs.validation.vocabulary": ("GUARANTEES",),
}
_MODULES = {name: module for module, names in _PUBLIC.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `serve` starts faster."""
    if name not in _MODULES:
        raise AttributeError(f"module 'specs' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
