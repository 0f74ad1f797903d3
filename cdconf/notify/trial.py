"""One message to each target, to see whether it arrives."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from cdconf.notify.delivery import Delivery
from cdconf.notify.receiver import Outcome
from cdconf.notify.settings import Receiver


def try_targets(targets: Mapping[str, Receiver], project: str) -> dict[str, tuple[Outcome, str]]:
    """Sends them at once, and waits; target -> what came of it, and why."""
    title = f"{project}: a test of cdconf's notifications"
    body = f"`cdconf notify test` on {socket.gethostname()}. Nothing has happened."
    begun = {
        name: Delivery({"url": receiver.url, "title": title, "body": body, "severity": "info"})
        for name, receiver in targets.items()
    }
    return {name: delivery.result() for name, delivery in begun.items()}
