"""Options for a server that is called differently from its provider's document."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.planning.case import (
    KEY,
    OTHER_WRONG_KEY,
    TARGET_KEY,
    WRONG_KEY,
    Case,
    authorization_header,
)
from contracts.report.records import DOES_NOT_APPLY, CallRecord
from specs import KeyPlace, KeyScheme, Provider
from specs.documents.security import PARAMETER_NAME

MODEL = "model"
_WRONG_KEYS = {f"Bearer {each}" for each in (WRONG_KEY, OTHER_WRONG_KEY)}
_PLAIN_FORMS = {None, "", TARGET_KEY, *_WRONG_KEYS}


@dataclass(frozen=True, slots=True)
class Auth(KeyScheme):
    """The place of the API key in the requests of a test."""

    @classmethod
    def documented(cls, schemes: Sequence[KeyScheme]) -> "Auth":
        """The first of the documented ways; a bearer token if there is none."""
        return next(map(cls.of, schemes), cls())

    @classmethod
    def of(cls, scheme: KeyScheme) -> "Auth":
        return cls(scheme.place, scheme.name)

    @classmethod
    def parse(cls, text: str) -> "Auth":
        """Parse `bearer`, `header:NAME`, `query:NAME` or `none`, else `ValueError`."""
        place, mark, name = text.partition(":")
        is_named = place in {KeyPlace.HEADER, KeyPlace.QUERY}
        is_known = place in set(KeyPlace) and bool(mark) is is_named
        if not is_known or (is_named and not PARAMETER_NAME.fullmatch(name)):
            raise ValueError(
                f"'{text}' is not one of bearer, header:NAME, query:NAME, none"
            )
        return cls(KeyPlace(place), name) if is_named else cls(KeyPlace(place))

    def __str__(self) -> str:
        is_named = self.place in {KeyPlace.HEADER, KeyPlace.QUERY}
        return f"{self.place}:{self.name}" if is_named else str(self.place)

    def value(self, auth: str | None, key: str) -> str | None:
        """The value of the header or query parameter for `Case.auth`; None for none."""
        if self.place is KeyPlace.BEARER:
            return authorization_header(auth, key)
        if self.place is KeyPlace.NONE or auth is None:
            return None
        plain = KEY if auth == TARGET_KEY else auth.removeprefix("Bearer ")
        return authorization_header(plain, key)

    def reason_not_tested(self, auth: str | None) -> str | None:
        """The reason why a form of the key cannot be sent here; None if it can."""
        if auth == TARGET_KEY or self.place is KeyPlace.BEARER:
            return None
        if self.place is KeyPlace.NONE:
            return f"{DOES_NOT_APPLY} no API key is sent (--auth none)"
        if auth in _PLAIN_FORMS:
            return None
        return f"{DOES_NOT_APPLY} the API key has no scheme (--auth {self})"


@dataclass(frozen=True, slots=True)
class CallOptions:
    """
    The place of the API key, further headers, and the server's names of models.

    `headers` maps the name of a header to the environment variable with its value.
    `models` maps documented models to the server's own names. If it is not empty, only
    the requests for these models are sent. `key_env` is the environment variable with
    the API key; None for that of the dialect. `model_fields` has the fields of the
    model, by operation, where it is not `model`. `auths` has the places of the key in
    the operations whose documented place is another than `auth`.
    """

    auth: Auth = Auth()
    headers: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    key_env: str | None = None
    model_fields: Mapping[str, str] = field(default_factory=dict)
    auths: Mapping[str, Auth] = field(default_factory=dict)

    @classmethod
    def documented(cls, provider: Provider, auth: Auth | None = None) -> "CallOptions":
        """
        The options for a server that is called as the document says.

        `auth` is the place of the key in all requests; None for the documented places.
        """
        fields = _model_fields(provider)
        if auth is not None:
            return cls(auth, model_fields=fields)
        first = Auth.documented(provider.key_schemes)
        return cls(first, model_fields=fields, auths=_other_auths(provider, first))

    def auth_for(self, operation: str) -> Auth:
        """The place of the API key in the requests of an operation."""
        return self.auths.get(operation, self.auth)

    def key_variable(self, provider: Provider) -> str:
        """The environment variable with the API key."""
        return self.key_env or provider.dialect.key_env

    def key_remedy(self, provider: Provider) -> str:
        """The remedy if a server rejects the key, to follow the word `Check`."""
        return (
            f"{self.key_variable(provider)}, or name another variable with --key-env; "
            "--auth says how it is sent"
        )

    def record(self) -> CallRecord:
        """The options as a report has them: no variable and no value of a header."""
        names = tuple(sorted(each.lower() for each in self.headers))
        return CallRecord(str(self.auth), names, dict(self.models))

    def select(self, cases: Iterable[Case]) -> list[Case]:
        """The cases that make sense, with the claims that they then test."""
        return [self._with_tested_claims(each) for each in cases if self._allows(each)]

    def reason_not_tested(self, case: Case) -> str | None:
        """The reason why a case cannot be sent to this server; None if it can."""
        if case.untested:
            return case.untested
        if not self._names_known_model(case):
            return f"{DOES_NOT_APPLY} it does not name the model (--model)"
        return self.auth_for(case.operation).reason_not_tested(case.auth)

    def wire_case(self, case: Case) -> Case:
        """The case with the server's name of its model."""
        body = _body_object(case)
        field_name = self._model_field(case.operation)
        name = body.get(field_name)
        if not isinstance(name, str) or name not in self.models:
            return case
        renamed = {**body, field_name: self.models[name]}
        if case.raw is None:
            return replace(case, payload=renamed)
        return replace(case, raw=json.dumps(renamed).encode())

    def _allows(self, case: Case) -> bool:
        """True unless a case is for another model, or tests the names of models."""
        tests_model = bool(case.claims) and self._is_about_model(case.claims[0])
        is_about_names = bool(self.models) and tests_model
        return not is_about_names and self._names_known_model(case)

    def _names_known_model(self, case: Case) -> bool:
        if not self.models:
            return True
        model = _body_object(case).get(self._model_field(case.operation))
        return isinstance(model, str) and model in self.models

    def _model_field(self, operation: str) -> str:
        return self.model_fields.get(operation, MODEL)

    def _is_about_model(self, claim: str) -> bool:
        """True for a claim such as `createImage/request/model/enum`."""
        operation, *rest = claim.split("/")
        return rest[1:2] == [self._model_field(operation)]

    def _with_tested_claims(self, case: Case) -> Case:
        has_no_key = self.auth.place is KeyPlace.NONE and case.auth == TARGET_KEY
        if not (self.models or has_no_key):
            return case
        key_claim = f"{case.operation}/auth" if has_no_key else ""
        claims = tuple(
            each
            for each in case.claims
            if each != key_claim and not (self.models and self._is_about_model(each))
        )
        return replace(case, claims=claims) if claims != case.claims else case


WITH_BEARER_TOKEN = CallOptions()


def _other_auths(provider: Provider, first: Auth) -> dict[str, Auth]:
    """The documented places of the key, by operation, where it is not the first."""
    found = {
        name: Auth.documented(each.key_schemes)
        for name, each in provider.all_operations.items()
        if each.key_schemes
    }
    return {name: auth for name, auth in found.items() if auth != first}


def _model_fields(provider: Provider) -> dict[str, str]:
    """The names of the field of the model, by operation, where it is not `model`."""
    names = {
        each: provider.dialect.wire_names(each, MODEL)[0]
        for each in provider.operations
    }
    return {operation: name for operation, name in names.items() if name != MODEL}


def _body_object(case: Case) -> Mapping[str, Any]:
    """The JSON object or form of a case; empty for another body."""
    if case.raw is None:
        return case.payload
    try:
        value = json.loads(case.raw)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
