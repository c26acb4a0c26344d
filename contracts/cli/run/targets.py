"""The servers that `imageparity run` tests."""

import re

from contracts.cli.run.options import RunOptions
from contracts.cli.shared.call_options import given_options, read_call_options
from contracts.execution.sending.target import Target
from contracts.execution.targets import (
    BadTarget,
    NamedTarget,
    is_target_argument,
    parse_targets,
    target_of,
)
from mockserver.cli.common import UsageError, load_providers
from specs import Provider

_PYTHON_HINT = re.compile(r" \([^()]*\bin Python\b[^()]*\)")


def run_targets(options: RunOptions) -> list[NamedTarget]:
    """The servers named by the options; empty for the mocks. Raises `UsageError`."""
    try:
        return _run_targets(options)
    except BadTarget as error:
        raise UsageError(_PYTHON_HINT.sub("", str(error))) from None


def _run_targets(options: RunOptions) -> list[NamedTarget]:
    is_replay = options.replay is not None
    if any(is_target_argument(each) for each in options.provider):
        return _argument_targets(options)
    if options.against is not None:
        return [_against_target(options)]
    if is_replay:
        return [
            NamedTarget(each.id, each, _target(each, each.dialect.base_url, options))
            for each in load_providers(options.provider, options.folder)
        ]
    if options.live or options.budget or options.key_env:
        raise UsageError("--live, --budget and --key-env go with --against BASE_URL")
    given = {"header": options.header, "auth": options.auth, "model": options.model}
    if names := given_options(given):
        raise UsageError(f"{' and '.join(names)}: add --against BASE_URL")
    return []


def _argument_targets(options: RunOptions) -> list[NamedTarget]:
    """The targets of arguments `PROVIDER=URL` and `LABEL:PROVIDER=URL`."""
    if options.against is not None:
        raise UsageError("--against and PROVIDER=URL mean the same: use one of them")

    def load(name: str) -> Provider:
        return load_providers([name], options.folder)[0]

    targets = parse_targets(
        options.provider, load, lambda provider, url: _target(provider, url, options)
    )
    is_repeated = len({each.provider.id for each in targets}) < len(targets)
    if is_repeated and not options.same_questions:
        raise UsageError(
            "two servers of one PROVIDER: test them one after the other, or both "
            "with --same-questions"
        )
    return targets


def _against_target(options: RunOptions) -> NamedTarget:
    providers = load_providers(options.provider, options.folder)
    if len(providers) != 1:
        raise UsageError(
            "--against tests one PROVIDER: name it, or give PROVIDER=URL for each"
        )
    provider, base_url = providers[0], str(options.against)
    return NamedTarget(provider.id, provider, _target(provider, base_url, options))


def _target(provider: Provider, base_url: str, options: RunOptions) -> Target:
    """A server at this URL; a replay needs no key, and no value of a header."""
    call = read_call_options(
        provider, header=options.header, auth=options.auth, model=options.model
    )
    if options.replay is not None:
        return Target(base_url, "", call=call)
    return target_of(
        provider,
        base_url,
        key_env=options.key_env,
        live=options.live,
        budget=options.budget,
        call=call,
    )
