"""Send a webhook when the state of a task changes, to the URL in its request."""

import asyncio
from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import replace
from typing import Any

from yarl import URL

from mockserver.json_text import dumps
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.request.body_parsing import ParsedBody
from mockserver.pipeline.tasks.lookup import Task, kind_of
from mockserver.pipeline.tasks.representation import represent, represent_read
from mockserver.pipeline.webhooks import CHECK_SECONDS, Delivery
from mockserver.simulation.task_mode import MAX_SECONDS
from mockserver.simulation.task_progress import progress_between
from mockserver.state.memory import StateError
from specs import Webhook, values_at

MAX_CHANGES = 20  # of a task whose states change without end
TOO_MANY = "Too many tasks have a webhook at the same time."


def start_webhooks(exchange: Exchange, task: Task, payload: Mapping[str, Any]) -> None:
    """Send the states of a new task to the URL in its request, if it has one."""
    webhook = kind_of(exchange).webhook
    text = None if webhook is None else _value(payload, webhook.field)
    if webhook is None or not isinstance(text, str) or not text:
        return
    # A copy: the request ends before the task does.
    lasting = replace(exchange, parsed_body=None, interpretation=None, outputs=())
    sender = exchange.provider_context.webhooks
    watcher = _Watcher(lasting, webhook, _url(text), _states(payload, webhook))
    if not sender.start(watcher.watch(task)):
        sender.record_refusal(watcher.delivery(task, b""), TOO_MANY)


def as_provider_sees_it(exchange: Exchange, parsed_body: ParsedBody) -> ParsedBody:
    """
    The body with `https` in the URL of a webhook that may be sent without.

    Providers refuse `http`, which is all that most receivers on this machine speak.
    """
    webhook, payload = kind_of(exchange).webhook, parsed_body.payload
    text = payload.get(webhook.field) if webhook is not None else None
    if webhook is None or not isinstance(text, str):
        return parsed_body
    url = _url(text)
    if url.scheme != "http" or exchange.provider_context.webhooks.refusal(url):
        return parsed_body
    secure = f"https:{text.partition(':')[2]}"
    return replace(parsed_body, payload={**payload, webhook.field: secure})


class _Watcher:
    """Watches one task, and sends the states that its client wants to know."""

    def __init__(
        self, exchange: Exchange, webhook: Webhook, url: URL, states: Collection[str]
    ) -> None:
        self._exchange = copy(exchange)  # the journal's is stripped after the response
        self._context = exchange.provider_context
        self._webhook = webhook
        self._url = url
        self._states = states

    async def watch(self, task: Task) -> None:
        """Send each change of the state until the last, as the clock goes on."""
        store, record, last = self._context.store, task.record, ""
        after, changes = task.record.created_at, 0
        while changes < MAX_CHANGES:
            now = self._context.clock()
            found = progress_between(record, task.kind, after, now)
            if not found or now > record.created_at + MAX_SECONDS:
                return
            for progress in found:
                if progress.state.name != last:
                    last, changes = progress.state.name, changes + 1
                    await self._send(replace(task, record=record, progress=progress))
                if progress.is_final:
                    return
            after = now
            await asyncio.sleep(CHECK_SECONDS)
            await store.sync_clock()
            try:
                current = await store.tasks.get(task.owner, record.id)
            except StateError:
                continue  # the task goes on while Redis does not respond
            if current is None:
                return
            record = current

    async def _send(self, task: Task) -> None:
        if task.progress.state.name not in self._states:
            return
        sender = self._context.webhooks
        refusal = sender.refusal(self._url)
        if refusal is not None:
            sender.record_refusal(self.delivery(task, b""), refusal)
            return
        if self._webhook.body is None:
            body = await represent_read(self._exchange, task)
            body = next(values_at(body, self._webhook.body_from), body)
        else:
            body = await represent(self._exchange, task, self._webhook.body)
        await sender.deliver(self.delivery(task, dumps(body).encode()))

    def delivery(self, task: Task, body: bytes) -> Delivery:
        store = self._context.store

        async def is_kept() -> bool:
            try:
                return await store.tasks.get(task.owner, task.record.id) is not None
            except StateError:
                return True  # Redis does not respond

        return Delivery(
            provider=self._context.provider.id,
            namespace=self._exchange.namespace or "",
            task_id=task.record.id,
            state=task.progress.state.name,
            url=self._url,
            body=body,
            webhook=self._webhook,
            is_wanted=is_kept,
        )


def _value(payload: Mapping[str, Any], name: str) -> Any:
    """The value of a field, or at a JSON pointer; None without one."""
    return next(values_at(payload, name if name.startswith("/") else f"/{name}"), None)


def _states(payload: Mapping[str, Any], webhook: Webhook) -> Collection[str]:
    """The states to send: those of the document that the request selects."""
    wanted = _value(payload, webhook.events) if webhook.events else None
    if not isinstance(wanted, list):
        return webhook.states
    return [each for each in webhook.states if each in wanted]


def _url(text: str) -> URL:
    """The URL of a text; one without a host if it is none."""
    try:
        return URL(text)
    except ValueError:
        return URL("")
