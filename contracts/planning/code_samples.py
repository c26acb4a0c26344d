"""A test case as a curl command, a Python script and a Node script."""

import json
import re
import shlex

from contracts.media.files import Sample
from contracts.planning.call_options import WITH_BEARER_TOKEN, CallOptions
from contracts.planning.case import WRONG_KEY, Case, form_parts, wrong_key
from contracts.text import _truncate
from specs import FORM, KeyPlace

_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


def curl_command(
    case: Case,
    url: str,
    key_env: str,
    method: str,
    call: CallOptions = WITH_BEARER_TOKEN,
) -> str:
    """
    A curl command that sends a case.

    The key comes from the environment variable `key_env`, `method` from the operation,
    `call` from the server.
    """
    case, headers, query = _wire_parts(case, key_env, call)
    arguments = ["curl", "-sS", "-X", case.method or method]
    line = " ".join(map(shlex.quote, arguments))
    if query is None:
        line += f" {shlex.quote(url)}"
    else:
        line += f" {shlex.quote(_before_value(url, query))}{_shell_string(query[1])}"
    for name, value in headers:
        # curl leaves out a header without a value, unless a semicolon ends its name.
        text = f"{name}: {value}" if value else f"{name};"
        line += f" \\\n  -H {_shell_string(text)}"
    if case.media_type == FORM and case.raw is None:
        for name, part in form_parts(case.payload):
            text = f"@{_curl_file(part)}" if isinstance(part, Sample) else part
            flag = "-F" if isinstance(part, Sample) else "--form-string"
            line += f" \\\n  {flag} {shlex.quote(f'{name}={_truncate(text)}')}"
        return line
    if not _has_body(case):
        return line
    line += f" \\\n  --data-binary {shlex.quote(_truncate(_body_text(case)))}"
    return line


def _curl_file(part: Sample) -> str:
    """A file argument; curl knows the Content-Type of some file names only."""
    is_known = part.format in {"png", "jpeg", "gif"}
    return part.filename + ("" if is_known else f";type={part.content_type}")


def _shell_string(text: str) -> str:
    """Quote a text for a shell; variables in it are expanded."""
    return f'"{text}"' if "$" in text else shlex.quote(text)


def python_snippet(
    case: Case,
    url: str,
    key_env: str,
    method: str,
    call: CallOptions = WITH_BEARER_TOKEN,
) -> str:
    """A Python script that sends a case with `requests`; arguments as above."""
    case, parts, query = _wire_parts(case, key_env, call)
    headers = ", ".join(f"{name!r}: {_python_string(value)}" for name, value in parts)
    statement = f"requests.request({(case.method or method)!r}, {url!r}"
    statement += f", headers={{{headers}}}"
    if query:
        statement += f", params={{{query[0]!r}: {_python_string(query[1])}}}"
    if case.media_type == FORM and case.raw is None:
        texts = [
            (name, part)
            for name, part in form_parts(case.payload)
            if not isinstance(part, Sample)
        ]
        files = ", ".join(
            f"({name!r}, ({value.filename!r}, open({value.filename!r}, 'rb'), "
            f"{value.content_type!r}))"
            for name, value in form_parts(case.payload)
            if isinstance(value, Sample)
        )
        statement += f", data={texts!r}, files=[{files}]"
    elif _has_body(case):
        statement += f", data={_truncate(_body_text(case))!r}.encode()"
    output = "print(response.status_code, response.text[:500])"
    return f"import os, requests\nresponse = {statement})\n{output}"


def _python_string(value: str) -> str:
    """A literal, or an f-string that reads environment variables."""
    if "$" not in value:
        return repr(value)
    return 'f"' + _VARIABLE.sub(r"{os.environ['\1']}", value) + '"'


def node_snippet(
    case: Case,
    url: str,
    key_env: str,
    method: str,
    call: CallOptions = WITH_BEARER_TOKEN,
) -> str:
    """A Node module that sends a case with built-in functions; arguments as above."""
    case, parts, query = _wire_parts(case, key_env, call)
    method = case.method or method
    headers = ", ".join(
        f"{_js_string(name)}: {_js_template(value)}" for name, value in parts
    )
    options = [f"method: {_js_string(method)}", f"headers: {{{headers}}}"]
    lines = []
    if case.media_type == FORM and case.raw is None:
        lines.append('import { openAsBlob } from "node:fs";')
        lines.append("const body = new FormData();")
        lines += [
            _append_statement(name, part) for name, part in form_parts(case.payload)
        ]
        options.append("body")
    elif method not in {"GET", "HEAD"} and _has_body(case):
        options.append(f"body: {_js_string(_truncate(_body_text(case)))}")
    address = _js_string(url)
    if query is not None:
        value = f"encodeURIComponent({_js_template(query[1])})"
        address = f"{_js_string(_before_value(url, query))} + {value}"
    lines.append(f"const response = await fetch({address}, {{")
    lines += [f"  {each}," for each in options]
    lines.append("});")
    lines.append("console.log(response.status, (await response.text()).slice(0, 500));")
    return "\n".join(lines)


def _append_statement(name: str, part: Sample | str) -> str:
    if not isinstance(part, Sample):
        return f"body.append({_js_string(name)}, {_js_string(_truncate(part))});"
    file, type_ = _js_string(part.filename), _js_string(part.content_type)
    blob = f"await openAsBlob({file}, {{type: {type_}}})"
    return f"body.append({_js_string(name)}, {blob}, {file});"


def _js_string(text: str) -> str:
    """Quote a text as a JavaScript string."""
    return json.dumps(text, ensure_ascii=False)


def _js_template(value: str) -> str:
    """A string, or a template that reads environment variables."""
    if "$" not in value:
        return _js_string(value)
    return "`" + _VARIABLE.sub(r"${process.env.\1}", value) + "`"


def _wire_parts(
    case: Case, key_env: str, call: CallOptions
) -> tuple[Case, list[tuple[str, str]], tuple[str, str] | None]:
    """
    The case as it is sent, its headers, and the query parameter of the key.

    A `$` in a value marks an environment variable; the parameter may be None.
    """
    case = call.wire_case(case)
    headers = [(name, f"${variable}") for name, variable in call.headers.items()]
    headers += case.headers.items()
    query = None
    # The samples have the wrong key of a short key.
    auth = case.auth and case.auth.replace(WRONG_KEY, wrong_key(""))
    place = call.auth_for(case.operation)
    value = place.value(auth, f"${key_env}")
    if value is not None and place.place is KeyPlace.QUERY:
        query = (place.name, value)
    elif value is not None:
        headers.append((place.name, value))
    content_type = case.content_type or case.media_type
    if content_type and (case.media_type != FORM or case.raw is not None):
        headers.append(("Content-Type", content_type))
    return case, headers, query


def _before_value(url: str, query: tuple[str, str]) -> str:
    """The URL with the name of a query parameter, up to its value."""
    return f"{url}{'&' if '?' in url else '?'}{query[0]}="


def _has_body(case: Case) -> bool:
    return case.media_type is not None or case.raw is not None


def _body_text(case: Case) -> str:
    if case.raw is not None:
        return case.raw.decode("utf-8", "replace")
    return json.dumps(case.payload, ensure_ascii=False)
