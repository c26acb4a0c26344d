"""Open the ledger at an address: `redis://…` or `sqlite:PATH`."""

from contracts.ledger.base import Ledger
from contracts.ledger.errors import BadLedgerAddress
from contracts.ledger.sqlite import SqliteLedger
from mockserver.extras import MissingExtra, require_extra

SQLITE = "sqlite:"
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


def open_ledger(
    address: str, campaign: str, *, patience: float | None = None
) -> Ledger:
    """
    The ledger of a campaign; nothing is connected yet.

    `patience` is how many seconds Redis may take to restart; None for the usual time.

    Raises `BadLedgerAddress`, also if the package for Redis is not installed.
    """
    check_address(address)
    if address.startswith(SQLITE):
        return SqliteLedger(address.removeprefix(SQLITE), campaign)
    from contracts.ledger.redis import PATIENCE, RedisLedger

    wait = PATIENCE if patience is None else patience
    return RedisLedger(address, campaign, patience=wait)


def check_address(address: str) -> None:
    """Raise `BadLedgerAddress` for an address that no ledger can have."""
    if address.startswith(SQLITE) and len(address) > len(SQLITE):
        return
    if not address.startswith(REDIS_SCHEMES):
        raise BadLedgerAddress(
            f"ledger: '{address}' is not like redis://HOST:PORT/DB or sqlite:PATH"
        )
    try:
        require_extra("redis", "a ledger in Redis")
    except MissingExtra as error:
        raise BadLedgerAddress(str(error)) from None
    from redis.asyncio.connection import parse_url

    try:
        parse_url(address)
    except ValueError as error:
        raise BadLedgerAddress(f"ledger: {error}") from None
