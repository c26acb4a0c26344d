"""The cases about the models of a provider: their list, one of them, unknown ids."""

from collections.abc import Iterable, Iterator
from itertools import islice
from urllib.parse import quote, unquote

from contracts.planning.case import Case, Origin
from contracts.planning.paths import sample_path
from contracts.planning.rejections import (
    Address,
    key_cases,
    query_cases,
    rejected_case,
    triggered_error_cases,
)
from specs import ModelsAction, Operation, Provider, State
from specs.documents.claims.models import ID, LISTED, MODELS, NAMED

MAX_READ = 3  # models of a list
UNKNOWN_MODEL = "imageparity-unknown"
PLAIN = "plain"  # the last part of the id of the first request of an operation


def model_operations(provider: Provider) -> Iterator[Operation]:
    """Yield the operations that list models, or read one."""
    for operation in provider.all_operations.values():
        if operation.models is not None:
            yield operation


def model_path(operation: Operation, model: str) -> str:
    """The path of an operation that reads a model."""
    return operation.path.replace(
        f"{{{operation.path_parameters[-1]}}}", quote(model, safe="")
    )


def model_of_path(operation: Operation, case: Case) -> str | None:
    """The model that a case reads; None for a request of another form."""
    match = operation.path_pattern.fullmatch(case.path or "")
    return unquote(match[match.lastindex or 0]) if match else None


def model_cases(provider: Provider, *, is_mock: bool) -> Iterator[Case]:
    """
    A plain request for each operation on models, and those that it must reject.

    `is_mock` adds the other errors, which only our mock gives on demand.
    """
    for operation in model_operations(provider):
        yield _plain_case(provider, operation)
        path = sample_path(operation)
        rejected = []
        if operation.models and operation.models.action is ModelsAction.READ:
            path, error = model_path(operation, UNKNOWN_MODEL), operation.models.unknown
            id_, claim = f"{operation.id}/unknown-id", f"{operation.id}/errors/{error}"
            rejected.append(rejected_case(operation, id_, claim, error, (path, {})))
        address: Address = (path, {})
        if operation.authentication is not None:
            rejected += key_cases(operation, address)
        rejected += query_cases(operation, address)
        yield from rejected
        if is_mock:
            yield from triggered_error_cases(operation, address, rejected)


def _plain_case(provider: Provider, operation: Operation) -> Case:
    ends = ["path", *(["auth"] if operation.authentication else [])]
    path = None
    if operation.models and operation.models.action is ModelsAction.READ:
        path = model_path(operation, provider.dialect.model)
        ends.append(f"{MODELS}/{ID}")
    else:
        ends.append(f"{MODELS}/{NAMED}")
    return _valid_case(operation, PLAIN, path, ends)


def listed_model_cases(provider: Provider, listed: Iterable[str]) -> Iterator[Case]:
    """Requests for the first models of a list that no planned case reads."""
    operation = provider.operation_on_models(ModelsAction.READ)
    if operation is None:
        return
    others = (each for each in listed if each != provider.dialect.model)
    for model in islice(others, MAX_READ):
        path = model_path(operation, model)
        yield _valid_case(operation, f"listed/{model}", path, [f"{MODELS}/{LISTED}"])


def _valid_case(
    operation: Operation, label: str, path: str | None, ends: Iterable[str]
) -> Case:
    return Case(
        id=f"{operation.id}/{label}",
        operation=operation.id,
        origin=Origin.MODELS,
        expectation=State.VALID,
        media_type=None,
        claims=tuple(f"{operation.id}/{each}" for each in ends),
        path=path,
    )
