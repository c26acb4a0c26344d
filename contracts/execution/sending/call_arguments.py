"""Read the options of a call from the command line or from Python, and check them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from contracts.execution.targets import BadTarget
from contracts.planning.call_options import (
    MODEL,
    Auth,
    CallOptions,
)
from contracts.planning.request_model import testable_models
from specs import KeyPlace, Provider
from specs.documents.security import PARAMETER_NAME

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The harness sets these from the test case and the connection.
_OWN_HEADERS = {"content-type", "content-length", "host", "transfer-encoding"}


def parse_headers(texts: Sequence[str]) -> dict[str, str]:
    """The variables of `NAME=ENVVAR` texts, by header. Raises `BadTarget`."""
    headers: dict[str, str] = {}
    for text in texts:
        name, mark, variable = text.partition("=")
        if not (mark and name and variable):
            raise BadTarget(f"a header is NAME=ENVVAR, not '{name}'")
        if name.lower() in {each.lower() for each in headers}:
            raise BadTarget(f"the header {name} is given twice")
        headers[name] = variable
    return headers


def parse_models(texts: Sequence[str]) -> dict[str, str]:
    """
    The server's names in `NAME` and `MODEL=NAME` texts, by documented model.

    The empty text stands for the default model. Raises `BadTarget`.
    """
    models: dict[str, str] = {}
    for text in texts:
        model, mark, name = text.rpartition("=")
        if not name or (mark and not model):
            raise BadTarget(f"a model is NAME or MODEL=NAME, not '{text}'")
        if model in models:
            raise BadTarget(f"{model or 'the default model'} has two names: give one")
        models[model] = name
    return models


def models_of(model: str | Mapping[str, str] | None) -> dict[str, str]:
    """The same for one name, or for several by documented model."""
    if isinstance(model, Mapping):
        return dict(model)
    return {"": model} if model else {}


def call_options(
    provider: Provider,
    *,
    headers: Mapping[str, str],
    auth: str | None,
    models: Mapping[str, str],
) -> CallOptions:
    """
    The options for a provider, checked; no variable is read.

    `auth` is None for the document's own. Raises `BadTarget`.
    """
    try:
        given = None if auth is None else Auth.parse(auth)
    except ValueError as error:
        raise BadTarget(f"--auth {error}") from None
    documented = CallOptions.documented(provider, given)
    for name, variable in headers.items():
        for place in (documented.auth, *documented.auths.values()):
            _check_header(name, variable, place)
    return replace(
        documented,
        headers=dict(headers),
        models=_documented_models(provider, models),
    )


def check_operations(names: Sequence[str], providers: Iterable[Provider]) -> None:
    """Raise `BadTarget` for the id of an operation that none of the providers has."""
    known = dict.fromkeys(id_ for each in providers for id_ in each.operations)
    for name in names:
        if name not in known:
            raise BadTarget(f"there is no operation '{name}', only {', '.join(known)}")


def _check_header(name: str, variable: str, auth: Auth) -> None:
    if not PARAMETER_NAME.fullmatch(name):
        raise BadTarget(f"'{name}' is not the name of a header")
    if not _VARIABLE_NAME.fullmatch(variable):
        raise BadTarget(
            f"--header {name}: give the name of an environment variable that has the "
            "value, not the value itself"
        )
    if name.lower() in _OWN_HEADERS:
        raise BadTarget(f"--header {name}: the test cases set this header themselves")
    has_key = auth.place in {KeyPlace.BEARER, KeyPlace.HEADER}
    if has_key and name.lower() == auth.name.lower():
        raise BadTarget(
            f"--header {name}: this header has the API key: add --auth none to send "
            "another value"
        )


def _documented_models(provider: Provider, models: Mapping[str, str]) -> dict[str, str]:
    """The server's names by documented model. Raises `BadTarget` for another model."""
    if not models:
        return {}
    known = dict.fromkeys(
        str(request[name])
        for request_model in testable_models(provider).values()
        for name in filter(None, [request_model.wire_name(MODEL)])
        for _, request in request_model.by_model
        if name in request
    )
    found: dict[str, str] = {}
    for model, name in models.items():
        documented = model or provider.dialect.model
        if documented not in known:
            raise BadTarget(
                f"--model {documented}={name}: the document of {provider.title} has no "
                f"model '{documented}', only {', '.join(known)}"
            )
        if found.setdefault(documented, name) != name:
            raise BadTarget(f"{documented} has two names: give one")
    return found
