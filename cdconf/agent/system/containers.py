"""Containers through the command line that Docker and podman share: argument lists, and what `inspect` says.

References: docker container create, docker inspect; podman-create(1), podman-inspect(1).
"""

import json
import os

from cdconf.agent import texts
from cdconf.agent.commands.execute import last_lines, run
from cdconf.agent.errors import Down, Failed, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cdconf.agent.commands.execute import Result
    from cdconf.agent.data.values import Fields

RUNTIMES = (("docker", "/usr/bin/docker"), ("podman", "/usr/bin/podman"))
LABEL = "org.cdconf.container"  # on every container: its definition as JSON, without the values of `env`
DEFINITION = (
    "image",
    "command",
    "ports",
    "volumes",
    "network",
    "restart",
    "labels",
    "user",
    "memory",
    "cpus",
    "options",
)
# Variables that the client itself would heed, so that they can't be handed over in its environment.
CLIENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS")
CLIENT_PREFIXES = (
    "LD_",
    "XDG_",
    "GO",
    "CONTAINER",
    "STORAGE_",
    "PODMAN_",
    "DOCKER_TLS_",
    "DOCKER_CERT_",
    "DOCKER_API_",
)


def runtime(wanted: "str | None" = None) -> "str":
    """`docker` or `podman`: the one that's asked for, else the first that the host has."""
    for name, path in RUNTIMES:
        if wanted in (None, name) and os.path.exists(path):
            return name
    raise Missing("container runtime", wanted or "docker or podman")


def call(program: "str", arguments: "list[str]", env: "dict[str, str] | None" = None, timeout: "float" = 600) -> "str":
    """Runs the client; `Failed` says why, `Down` that Docker's daemon doesn't run."""
    result = run([program] + arguments, env=env, timeout=timeout)
    if result.status != 0:
        raise _failure(program, arguments, result)
    return result.out


def _failure(program: "str", arguments: "Sequence[str]", result: "Result") -> "Failed":
    if "Cannot connect to the Docker daemon" in result.err:
        return Down("running daemon", "docker")
    lines = [line for line in texts.lines(texts.strip(result.err)) if line and not line.startswith("See '")]
    why = lines[-1].replace("docker: ", "").replace("Error: ", "") if lines else "exit status {}".format(result.status)
    return Failed(
        "{} {} failed: {}".format(program, arguments[0], why),
        command=" ".join([program] + list(arguments)),
        status=result.status,
        output=last_lines(result.err) if len(lines) > 1 else "",
        kind="disk_full" if "no space left on device" in result.err else "failed",
    )


def inspect(program: "str", names: "Sequence[str]") -> "dict[str, dict[str, Any]]":
    """`{name: what inspect says}` of those containers that exist, in one process."""
    arguments = ["container", "inspect"] + list(names)
    result = run([program] + arguments, timeout=120)
    try:
        found = json.loads(result.out or "[]")
    except ValueError:
        raise _failure(program, arguments, result)
    lost = [line.lower() for line in texts.lines(result.err)]
    if result.status != 0 and not any("no such" in line for line in lost):
        raise _failure(program, arguments, result)
    return {one["Name"].lstrip("/"): one for one in found}


def full_image(name: "str") -> "str":
    """An image's name in full, as podman stores it: docker.io/library/nginx:latest for nginx."""
    first, slash, _ = name.partition("/")
    if not slash:
        name = "docker.io/library/" + name
    elif "." not in first and ":" not in first and first != "localhost":
        name = "docker.io/" + name
    return name if "@" in name or ":" in name.rpartition("/")[2] else name + ":latest"


def state(fields: "Fields", found: "dict[str, Any]") -> "dict[str, Any]":
    """What a container is like, in the resource's fields.

    Image, command, variables, restart policy and memory are the live ones; the rest, which can't be changed without
    making it anew, is what its label says that it was made of.
    """
    config, host = found["Config"], found["HostConfig"]
    made_of = _definition((config.get("Labels") or {}).get(LABEL, "{}"))
    variables = dict(one.partition("=")[::2] for one in config.get("Env") or [])
    image = found.get("ImageName") or config.get("Image", "")
    policy = host.get("RestartPolicy") or {}
    retries = policy.get("MaximumRetryCount") or 0
    observed = {name: made_of.get(name) for name in DEFINITION}
    observed["running"] = bool(found["State"].get("Running"))
    observed["image"] = fields.get("image") if full_image(fields.get("image", "")) == full_image(image) else image
    observed["env"] = {name: variables.get(name) for name in made_of.get("env", []) if isinstance(name, str)}
    observed["restart"] = (policy.get("Name") or "no") + (":{}".format(retries) if retries else "")
    if fields.get("command"):
        observed["command"] = config.get("Cmd")
    if fields.get("memory"):
        observed["memory"] = host.get("Memory")
    return observed


def _definition(text: "str") -> "dict[str, Any]":
    """What a container's label says that it was made of; empty for a damaged one."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("env", []), list) else {}


def create(name: "str", fields: "Fields") -> "tuple[list[str], dict[str, str]]":
    """(arguments, environment) of the `create` of a container; values of variables are in the environment alone."""
    definition = {one: fields[one] for one in DEFINITION if one in fields}
    definition["env"] = sorted(fields["env"])
    arguments = ["create", "--name", name, "--label", "{}={}".format(LABEL, json.dumps(definition, sort_keys=True))]
    environment = {}
    for variable, value in sorted(fields["env"].items()):
        if variable in CLIENT or variable.startswith(CLIENT_PREFIXES):
            arguments += ["--env", "{}={}".format(variable, value)]
        else:
            arguments += ["--env", variable]
            environment[variable] = value
    for option, values in (("--publish", fields["ports"]), ("--volume", fields["volumes"])):
        for value in values:
            arguments += [option, value]
    for label, value in sorted(fields["labels"].items()):
        arguments += ["--label", "{}={}".format(label, value)]
    for field in ("network", "restart", "user", "memory", "cpus"):
        if fields[field]:
            arguments += ["--" + field, str(fields[field])]
    return arguments + fields["options"] + [fields["image"]] + fields["command"], environment
