"""A stage's own command as the test of what was deployed: it's told where that is, and works within the leases."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cdconf.catalog.rendering import Rendering
from cdconf.catalog.scope import Scope
from cdconf.catalog.templating import Templating
from cdconf.environments import provider_for
from cdconf.pipeline.command import run_command
from cdconf.secrets import Mask, SecretStore

if TYPE_CHECKING:
    from cdconf.catalog.meter import Meter
    from cdconf.events import Emit
    from cdconf.inventory import Environment, Project
    from cdconf.inventory.pipeline import Stage


def acceptance(
    project: Project, environment: Environment, stage: Stage, commit: str, emit: Emit
) -> Callable[[Mapping[str, str]], Mapping[str, Any]]:
    """Makes the test; the variables that lend it the leases are given when it's run.

    Args:
        project: The project, at the commit.
        environment: What was deployed to.
        stage: The stage; it has a command.
        commit: The commit's full id.
        emit: The event stream.

    Raises:
        TemplateError: The stage's `url` can't be rendered.
    """
    variables = told(project, environment, stage)

    def run(lent: Mapping[str, str]) -> Mapping[str, Any]:
        run_command(project.root, commit, stage, {**variables, **lent}, emit)
        return {"passed": 1, "failed": 0}

    return run


def told(project: Project, environment: Environment, stage: Stage) -> dict[str, str]:
    """`CDCONF_ENVIRONMENT`, `CDCONF_HOSTS`, and `CDCONF_URL` where the stage has a `url`.

    `CDCONF_HOSTS` is JSON: `[{"name", "groups", "address", "published": {"80": "127.0.0.1:49153"}}]`.
    """
    published = provider_for(project, environment).standing().published or {}
    hosts = [
        {
            "name": host.name,
            "groups": list(host.groups),
            "address": host.address,
            "published": published.get(host.name, {}),
        }
        for host in environment.hosts.values()
    ]
    found = {"CDCONF_ENVIRONMENT": environment.name, "CDCONF_HOSTS": json.dumps(hosts)}
    if stage.url is not None:
        found["CDCONF_URL"] = _url(project, environment, stage, hosts)
    return found


def _url(project: Project, environment: Environment, stage: Stage, hosts: list[dict[str, Any]]) -> str:
    by_number = [
        {**host, "published": {int(port): at for port, at in host["published"].items() if port.isdigit()}}
        for host in hosts
    ]
    groups = {group: [one for one in by_number if group in one["groups"]] for group in project.groups}
    builtins = {"hosts": groups, "environment": {"name": environment.name, "copy_of": environment.copy_of}}
    answer = Rendering().call(_Texts(project, environment), _rendered, {}, builtins, str(stage.url), stage.line)
    return str(pickle.loads(answer))  # noqa: S301  a fork of ours


class _Texts:
    """Renders texts that know of no variables."""

    elsewhere = None

    def __init__(self, project: Project, environment: Environment) -> None:
        self.templating = Templating(project.root)
        self.mask = Mask()
        self.secrets = SecretStore(project, environment)

    def move(self, meter: Meter, secrets: SecretStore, mask: Mask) -> None:
        """See `cdconf.catalog.rendering.Renders`."""
        self.templating.measure(meter)
        self.secrets, self.mask = secrets, mask


def _rendered(texts: _Texts, facts: Mapping[str, Any], builtins: Mapping[str, Any], text: str, line: int) -> str:
    scope = Scope(texts.templating, {}, {}, builtins, lambda name: None, texts.mask)
    return str(texts.templating.value(text, scope, "cdconf.yml", line))
