"""Features that affect a client library: what it sends and what it reads."""

from functools import cache

from contracts.judging.client_effects import DELIVERIES_BY_FIELD
from specs.clients import Client, clients

# sections that are about no operation
CLIENT_INDEPENDENT_SECTIONS = {"transport", "money"}
REQUEST_SECTIONS = {"request", "default"}


@cache
def affected_clients(operation: str, section: str, field: str) -> tuple[str, ...]:
    """The ids of the clients that a feature affects."""
    return tuple(
        each.id
        for each in clients().values()
        if section in CLIENT_INDEPENDENT_SECTIONS
        or _is_affected(each, operation, section, field)
    )


def _is_affected(client: Client, operation: str, section: str, field: str) -> bool:
    """True if a client calls an operation, and sends or reads a field of it."""
    if operation not in client.sends:
        return False
    if section in REQUEST_SECTIONS:
        return client.sends[operation].can_send({field: "any"})
    if section == "answer" and client.pictures_only:
        deliveries = DELIVERIES_BY_FIELD.get(field, set())
        if client.pictures is None:
            return bool(deliveries)
        return bool(deliveries & client.pictures)
    return True
