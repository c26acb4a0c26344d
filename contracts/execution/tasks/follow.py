"""Follow the task that a case creates, and keep all exchanges about it."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.execution.sending.client import Sender
from contracts.execution.sending.listening import Listening
from contracts.execution.tasks.waiting import Waiting
from contracts.judging.examiner import canonical_payload
from contracts.judging.interaction import Interaction
from contracts.judging.tasks.conversation import Conversation, Purpose, Step
from contracts.judging.tasks.events import event_states
from contracts.judging.tasks.results import Result, decode_result
from contracts.planning.case import TARGET_KEY, Case, Follow
from contracts.planning.tasks.addresses import (
    linked_operation,
    linked_values,
    page_size,
    path_of_url,
    task_path,
)
from contracts.report.model import (
    CONNECTION_FAILED,
    INTERRUPTED,
    NOT_FINISHED,
    RATE_LIMITED,
)
from specs import Operation, Phase, Provider, Role, TaskKind, TaskState

MAX_READS = 1000
MAX_RESULTS = 8
MAX_FAILED_READS = 3  # in a row, after which the task is not read any more
MAX_UNKNOWN_STATES = 10  # in a row


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A task that has not ended; `created` is None if an earlier run created it."""

    id: str
    case: Case
    created: Interaction | None


@dataclass
class Follower:
    """
    Follows the tasks of one provider.

    `open_tasks` are those that have not ended, by case. When `stopping` is set, they
    stay open: nothing waits for them any more. `on_created` is awaited with each task
    that was created.
    """

    provider: Provider
    sender: Sender
    waiting: Waiting = field(default_factory=Waiting)
    open_tasks: dict[str, OpenTask] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    on_created: Callable[[OpenTask], Awaitable[None]] | None = None

    async def follow(self, case: Case, task_id: str | None = None) -> Conversation:
        """
        Create a task, and follow it as `case.follow` says.

        With `task_id` no task is created: that one, of an earlier run, is followed.
        """
        operation = self.provider.all_operations[case.operation]
        role = operation.task
        if role is None or case.follow is None:
            raise ValueError(f"{case.id} creates no task")
        kind = self.provider.tasks[role.kind]
        return await _Talk(self, case, operation, kind).run(case.follow, task_id)


@dataclass
class _Talk:
    """One conversation while it goes on."""

    follower: Follower
    case: Case
    operation: Operation
    kind: TaskKind
    steps: list[Step] = field(default_factory=list)
    not_finished: str | None = None
    results: list[Result] = field(default_factory=list)
    not_fetched: list[str] = field(default_factory=list)

    @property
    def provider(self) -> Provider:
        return self.follower.provider

    @property
    def sender(self) -> Sender:
        return self.follower.sender

    async def run(self, follow: Follow, task_id: str | None) -> Conversation:
        stream = self._operation(Role.EVENTS) if follow is Follow.EVENTS else None
        if stream is None:
            return await self._run(follow, task_id)
        case = self._case_about(stream, stream.path, {}, Purpose.EVENTS, TARGET_KEY)
        async with self.sender.listen(case, stream) as heard:
            await self._run(follow, task_id)
            if heard is not None:
                await self._wait_for_the_last_event(stream, case, heard)
        return self.conversation()

    async def _run(self, follow: Follow, task_id: str | None) -> Conversation:
        open_tasks, created = self.follower.open_tasks, None
        if task_id is None:
            created = await self.sender.send(self.case, self.operation)
            self.steps.append(
                Step(Role.CREATE, self.operation, created, Purpose.CREATE)
            )
        id_ = task_id or self.conversation().id
        if id_ is not None:
            task = open_tasks[self.case.id] = OpenTask(id_, self.case, created)
            if created is not None and self.follower.on_created is not None:
                await self.follower.on_created(task)
            await self._follow(follow, id_)
            if self.not_finished is None:
                del open_tasks[self.case.id]
        return self.conversation()

    async def _follow(self, follow: Follow, id_: str) -> None:
        until = {
            Follow.CANCEL: {Phase.WAITING, Phase.RUNNING},
            Follow.CANCEL_RUNNING: {Phase.RUNNING},
        }.get(follow, set())
        state = await self._read_until(id_, until)
        if follow is Follow.EVENTS:
            return
        if follow is not Follow.TO_THE_END:
            if state is not None and (state.is_final or until):
                await self._cancel(id_)
        elif state is not None and state.is_final:
            await self._after_the_end(id_, state)

    def conversation(self) -> Conversation:
        return Conversation(
            self.case,
            self.kind,
            canonical_payload(self.provider, self.case),
            self.provider.dialect,
            tuple(self.steps),
            tuple(self.results),
            self.not_finished,
            tuple(self.not_fetched),
        )

    async def _read_until(self, id_: str, phases: set[Phase]) -> TaskState | None:
        """
        Read a task until it has one of the phases, or a final state.

        Returns the last state; None if it is not known.
        """
        read = self._operation(Role.READ)
        if read is None:
            return None
        waiting = self.follower.waiting
        began: float | None = None
        failed = unknown = 0
        for _ in range(MAX_READS):
            step = await self._ask(read, id_, Purpose.POLL)
            found, state = step.interaction, self.kind.state_of(step.body)
            began = found.clock - found.seconds if began is None else began
            if state is not None and (state.is_final or state.phase in phases):
                return state
            if state is not None and not phases:
                await self._ask_for_content_early(read, id_)
            is_missing = found.is_unsent or found.is_rate_limited
            if _is_refused(found) and not is_missing:
                return None
            failed = 0 if found.is_success or is_missing else failed + 1
            unknown = unknown + 1 if found.is_success and state is None else 0
            if failed == MAX_FAILED_READS or unknown == MAX_UNKNOWN_STATES:
                return None
            wait = waiting.seconds(self.kind, found)
            # The clock of the response, so that a recorded one leads to the same.
            if found.clock + wait > began + waiting.timeout:
                self.not_finished = _reason(found, waiting.timeout)
                return None
            if await self._is_stopped_within(wait):
                self.not_finished = INTERRUPTED
                return None
        self.not_finished = f"{NOT_FINISHED} {MAX_READS} reads"
        return None

    async def _is_stopped_within(self, seconds: float) -> bool:
        """Wait, but not for recorded responses; True at once when the run stops."""
        seconds = 0.0 if self.sender.is_offline else seconds
        try:
            async with asyncio.timeout(seconds):
                await self.follower.stopping.wait()
        except TimeoutError:
            return False
        return True

    async def _after_the_end(self, id_: str, state: TaskState) -> None:
        read = self._operation(Role.READ)
        if read is None:
            return
        step = await self._ask(read, id_, Purpose.AFTER_THE_END)
        for other in self.provider.operations_on(self.kind.name, Role.READ):
            if other is not read:
                await self._ask(other, id_, Purpose.AFTER_THE_END)
        if state.phase is Phase.SUCCEEDED:
            await self._fetch_results(step, id_)
        for listing in self.provider.operations_on(self.kind.name, Role.LIST):
            size, longest = page_size(listing)
            await self._list(listing, size, longest)
            await self._list(listing, size, 1 if size else None)

    async def _wait_for_the_last_event(
        self, stream: Operation, case: Case, heard: Listening
    ) -> None:
        """Wait for twice as long as a heartbeat takes, then keep what was heard."""
        role = stream.task
        limit = 2 * (role.heartbeat if role else 0.0)
        talk = self.conversation()
        step = self._heard(stream, case, heard)
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while not heard.is_over and not self._has_last(talk, step):
                    heard.changed.clear()
                    await heard.changed.wait()
                    step = self._heard(stream, case, heard)
        heard.end()
        self.steps.append(self._heard(stream, case, heard))

    def _has_last(self, talk: Conversation, step: Step) -> bool:
        states = event_states(talk, step.interaction.events)
        return talk.final is None or any(each.is_final for each in states)

    def _heard(self, stream: Operation, case: Case, heard: Listening) -> Step:
        seconds = heard.last - heard.began
        interaction = Interaction(
            case, heard.status, heard.headers, heard.body, seconds, at=heard.at
        )
        silence = heard.longest_silence
        return Step(
            Role.EVENTS, stream, interaction, Purpose.EVENTS, longest_silence=silence
        )

    async def _cancel(self, id_: str) -> None:
        cancel, read = self._operation(Role.CANCEL), self._operation(Role.READ)
        if cancel is not None and read is not None:
            await self._ask(cancel, id_, Purpose.CANCEL)
            await self._ask(read, id_, Purpose.AFTER_CANCEL)

    async def _list(
        self, operation: Operation, size: str | None, limit: int | None
    ) -> None:
        """Ask for a list; `limit` is the number of tasks that it may have."""
        if limit is None and any(each.operation is operation for each in self.steps):
            return
        query = f"?{size}={limit}" if limit else ""
        path = f"{operation.path}{query}"
        await self._send(operation, path, {}, Purpose.LIST, limit=limit)

    async def _ask_for_content_early(self, read: Operation, id_: str) -> None:
        """Ask once for the content of a task that goes on, and read the task again."""
        content = self._content_operation()
        has_asked = any(each.role is Role.CONTENT for each in self.steps)
        if content is not None and not has_asked:
            await self._ask(content, id_, Purpose.TOO_EARLY)
            await self._ask(read, id_, Purpose.POLL)

    async def _fetch_results(self, step: Step, id_: str) -> None:
        talk = self.conversation()
        for place, value in talk.result_values(step.body)[:MAX_RESULTS]:
            medium, form = place.medium or self.kind.medium, place.form
            if form not in {"url", "content"}:
                self.results.append(await self._decoded(medium, form, value))
                continue
            # A URL of the tested server may need the key, others never get it.
            url = str(value)
            response = await self.sender.fetch(self.case, url, with_key=True)
            if response is None or response.is_unsent or response.status == 429:
                self.not_fetched.append(url)
            else:
                self.results.append(await self._decoded(medium, form, response))
                await self._fetch_without_key(url)
        content = self._content_operation()
        if content is not None:
            found = await self._ask(content, id_, Purpose.CONTENT)
            if found.interaction.is_success and not self.results:
                medium, response = self.kind.medium, found.interaction
                self.results.append(await self._decoded(medium, "content", response))
            await self._ask(content, id_, Purpose.WITHOUT_KEY, auth=None)

    async def _fetch_without_key(self, url: str) -> None:
        """Ask for the first result without a key, where an operation returns it."""
        content = self._operation(Role.CONTENT)
        if content is None or any(each.role is Role.CONTENT for each in self.steps):
            return
        base = self.sender.target.url(replace(self.case, path="/"), content)
        path = path_of_url(content, base.removesuffix("/"), url)
        if path is not None:
            await self._send(content, path, {}, Purpose.WITHOUT_KEY, auth=None)

    def _content_operation(self) -> Operation | None:
        """The operation that returns the result of a task, by the id of the task."""
        content = self._operation(Role.CONTENT)
        has_index = content is not None and content.task and content.task.index
        return None if has_index else content

    async def _decoded(self, medium: str, form: str, value: Any) -> Result:
        return await asyncio.to_thread(decode_result, medium, form, value)

    def _operation(self, role: Role) -> Operation | None:
        return linked_operation(self.provider, self.operation, self.kind, role)

    async def _ask(
        self,
        operation: Operation,
        id_: str,
        purpose: Purpose,
        auth: str | None = TARGET_KEY,
    ) -> Step:
        """Send a request about the task."""
        created = self.conversation().created
        body = created.interaction.object if created else None
        known = linked_values(self.operation, operation, body, self._path_values())
        path, payload = task_path(operation, id_, known)
        return await self._send(operation, path, payload, purpose, auth=auth)

    def _path_values(self) -> Mapping[str, str]:
        """The values of the path parameters of the creation."""
        sent = self.sender.target.url(self.case, self.operation)
        path = sent.partition("?")[0]
        pattern = re.compile(self.operation.path_pattern.pattern + "$")
        match = pattern.search(path)
        names = self.operation.path_parameters
        return dict(zip(names, match.groups(), strict=True)) if match else {}

    async def _send(
        self,
        operation: Operation,
        path: str,
        payload: dict[str, Any],
        purpose: Purpose,
        *,
        limit: int | None = None,
        auth: str | None = TARGET_KEY,
    ) -> Step:
        role = operation.task.role if operation.task else Role.READ
        case = self._case_about(operation, path, payload, purpose, auth)
        interaction = await self.sender.send(case, operation)
        step = Step(role, operation, interaction, purpose, limit)
        self.steps.append(step)
        return step

    def _case_about(
        self,
        operation: Operation,
        path: str,
        payload: Mapping[str, Any],
        purpose: Purpose,
        auth: str | None,
    ) -> Case:
        return replace(
            self.case,
            id=f"{self.case.id}/{purpose}",
            operation=operation.id,
            media_type=next(iter(operation.bodies), None),
            payload=payload,
            claims=(f"{operation.id}/path",),
            path=path,
            auth=auth,
            follow=None,
        )


def _is_refused(interaction: Interaction) -> bool:
    return interaction.status is not None and 400 <= interaction.status < 500


def _reason(last: Interaction, timeout: float) -> str:
    """The reason why a task was not followed to its end."""
    if last.is_rate_limited:
        return RATE_LIMITED
    if last.is_unsent:
        return CONNECTION_FAILED
    return f"{NOT_FINISHED} {timeout:g} s"
