"""One exchange through a gateway: what the caller got, and what the upstream got."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from contracts.judging.interaction import Interaction
from contracts.judging.tasks.conversation import Conversation
from contracts.traffic.gateway.question import Question
from contracts.traffic.gateway.upstream import UpstreamRequest
from specs import JSON, Provider, ResultPlace, Role, TaskKind
from specs.media.image import OPERATIONS
from specs.validation.strict_json import strict_json


@dataclass(frozen=True)
class GatewayExchange:
    """
    A question, the gateway's response, and the requests to the upstream.

    `talk` is about the task that the response is, None for no task. `task_requests` are
    those of the gateway about the tasks that it created. `files` has the hash of each
    file behind a URL of either end, if one of them is a task.
    """

    question: Question
    interaction: Interaction
    upstream_requests: Sequence[UpstreamRequest]
    talk: Conversation | None = None
    task_requests: Sequence[UpstreamRequest] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def last_upstream_request(self) -> UpstreamRequest | None:
        """The last request to the upstream; None if there was none."""
        return self.upstream_requests[-1] if self.upstream_requests else None

    @property
    def has_task(self) -> bool:
        """True if the caller asked for a task, or the gateway created one."""
        last = self.last_upstream_request
        return self.question.operation.task is not None or (
            last is not None and last.operation.task is not None
        )

    @property
    def has_other_form(self) -> bool:
        """
        True if the ends have different forms, so that not their fields are compared.

        One of them has a task, or they are operations of which one is unusual, such as
        a chat completion for a response of the images API.
        """
        last = self.last_upstream_request
        called = last.operation.id if last is not None else ""
        asked = self.question.operation.id
        are_usual = asked in OPERATIONS and called in ("", *OPERATIONS)
        return self.has_task or not (are_usual or called in ("", asked))


@dataclass(frozen=True)
class UpstreamTask:
    """A task that the gateway created, and its requests about it, in their order."""

    kind: TaskKind
    id: str
    created: UpstreamRequest
    requests: Sequence[UpstreamRequest]
    request: Mapping[str, Any]  # in canonical names

    @property
    def last_body(self) -> Any:
        """The last description of the task: of a read, else of its creation."""
        reads = [each for each in self.of_role(Role.READ) if each.is_success]
        return json_body(reads[-1] if reads else self.created)

    def of_role(self, role: Role) -> list[UpstreamRequest]:
        return [
            each
            for each in self.requests
            if each.operation.task is not None and each.operation.task.role is role
        ]

    def result_values(self) -> list[tuple[ResultPlace, Any]]:
        """The results in the last description, at the first place that has any."""
        for result in self.kind.results:
            if result.place.at and result.applies_to(self.request):
                values = result.place.values(self.last_body)
                found = [(result, each) for each in values if each]
                if found:
                    return found
        return []


def json_body(request: UpstreamRequest) -> Any:
    """The JSON object of the upstream's response; None for another response."""
    try:
        value = strict_json(bytes(request.response_body))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def upstream_interaction(exchange: GatewayExchange) -> Interaction:
    """The last response of the upstream, as a response to the caller's request."""
    request = exchange.last_upstream_request
    if request is None:
        return Interaction(exchange.question.case, None, {}, b"", 0.0)
    return interaction_of(request, exchange)


def interaction_of(request: UpstreamRequest, exchange: GatewayExchange) -> Interaction:
    """A response of the upstream, as a response to the caller's request."""
    return Interaction(
        exchange.question.case,
        request.status,
        request.response_headers,
        bytes(request.response_body),
        0.0,
        layout=request.operation.layout,
    )


def upstream_task(
    provider: Provider,
    created: UpstreamRequest,
    requests: Sequence[UpstreamRequest],
) -> UpstreamTask | None:
    """The task of a request to the upstream; None if it created none."""
    role = created.operation.task
    if role is None or not created.is_success:
        return None
    kind = provider.tasks[role.kind]
    id_ = kind.id.place.value(json_body(created))
    if not isinstance(id_, str):
        return None
    request = provider.canonical_request(
        created.operation.id, JSON, dict(created.payload or {})
    )
    about = [each for each in requests if is_about(each, id_)]
    return UpstreamTask(kind, id_, created, about, request)


def is_about(request: UpstreamRequest, id_: str) -> bool:
    """True if the path or the body of a request names a task."""
    return id_ in unquote(request.path) or id_.encode() in request.body


def upstream_tasks(
    provider: Provider, exchange: GatewayExchange
) -> Iterator[UpstreamTask]:
    """The tasks that the gateway created for an exchange."""
    for created in exchange.upstream_requests:
        found = upstream_task(provider, created, exchange.task_requests)
        if found is not None:
            yield found
