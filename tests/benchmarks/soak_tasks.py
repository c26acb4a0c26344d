"""Tasks of the soak: each from its creation to its files and its webhook."""

import asyncio
import json
import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

import specs
from contracts.planning.tasks.addresses import (
    linked_operation,
    linked_values,
    task_path,
)
from mockserver.pipeline.endpoints.examples import example_requests, served_path
from specs import Operation, Phase, Provider, Role, TaskKind, TaskState

if TYPE_CHECKING:
    from soak_clients import Client

PATIENCE = 300.0  # seconds for a task, and for its webhook, on a busy machine
KILLED_PATIENCE = 30.0  # seconds for a webhook, if a worker was killed meanwhile
POLL_SECONDS = 0.3


class Failure(Exception):
    """A wrong response; the text names the request."""


@dataclass(frozen=True)
class Example:
    """A request of a document that creates something."""

    provider: Provider
    operation: Operation
    path: str
    body: str

    def headers(self, key: str, operation: Operation | None = None) -> dict[str, str]:
        """The header with the key, for this or another operation of the provider."""
        scheme = next(iter((operation or self.operation).key_schemes), None)
        if scheme is None:
            return {}
        word = "Bearer " if scheme.place is specs.KeyPlace.BEARER else ""
        return {scheme.name: word + key}

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The values of the path parameters, by name."""
        operation = self.operation
        prefix = served_path(self.provider, operation).removesuffix(operation.path)
        path = urlsplit(self.path).path.removeprefix(prefix)
        found = operation.path_pattern.fullmatch(path)
        assert found is not None, self.path
        return dict(zip(operation.path_parameters, found.groups(), strict=True))


@cache
def examples(*, are_tasks: bool) -> list[Example]:
    """An example of each operation that creates, of all providers."""
    return [
        Example(provider, provider.operations[name], each["path"], text)
        for provider in specs.load_all([])
        for name, each in example_requests(provider).items()
        if (task := provider.operations[name].task) is None or not task.source
        if (task is not None) == are_tasks
        if "file_id" not in (text := json.dumps(each["body"]))
    ]


class Conversation:
    """All requests about one task of a client."""

    def __init__(self, client: "Client", example: Example) -> None:
        self.client, self.example = client, example
        self.provider = example.provider
        role = example.operation.task
        assert role is not None
        self.kind: TaskKind = self.provider.tasks[role.kind]
        self.own = {
            each: linked_operation(self.provider, example.operation, self.kind, each)
            for each in Role
        }

    async def run(self) -> None:
        client, kind = self.client, self.kind
        kills, token = client.group.kills, f"{client.chance.getrandbits(64):x}"
        hook = kind.webhook
        members = {hook.field: f"{client.receiver.url}/{token}"} if hook else {}
        fails = client.chance.random() < 0.1
        marker = "[[mock:task=failed]] " if fails else ""
        heard = client.receiver.received[token] = []
        try:
            data = await client.create(self.example, marker=marker, **members)
            self.created = json.loads(data)
            self.id = str(kind.id.place.value(self.created))
            cancelled = await self._cancel_early()
            ended = await self._finished(may_be_gone=cancelled)
            if ended is None:
                return
            body, state = ended
            awaited = Phase.FAILED if fails else Phase.SUCCEEDED
            if state.phase is not (Phase.CANCELLED if cancelled else awaited):
                raise Failure(f"{self.example.path}: {marker}{cancelled} {body}")
            if state.phase is Phase.SUCCEEDED:
                await self._files(body)
            if hook is not None and state.name in hook.states:
                await self._hear(heard, state.name, kills)
            await self._list()
            await self._remove(state.name)
        finally:
            del client.receiver.received[token]

    async def call(
        self, role: Role, status: int | set[int] = 200
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """The response of an operation on the task, and its body."""
        operation = self.own[role]
        assert operation is not None
        known = self.example.parameters
        linked = linked_values(self.example.operation, operation, self.created, known)
        path, payload = task_path(operation, self.id, known | linked)
        prefix = served_path(self.provider, operation).removesuffix(operation.path)
        headers = self.example.headers(self.client.key, operation)
        what = {"json": payload} if payload else {}
        return await self.client.send(
            operation.method, prefix + path, status, headers, **what
        )

    async def _finished(self, *, may_be_gone: bool) -> tuple[Any, TaskState] | None:
        """The body and the last state of the task; None if it is gone."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while loop.time() < end:
            awaited = {200, 404} if may_be_gone else 200
            response, data = await self.call(Role.READ, awaited)
            if response.status == 404:  # it had ended before it was cancelled
                return None
            body = json.loads(data)
            state = self.kind.state_of(body)
            if state is None:
                raise Failure(f"{self.example.path}: no state in {body}")
            if state.is_final:
                return body, state
            await asyncio.sleep(POLL_SECONDS)
        raise Failure(f"{self.example.path}: {self.id} has not ended: {body}")

    async def _files(self, body: Any) -> None:
        """Download the files that the body has not: at its URLs, or by an operation."""
        client, headers = self.client, self.example.headers(self.client.key)
        urls = own_urls(json.dumps(body))
        for url in urls:
            await client.download(url, headers)
        if not urls and self.own[Role.CONTENT] is not None:
            _, data = await self.call(Role.CONTENT)
            client.look_at(data, self.id)

    async def _list(self) -> None:
        if self.own[Role.LIST] is not None:
            _, data = await self.call(Role.LIST)
            if self.id not in data.decode():
                raise Failure(
                    f"{self.example.path}: {self.id} is not in {data[:400]!r}"
                )

    async def _cancel_early(self) -> bool:
        """Cancel a task that has just been created, where the document lets one."""
        operation = self.own[Role.CANCEL]
        if operation is None or not operation.task.cancels:
            return False
        if self.client.chance.random() < 0.7:
            return False
        refused = operation.errors[operation.task.refused].status
        awaited = {200, 204, int(refused)}  # refused if it runs by now
        response, _ = await self.call(Role.CANCEL, awaited)
        return response.status != int(refused)

    async def _remove(self, state: str) -> None:
        operation = self.own[Role.CANCEL]
        if operation is not None and state in operation.task.deletes:
            await self.call(Role.CANCEL, {200, 204})
            await self.call(Role.READ, 404)

    async def _hear(self, heard: list[Any], state: str, kills: int) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while not any(f'"{state}"' in json.dumps(each) for each in heard):
            is_killed = self.client.group.kills != kills  # its sender, perhaps
            if is_killed and loop.time() > end - PATIENCE + KILLED_PATIENCE:
                self.client.group.killed["webhook"] += 1
                return
            if loop.time() > end:
                raise Failure(f"{self.example.path}: no webhook, only {heard}")
            await asyncio.sleep(0.1)


def own_urls(text: str) -> list[str]:
    """The URLs of a mock in the body of a response."""
    found = re.findall(r"http://127\.0\.0\.1:[0-9]+/[^\"\\\s)]+", text)
    return [each for each in dict.fromkeys(found) if "/hook/" not in each]
