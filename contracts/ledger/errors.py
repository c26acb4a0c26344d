"""The errors of a ledger; each ends the lane, or the command, that meets it."""

from contracts.errors import HarnessError


class LedgerError(HarnessError):
    """A ledger does not allow a step; the message says why and what to do."""


class BadLedgerAddress(LedgerError, ValueError):
    """An address that no ledger can have."""


class LedgerUnavailable(LedgerError):
    """A ledger that does not respond: nothing may be sent without it."""


class LeaseLost(LedgerError):
    """The lane belongs to another worker now: this one must send nothing more."""


class LaneDiffers(LedgerError):
    """The ledger has this lane with another server, document, seed or selection."""


class CampaignCancelled(LedgerError):
    """The campaign was cancelled or interrupted: no more questions are asked."""


class LaneBusy(LedgerError):
    """
    Another worker has the lane.

    `seconds` is the time until its lease ends, if it is not renewed.
    """

    def __init__(self, lane: str, holder: str, seconds: float) -> None:
        super().__init__(
            f"the lane {lane} is leased to {holder} for another {seconds:.0f} s"
        )
        self.seconds = seconds
