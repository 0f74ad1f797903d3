"""Environments that are watched: a host with a real agent each, and a receiver that gets the news."""

import json
import os
import time
from pathlib import Path
from unittest import mock

import paramiko

from cdconf.clocks import Clock
from cdconf.inventory import load_project
from cdconf.notify.outbox import FOLDER, Outbox, outbox_if_any
from cdconf.notify.schedules import schedule_state
from cdconf.notify.sender import Sender, alone
from cdconf.notify.settings import read_settings
from tests.conftest import git, write
from tests.hostile.between import BetweenServer, apart
from tests.month.plan import FILES
from tests.prepared import BEHIND, prepared

ROLE = "resources:\n" + "".join(f'  - file: {path}\n    content: "as it should be\\n"\n' for path in FILES)
HOSTS = """
ssh: {{user: root, identity_file: {home}/id, known_hosts: {home}/known}}
hosts:
  web1: {{address: 127.0.0.1, ssh: {{port: {port}}}, groups: [web]}}
"""
CLOSED = 1  # a port on which nobody listens


class World:
    """The project, its environments `e0`, `e1`, … and what their people got.

    Args:
        folder: Where all of it lies.
        count: How many environments.
        receiver: See `tests.notify.receivers`.
    """

    def __init__(self, folder, count, receiver):
        self.folder, self.root, self.home = folder, folder / "project", folder / "home"
        self.names = [f"e{number}" for number in range(count)]
        self.receiver = receiver
        self._real, self.ahead = time.time, 0.0  # seconds by which the clock is shifted
        key = paramiko.RSAKey.generate(2048)
        self.servers = {name: BetweenServer(key, apart(folder / name)) for name in self.names}
        self.home.mkdir()
        paramiko.RSAKey.generate(2048).write_private_key_file(str(self.home / "id"))
        pinned = f"{key.get_name()} {key.get_base64()}"
        known = "".join(f"[127.0.0.1]:{one.port} {pinned}\n" for one in self.servers.values())
        write(self.home, {"known": known, ".config/cdconf/notify.yml": self._settings()})
        (self.home / ".config/cdconf/notify.yml").chmod(0o600)
        write(self.root, {"cdconf.yml": "project: month\ngroups: {web: [base]}\n", "roles/base/role.yml": ROLE})
        for name in self.names:
            self.reach(name, is_reachable=True)
        git(self.root, "init", "-q")
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", "begin")
        for name in self.names:
            assert self.run("provision", name).returncode == 0
        # One sender of a project is at a time: here it's the test, with the shifted clock.
        Outbox(load_project(self.root).data).close()
        self._alone = alone(self.root / ".cdconf" / FOLDER)
        assert self._alone.__enter__()

    def _settings(self):
        pings = [{"environment": name, "url": self.receiver.url("http", f"ping-{name}")} for name in self.names[:2]]
        targets = {"ops": {"url": self.receiver.url(path="ops")}, "other": {"url": "json://x", "environments": ["no"]}}
        return json.dumps({"targets": targets, "pings": pings})

    def close(self):
        self._alone.__exit__(None, None, None)
        for one in self.servers.values():
            one.close()

    def now(self):
        """The time of this month."""
        return self._real() + self.ahead

    def environment(self):
        """A home without anybody's keys, and the shifted clock."""
        found = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8", "CDCONF_ISOLATION": "off"}
        return found | {"DOCKER_HOST": "unix:///nonexistent/docker.sock", BEHIND: str(-self.ahead)}

    def run(self, *arguments):
        return prepared().run(list(arguments), self.root, self.environment(), timeout=120)

    def begin(self, *arguments):
        with Path(os.devnull).open("r+b") as null:
            return prepared().begin(list(arguments), self.root, self.environment(), [null, null, null])

    def reach(self, name, *, is_reachable):
        """Brings the network of an environment up, or down."""
        port = self.servers[name].port if is_reachable else CLOSED
        path = self.root / f"inventories/{name}/hosts.yml"
        text = HOSTS.format(home=self.home, port=port)
        if not path.exists() or path.read_text() != text:
            write(self.root, {f"inventories/{name}/hosts.yml": text})

    def change(self, name, changed):
        """On the host, these files and no others are as somebody has left them."""
        for path in FILES:
            file = self.folder / name / "srv" / path.rpartition("/")[2]
            file.write_text("changed by hand\n" if path in changed else "as it should be\n")

    def send(self):
        """Sends all that waits, whatever the digest of a minute would wait for; returns what was told."""
        os.environ["HOME"] = str(self.home)
        outbox = Outbox(self.root / ".cdconf", Clock(here=self.now))
        before = len(self.receiver.received)
        while not Sender(outbox, "month", settings=read_settings).drain(waits=False):
            self.ahead += 10  # of the time that passes between two looks
        outbox.close()
        return self.receiver.received[before:]

    def told(self):
        """All events that were sent: `(environment, kind, the title's last word)`, in their order."""
        outbox = outbox_if_any(self.root / ".cdconf")
        rows = outbox.run("SELECT environment, kind, title FROM message WHERE state = 'sent' ORDER BY id")
        outbox.close()
        return [(name, kind, title.rpartition(" ")[2]) for name, kind, title in rows]

    def schedule(self, name, silent_since):
        """Says how an environment's schedule does, as whoever watches it does."""
        with mock.patch("time.time", self.now):
            schedule_state(load_project(self.root), name, "drift", silent_since)
