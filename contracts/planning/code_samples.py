"""A test case as a curl command, a Python script and a Node script."""

import json
import shlex

from contracts.media.image.samples import Sample
from contracts.planning.case import (
    KEY,
    TARGET_KEY,
    WRONG_KEY,
    Case,
    form_parts,
    wrong_key,
)
from contracts.text import _truncate
from specs import FORM


def curl_command(case: Case, url: str, key_env: str, method: str) -> str:
    """
    A curl command that sends a case.

    The key comes from the environment variable `key_env`, `method` from the operation.
    """
    arguments = ["curl", "-sS", "-X", case.method or method, url]
    line = " ".join(map(shlex.quote, arguments))
    for name, value in _headers(case, key_env):
        quoted = (
            f'"{name}: {value}"' if "$" in value else shlex.quote(f"{name}: {value}")
        )
        line += f" \\\n  -H {quoted}"
    if case.media_type == FORM and case.raw is None:
        for name, part in form_parts(case.payload):
            text = f"@{_curl_file(part)}" if isinstance(part, Sample) else part
            flag = "-F" if isinstance(part, Sample) else "--form-string"
            line += f" \\\n  {flag} {shlex.quote(f'{name}={_truncate(text)}')}"
        return line
    line += f" \\\n  --data-binary {shlex.quote(_truncate(_body_text(case)))}"
    return line


def _curl_file(part: Sample) -> str:
    """A file argument; curl knows the Content-Type of some file names only."""
    is_known = part.format in {"png", "jpeg", "gif"}
    return part.filename + ("" if is_known else f";type={part.content_type}")


def python_snippet(case: Case, url: str, key_env: str, method: str) -> str:
    """A Python script that sends a case with `requests`; arguments as above."""
    headers = ", ".join(
        f"{name!r}: "
        + (_python_template(value, key_env) if "$" in value else repr(value))
        for name, value in _headers(case, key_env)
    )
    call = (
        f"requests.request({(case.method or method)!r}, {url!r}, headers={{{headers}}}"
    )
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
        call += f", data={texts!r}, files=[{files}]"
    else:
        call += f", data={_truncate(_body_text(case))!r}.encode()"
    output = "print(response.status_code, response.text[:500])"
    return f"import os, requests\nresponse = {call})\n{output}"


def _python_template(value: str, key_env: str) -> str:
    """An f-string in which the environment variable stands for the key."""
    template = value.replace(f"${key_env}", f"{{os.environ['{key_env}']}}")
    return f'f"{template}"'


def node_snippet(case: Case, url: str, key_env: str, method: str) -> str:
    """A Node module that sends a case with built-in functions; arguments as above."""
    method = case.method or method
    headers = ", ".join(
        f"{_js_string(name)}: "
        + (
            f"`{value.replace(f'${key_env}', f'${{process.env.{key_env}}}')}`"
            if "$" in value
            else _js_string(value)
        )
        for name, value in _headers(case, key_env)
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
    elif method not in {"GET", "HEAD"}:
        options.append(f"body: {_js_string(_truncate(_body_text(case)))}")
    lines.append(f"const response = await fetch({_js_string(url)}, {{")
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


def _headers(case: Case, key_env: str) -> list[tuple[str, str]]:
    """The headers of a case; a `$` in a value marks the variable of the key."""
    headers = list(case.headers.items())
    if case.auth == TARGET_KEY:
        headers.append(("Authorization", f"Bearer ${key_env}"))
    elif case.auth is not None:
        auth = case.auth.replace(WRONG_KEY, wrong_key(""))
        headers.append(("Authorization", auth.replace(KEY, f"${key_env}")))
    content_type = case.content_type or case.media_type
    if content_type and (case.media_type != FORM or case.raw is not None):
        headers.append(("Content-Type", content_type))
    return headers


def _body_text(case: Case) -> str:
    if case.raw is not None:
        return case.raw.decode("utf-8", "replace")
    return json.dumps(case.payload, ensure_ascii=False)
