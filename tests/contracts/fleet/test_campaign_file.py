"""The file of a campaign: errors name the field and the remedy."""

from pathlib import Path

import pytest
import yaml

from contracts.execution.targets import BadTarget
from contracts.fleet.campaign_file import read_campaign
from contracts.fleet.lane import lane_campaign
from contracts.ledger.base import AccountLimit
from specs import SpecError

TARGET = {"name": "a", "provider": "tokenhub", "against": "http://127.0.0.1:1/v1"}
VALID = {"ledger": "sqlite:ledger", "targets": [TARGET]}


def written(folder: Path, **changes) -> Path:
    file = folder / "my gateways.yaml"
    file.write_text(yaml.safe_dump({**VALID, **changes}))
    return file


def with_target(**changes):
    return {"targets": [{**TARGET, **changes}]}


@pytest.mark.parametrize(
    ("changes", "problem", "remedy"),
    [
        ({"targets": []}, "#/targets: ", "imageparity schema campaign"),
        ({"sed": 1}, "#/sed: unknown key", "Did you mean 'seed'"),
        ({"ledger": "localhost"}, "#/ledger: 'localhost' is not", "Give redis"),
        (with_target(against="ftp://x"), "#/targets/0/against: ", "base URL"),
        (
            with_target(against="https://x.example/v1"),
            "#/targets/0: ",
            "budget: AMOUNT",
        ),
        (
            with_target(account="up"),
            "#/targets/0/account: ",
            "accounts: {up: {rate: N}}",
        ),
        (with_target(budget=0), "#/targets/0/budget: ", "imageparity schema campaign"),
        (with_target(key_env="a b"), "#/targets/0/key_env: ", "schema campaign"),
        ({"targets": [TARGET, TARGET]}, "#/targets/1/name: ", "name of its own"),
    ],
)
def test_an_error_names_the_field_and_the_remedy(tmp_path, changes, problem, remedy):
    with pytest.raises(SpecError) as error:
        read_campaign(written(tmp_path, **changes))

    assert problem in str(error.value)
    assert remedy in str(error.value)


def test_defaults_and_what_replaces_the_file(tmp_path):
    accounts = {"up": {"rate": 120}}
    file = written(tmp_path, accounts=accounts, **with_target(account="up"))

    campaign = read_campaign(file)

    assert (campaign.name, campaign.ledger) == (
        "my-gateways",
        f"sqlite:{tmp_path}/ledger",
    )
    assert campaign.targets[0].account == AccountLimit("up", 120)
    assert campaign.targets[0].account.interval == 0.5
    other = read_campaign(file, name="weekly", ledger="redis://127.0.0.1:1/0")
    assert (other.name, other.is_for_one_machine) == ("weekly", False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (with_target(key_env="NOT_SET_HERE"), "NOT_SET_HERE is not set"),
        (with_target(provider="nobody"), "is not a known provider"),
        ({"operations": ["createNothing"]}, "no operation 'createNothing'"),
        ({"only": ["no such case"]}, "no case is selected"),
        (with_target(auth="magic"), "--auth 'magic' is not one of"),
    ],
)
def test_a_target_that_cannot_be_tested_is_named(tmp_path, monkeypatch, changes, said):
    monkeypatch.setenv("TOKENHUB_API_KEY", "k")
    campaign = read_campaign(written(tmp_path, **changes))

    with pytest.raises(BadTarget, match=f"target a: .*{said}"):
        lane_campaign(campaign, campaign.targets[0])
