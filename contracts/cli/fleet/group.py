"""The group `campaign`, whose command `run` needs not be named."""

from typing import Any

import click

from mockserver.cli.common import CommandTable, LazyGroup

RUN = "run"
COMMANDS: CommandTable = {
    RUN: (
        "contracts.cli.fleet.commands:run",
        "Run a campaign: all targets, on several workers (the default).",
    ),
    "lane": (
        "contracts.cli.fleet.commands:lane",
        "Run a part of the targets in this process, without Dask.",
    ),
    "status": (
        "contracts.cli.fleet.commands:status",
        "Show how far a campaign came.",
    ),
    "cancel": (
        "contracts.cli.fleet.commands:cancel",
        "Let a campaign send nothing more.",
    ),
}


class CampaignGroup(LazyGroup):
    """`campaign FILE` is short for `campaign run FILE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {*COMMANDS, *ctx.help_option_names}
        if args and args[0] not in own:
            args = [RUN, *args]
        return super().parse_args(ctx, args)


@click.group(cls=CampaignGroup, verbs=COMMANDS, extras={RUN: "fleet"})
def campaign(**_: Any) -> None:
    """
    Test many servers on several workers: `campaign CAMPAIGN.yaml`.

    The file lists the targets, their budgets and rates, and the ledger. The ledger
    keeps each outcome and all money: the same command goes on where a campaign
    stopped, and no paid request is sent twice.
    """
