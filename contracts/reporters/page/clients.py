"""Which features a client of the field has to do with: what it sends, what it reads."""

from functools import cache

from specs.clients import Client, clients

CLIENT_INDEPENDENT_SECTIONS = {
    "transport",
    "money",
}  # sections that are about no operation
REQUEST_SECTIONS = {"request", "default"}
DELIVERIES_BY_FIELD = {
    "data[].url": {"url", "data_uri"},
    "data[].b64_json": {"b64_json"},
}


@cache
def affected_clients(operation: str, section: str, member: str) -> tuple[str, ...]:
    """The ids of the clients to which a feature matters."""
    return tuple(
        each.id
        for each in clients().values()
        if section in CLIENT_INDEPENDENT_SECTIONS
        or _is_affected(each, operation, section, member)
    )


def _is_affected(client: Client, operation: str, section: str, member: str) -> bool:
    """Whether a client calls an operation, and sends or reads a member of it."""
    if operation not in client.sends:
        return False
    if section in REQUEST_SECTIONS:
        return client.sends[operation].can_send({member: "any"})
    if section == "answer" and client.pictures_only:
        ways = DELIVERIES_BY_FIELD.get(member, set())
        return bool(ways) if client.pictures is None else bool(ways & client.pictures)
    return True
