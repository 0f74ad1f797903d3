"""Published ports: what a container has, what hosts.yml wants, and what it means when one can't be had."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cdconf.errors import ProviderError

if TYPE_CHECKING:
    from cdconf.inventory import Host

# "Bind for 127.0.0.1:8080 failed: port is already allocated"
# "listen tcp4 127.0.0.1:8080: bind: address already in use"
_IN_USE = re.compile(r"127\.0\.0\.1:(\d{1,5})\b.*(?:already allocated|already in use)", re.DOTALL)


def published(host: Host) -> str:
    """A host's `publish` as one text, in one order: `80, 8443:443`."""
    fixed = dict(host.fixed_ports)
    told = {port for port in host.publish if port != 22 or port in fixed}  # that of ssh is published in any case
    return ", ".join(f"{fixed[port]}:{port}" if port in fixed else str(port) for port in sorted(told))


def check_published(host: Host, label: str | None, container: str, environment: str) -> None:
    """Refuses a `publish` that the host's container can't come to have: Docker settles ports when it makes one.

    Args:
        host: The host, as hosts.yml wants it.
        label: What the container was made with; None for one that an earlier version made.
        container: The container's name.
        environment: The environment's name.

    Raises:
        ProviderError: They differ.
    """
    wanted = published(host)
    if label is None or label == wanted:
        return
    raise ProviderError(
        f"its container publishes {label or 'nothing'}, and hosts.yml wants {wanted or 'nothing'}; Docker can't change "
        "that under a container",
        host=host.name,
        file=host.file,
        line=host.line,
        hint=f"what's on the host is lost with it, so that's for you to decide: `docker rm -fv {container}`, then "
        f"`cdconf provision {environment}` makes it anew",
    )


def explain_start(said: str, host: Host) -> ProviderError:
    """The error for a container that the engine can't start."""
    match = _IN_USE.search(said)
    if match is None:
        return ProviderError(f"the host can't be started: {said}", host=host.name)
    fixed = {at: port for port, at in host.fixed_ports}
    at = int(match[1])
    what = f"for its port {fixed[at]} " if at in fixed else ""
    return ProviderError(
        f"port {at} of this machine, which it publishes {what}on, is in use",
        host=host.name,
        file=host.file,
        line=host.line,
        hint=f"`docker ps --filter publish={at}` or `ss -ltnp sport = :{at}` says by what; name the port inside alone "
        "in `publish`, and Docker chooses a free one",
    )
