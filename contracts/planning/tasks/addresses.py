"""The paths of operations on one task."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from contracts.planning.paths import listed_value, required_query
from specs import Operation, Provider, Role, TaskKind, values_at

_NAME = re.compile(r"\{([^}/]+)\}")
BODY, PATH = "$response.body#", "$request.path."


def task_path(
    operation: Operation, id_: str, known: Mapping[str, str]
) -> tuple[str, dict[str, Any]]:
    """
    The path of an operation on a task, and its body if the id belongs there.

    `known` are values of other path parameters. A parameter without a value gets the
    first that its schema lists, else the id.
    """
    role, payload = operation.task, {}
    values = {name: known.get(name) for name in operation.path_parameters}
    place = role.id if role else None
    if place is None and operation.path_parameters:
        values[operation.path_parameters[-1]] = _segment(id_)
    elif place is not None and place.startswith("/"):
        payload = {place.removeprefix("/"): id_}
    elif place is not None and "{" in place:
        values |= _parts(place, id_)
    elif place is not None:
        values[place] = id_
    path = operation.path
    for name in operation.path_parameters:
        value = values.get(name) or listed_value(operation, name)
        value = value or _segment(id_)
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    query = required_query(operation)
    return f"{path}?{urlencode(query)}" if query else path, payload


def _segment(id_: str) -> str:
    """An id as one segment of a path; a word that no task has, if it has several."""
    return "unknown" if "/" in id_ else id_


def path_of_url(operation: Operation, base_url: str, url: str) -> str | None:
    """The path of an operation in a URL; None if the URL is another one."""
    pattern = re.escape(base_url) + operation.path_pattern.pattern
    if re.fullmatch(pattern, url) is None:
        return None
    return url.removeprefix(base_url)


def page_size(operation: Operation) -> tuple[str | None, int | None]:
    """The parameter with the length of a list, and the longest that it may be."""
    role, parameters = operation.task, operation.parameters.get("query")
    size = role and (role.page.get("size") or role.cursor.get("limit"))
    if not size or parameters is None:
        return size or None, None
    return size, parameters.properties.get(size, {}).get("maximum")


def _parts(template: str, id_: str) -> dict[str, str]:
    """The values in an id that has the form of a template; empty if it has not."""
    pattern = "([^/]+)".join(re.escape(each) for each in _NAME.split(template)[::2])
    match = re.fullmatch(pattern, id_)
    if match is None:
        return {}
    return dict(zip(_NAME.findall(template), match.groups(), strict=True))


def linked_operation(
    provider: Provider, create: Operation, kind: TaskKind, role: Role
) -> Operation | None:
    """The operation of a role to which the creation links, else the first one."""
    found = provider.operations_on(kind.name, role)
    linked = {each.operation for each in create.success.links}
    return next((each for each in found if each.id in linked), next(iter(found), None))


def linked_values(
    create: Operation, target: Operation, body: Any, path: Mapping[str, str]
) -> dict[str, str]:
    """The parameters of an operation, by the link in the response to a creation."""
    link = next(
        (each for each in create.success.links if each.operation == target.id), None
    )
    values: dict[str, str] = {}
    for name, expression in (link.parameters if link else {}).items():
        if expression.startswith(BODY):
            value = next(values_at(body, expression.removeprefix(BODY)), None)
        else:
            value = path.get(expression.removeprefix(PATH))
        if isinstance(value, str | int):
            values[name] = str(value)
    return values
