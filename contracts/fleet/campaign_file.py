"""The file of a campaign: what is sent, to which targets, and where the ledger is."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from contracts.execution.targets import BadTarget, host_of
from contracts.ledger.address import SQLITE, check_address
from contracts.ledger.base import AccountLimit
from contracts.ledger.errors import BadLedgerAddress
from mockserver.hosts import is_loopback
from specs import SpecError
from specs.documents.reading.schema_errors import first_violation
from specs.documents.reading.yaml_files import read_yaml
from specs.validation.engine import compile_validator

SCHEMA = "campaign.schema.yaml"
LEDGER_REMEDY = "Give redis://HOST:PORT/DB or sqlite:PATH"
REMEDY = "See `imageparity schema campaign`"


@dataclass(frozen=True)
class LaneTarget:
    """
    One target of a campaign: a server with a key, which is one lane.

    `key_env` is the variable with the key, None for that of the provider. `budget` is
    in the provider's currency and `rate` in requests per minute; None for no limit.
    `account` is the limit that other lanes share, None for none.
    """

    name: str
    provider: str
    against: str
    key_env: str | None = None
    budget: float | None = None
    rate: float | None = None
    account: AccountLimit | None = None
    auth: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    fetch_from: tuple[str, ...] = ()

    @property
    def is_on_this_machine(self) -> bool:
        return is_loopback(host_of(self.against))


@dataclass(frozen=True)
class CampaignFile:
    """
    A campaign as its file says; it is sent to the workers as it is, and has no key.

    `folder` has further providers, None for none.
    """

    name: str
    ledger: str
    targets: tuple[LaneTarget, ...]
    seed: int = 0
    only: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    generated: bool = False
    second_opinion: bool = False
    timeout: float = 120.0
    folder: str | None = None

    def target(self, name: str) -> LaneTarget:
        return next(each for each in self.targets if each.name == name)

    @property
    def is_for_one_machine(self) -> bool:
        return self.ledger.startswith(SQLITE)


def read_campaign(
    path: Path,
    *,
    name: str | None = None,
    ledger: str | None = None,
    folder: str | None = None,
) -> CampaignFile:
    """
    The campaign in a file; `name` and `ledger` replace those of the file.

    Raises `SpecError`, which names the field and the remedy.
    """
    content = read_yaml(path.parent, path.name)
    if ledger is not None and isinstance(content, dict):
        content["ledger"] = ledger
    schema = read_yaml(files("contracts.fleet"), SCHEMA)
    error = first_violation(compile_validator(schema), schema, content, REMEDY)
    if error:
        raise error.in_file(str(path))
    campaign = _campaign(path, content, folder)
    campaign = replace(campaign, name=name or campaign.name)
    for place, problem, remedy in _problems(campaign, content):
        raise SpecError(str(path), place, problem, remedy)
    return campaign


def _campaign(
    path: Path, content: Mapping[str, Any], folder: str | None
) -> CampaignFile:
    accounts = {
        name: AccountLimit(name, each["rate"])
        for name, each in content.get("accounts", {}).items()
    }
    known = {each.name for each in fields(CampaignFile)}
    values = {name: _frozen(each) for name, each in content.items() if name in known}
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._") or "campaign"
    targets = tuple(
        LaneTarget(
            **{
                **{name: _frozen(value) for name, value in each.items()},
                "account": accounts.get(each.get("account")),
            }
        )
        for each in content["targets"]
    )
    values |= {"targets": targets, "ledger": _ledger(path, content["ledger"])}
    return CampaignFile(**{"name": stem, **values}, folder=folder)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _ledger(path: Path, address: str) -> str:
    """The address, with the path of a SQLite file from the folder of the campaign."""
    if not address.startswith(SQLITE) or address == SQLITE:
        return address
    return f"{SQLITE}{path.resolve().parent / address.removeprefix(SQLITE)}"


def _problems(
    campaign: CampaignFile, content: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """Yield place, problem and remedy of what the schema cannot say."""
    try:
        check_address(campaign.ledger)
    except BadLedgerAddress as error:
        yield "/ledger", str(error).removeprefix("ledger: "), LEDGER_REMEDY
    seen: set[str] = set()
    for at, target in enumerate(campaign.targets):
        place = f"/targets/{at}"
        if target.name in seen:
            remedy = "Give each target a name of its own"
            yield f"{place}/name", f"'{target.name}' is the name of two targets", remedy
        seen.add(target.name)
        try:
            is_local = target.is_on_this_machine
        except BadTarget as error:
            yield f"{place}/against", str(error), "Give the base URL of the server"
            continue
        if not is_local and target.budget is None:
            problem = f"{target.against} is not on this machine, so it may cost money"
            yield place, problem, "Add `budget: AMOUNT` in the provider's currency"
        account = content["targets"][at].get("account")
        if account is not None and target.account is None:
            remedy = f"Add `accounts: {{{account}: {{rate: N}}}}`"
            yield f"{place}/account", f"there is no account '{account}'", remedy
