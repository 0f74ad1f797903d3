"""A host that goes from one environment of its project to another, because somebody said so."""

import os

from cdconf.agent.errors import Failed
from cdconf.agent.lease.identity import IDENTITY
from cdconf.agent.migrations import migrations
from cdconf.agent.records import ledger


def check(store):
    """Raises `Failed` while something of the environment that the host leaves is going on here."""
    for app, page in sorted(store.read(ledger.FILE, {}).items()):
        if page.get("activating"):
            to = page["activating"]["to"]
            text = "a deployment of '{}' to {} isn't ended here: end it before the host leaves its environment"
            raise Failed(text.format(app, to))
    for name in sorted(os.listdir(store.folder)):
        if name.startswith("drain-") and name.endswith(".json"):
            hosts = sorted((store.read(name) or {}).get("hosts", ()))
            if hosts:
                text = "{} are drained here: put them back before the host leaves its environment"
                raise Failed(text.format(", ".join(hosts)))


def move(store, environment, host):
    """Makes the host another environment's. What was applied stays known, so that what's left over is shown.

    Migrations are forgotten: they ran in the other environment's database, and this one's mustn't be taken for it.
    """
    store.remove(migrations.FILE)
    store.write(IDENTITY, {"environment": environment, "host": host})
