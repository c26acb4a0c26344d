"""Rows of a gateway of the tests between two dialects, by our own sandwich."""

import asyncio
from collections.abc import Callable

from aiohttp import web

import specs
from contracts.cli.traffic.gateway import DEFAULT_FAIL_ON
from contracts.execution.sending.target import Target
from contracts.judging.outcome import FeatureVerdict
from contracts.reporters.gateway import GatewayReport
from contracts.traffic.gateway.questions import Planner
from contracts.traffic.gateway.rows import GatewayRow
from contracts.traffic.gateway.session import GatewaySession, open_session
from contracts.traffic.gateway.upstream import recording_upstream
from contracts.traffic.gateway.verdicts import GatewayDiff
from mockserver.embedded.starter import serve_in_thread

FAILS = frozenset(map(FeatureVerdict, DEFAULT_FAIL_ON.split(",")))
Gateway = Callable[[str], web.Application]


def rows_of(
    gateway: Gateway, dialect: str, upstream: str, operation: str, *features: str
) -> list[GatewayRow]:
    """The rows about some features of a gateway between two dialects."""
    provider, other = specs.load(dialect), specs.load(upstream)
    planned = Planner(provider, other, {}, "q0a1b2c", [operation]).questions()
    chosen = [each for each in planned if each.feature in features]

    async def conduct() -> list[GatewayRow]:
        async with recording_upstream(other, "127.0.0.1", 0) as (recorder, url):
            with serve_in_thread(gateway(url)) as (own, _):
                target = Target(f"{own}{provider.base_path}", "sk-caller")
                async with open_session() as session:
                    asker = GatewaySession(session, recorder, target, 15.0, provider)
                    exchanges = await asker.send_all(chosen, lambda: None)
        return list(GatewayDiff(provider, other, target).rows(exchanges))

    return asyncio.run(conduct())


def failures(rows: list[GatewayRow]) -> dict[str, str]:
    report = GatewayReport("0", "g", "one", "other", rows, FAILS)
    return {each.feature: str(each.verdict) for each in report.failures}


def one(rows: list[GatewayRow], feature: str) -> GatewayRow:
    return next(each for each in rows if each.feature == feature)
