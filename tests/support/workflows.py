"""Workflows of GitHub as far as ours go: their steps, run here by bash."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from support.paths import ROOT

ACTION = ROOT / ".github" / "actions" / "imageparity"
OURS = re.compile(r"[\w-]+/imageparity/\.github/actions/imageparity@\S+")
EXPRESSION = re.compile(r"\$\{\{\s*(\w+)\.([\w.-]+)\s*\}\}")


@dataclass
class Step:
    """A step that ran: its exit status, what it said, what it gave to later ones."""

    name: str
    status: int
    said: str
    outputs: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)


class Machine:
    """
    A machine that runs jobs in `folder`, with `secrets` and variables.

    `github` is the context of that name, such as the event.

    Actions of others are noted, not run. Ours finds `imageparity` installed unless
    `is_bare`; `pip`, which a recipe installs things with, does nothing here.
    """

    def __init__(self, folder: Path, *, is_bare: bool = False, **variables: str):
        self.folder = folder / "workspace"
        self.summary = folder / "summary.md"
        self._temp, self._bin = folder / "temp", folder / "bin"
        for place in (self.folder, self._temp, self._bin):
            place.mkdir(exist_ok=True)
        self.summary.touch()
        self.github: dict[str, Any] = {}
        self._variables = variables
        self._outputs = 0
        here = Path(sys.executable).parent
        for name in ("python3", "pytest", "imageparity"):
            source = sys.executable if name == "python3" else here / name
            self.program(name, f'exec "{source}" "$@"')
        self.program("pip", "exit 0")
        if not is_bare:
            home = self._temp / "imageparity-home" / "bin"
            home.mkdir(parents=True, exist_ok=True)
            (home / "imageparity").symlink_to(self._bin / "imageparity")

    def program(self, name: str, script: str, folder: Path | None = None) -> None:
        """A program that steps find by its name."""
        path = (folder or self._bin) / name
        path.write_text(f"#!/usr/bin/env bash\n{script}\n")
        path.chmod(0o755)

    def job(self, workflow: Path | str, **secrets: str) -> list[Step]:
        """The steps that ran of the only job of a workflow."""
        text = workflow if isinstance(workflow, str) else workflow.read_text()
        found = yaml.safe_load(text)
        (job,) = found["jobs"].values()
        env = {**found.get("env", {}), **job.get("env", {}), **self._variables}
        scope = {"secrets": secrets, "env": env, "github": self.github}
        return self._steps(job["steps"], scope, env)

    def action(self, env: dict[str, str] | None = None, **inputs: str) -> Step:
        """Our action, by itself."""
        given = {name.replace("_", "-"): each for name, each in inputs.items()}
        return self._action(given, {**self._variables, **(env or {})})

    def _action(self, given: dict[str, str], env: dict[str, str]) -> Step:
        action = yaml.safe_load((ACTION / "action.yml").read_text())
        unknown = set(given) - set(action["inputs"])
        assert not unknown, f"the action has no input {unknown}"
        inputs = {
            name: given.get(name, each["default"])
            for name, each in action["inputs"].items()
        }
        env = {**env, "GITHUB_ACTION_PATH": str(ACTION)}
        scope: dict[str, Any] = {"inputs": inputs, "env": env}
        ran = self._steps(action["runs"]["steps"], scope, env)
        outputs = {
            name: _filled(each["value"], scope)
            for name, each in action["outputs"].items()
        }
        said = "".join(each.said for each in ran)
        return Step("imageparity", ran[-1].status, said, outputs, given)

    def _steps(
        self, steps: list[dict[str, Any]], scope: dict[str, Any], env: dict[str, str]
    ) -> list[Step]:
        """Those that ran: after a failure, only `if: always()`."""
        ran: list[Step] = []
        scope["steps"] = {}
        for step in steps:
            if any(each.status for each in ran) and step.get("if") != "always()":
                continue
            more = {
                name: _filled(each, scope) for name, each in step.get("env", {}).items()
            }
            done = self._step(step, scope, {**env, **more})
            scope["steps"][step.get("id", "")] = done.outputs
            ran.append(done)
        return ran

    def _step(
        self, step: dict[str, Any], scope: dict[str, Any], env: dict[str, str]
    ) -> Step:
        if "run" in step:
            return self._run(step.get("id", step["run"]), step["run"], env)
        given = {
            name: _filled(each, scope) for name, each in step.get("with", {}).items()
        }
        if OURS.fullmatch(step["uses"]):
            return self._action(given, env)
        return Step(step["uses"], 0, "", given=given)

    def _run(self, name: str, script: str, env: dict[str, str]) -> Step:
        assert "${{" not in script, "an expression in a script is open to injection"
        self._outputs += 1
        output = self._temp / f"output-{self._outputs}"
        output.touch()
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder,
            env={
                **os.environ,
                "PATH": f"{self._bin}:{os.environ['PATH']}",
                "RUNNER_TEMP": str(self._temp),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(self.summary),
                **env,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        lines = output.read_text().splitlines()
        outputs = dict(line.split("=", 1) for line in lines)
        return Step(name, done.returncode, done.stdout, outputs)


def _filled(text: Any, scope: dict[str, Any]) -> str:
    """A text with its expressions replaced: by nothing where nothing is known."""

    def value(match: re.Match[str]) -> str:
        found: Any = scope[match[1]]
        for name in match[2].split("."):
            if name != "outputs":
                found = found.get(name, "") if isinstance(found, dict) else ""
        return str(found)

    return EXPRESSION.sub(value, str(text))
