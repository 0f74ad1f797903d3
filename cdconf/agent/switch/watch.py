"""The dead man's switch at work: waits beside a deployment, and takes the host back when its beats have ceased.

systemd starts it, from the unit that `cdconf.agent.switch.switch` writes, when a release is about to be activated, and
at every boot that finds the switch armed, ahead of the app's services. It takes the same lease and lock as agents do,
so that it never works beside one, and needs no controller. What it says is in the unit's journal.
"""

import os
import sys
import time

from cdconf.agent.errors import Failed
from cdconf.agent.lease.lease import FILE as LEASE
from cdconf.agent.lease.lease import Lease
from cdconf.agent.records import store as state
from cdconf.agent.records.formats import Damaged
from cdconf.agent.records.ledger import Ledger
from cdconf.agent.release import activation, hooks
from cdconf.agent.release.releases import Releases
from cdconf.agent.switch.switch import Switch, stop_later
from cdconf.agent.toggles import toggles

LOOK = 1.0  # seconds between two looks
TTL = 60.0
BOOT_WAIT = 10.0  # seconds for which the app's start is held up while somebody else is at work on the host


class WatchStore(state.HostStore):
    """A project's directory, in which a damaged lease is nobody's: it mustn't keep a host from going back.

    Its number is the time's, which no run's can have come near: numbers only rise.
    """

    def read(self, name, default=None):
        try:
            return state.HostStore.read(self, name, default)
        except Damaged:
            if name != LEASE:
                raise
            return {"run": None, "fence": int(time.time() * 1000), "boot": ""}


class ActivationWatch(object):
    """Watches over one app's unconfirmed activation.

    Args:
        store: The project's `Store`.
        app: The app's name.
        switch: Its `Switch`.
        lease: A `Lease` of its own.
        sleep: Waits some seconds.
        ready: Tells systemd that the app may start.
    """

    def __init__(self, store, app, switch, lease, sleep=time.sleep, ready=lambda: None):
        self.store = store
        self.app = app
        self.switch = switch
        self.lease = lease
        self.sleep = sleep
        self.ready = ready
        self.later = None  # (app, release) whose hook waits until the app may start

    def run(self):
        """Until the switch isn't armed any more."""
        watching = self._wait_after_boot()
        self.ready()
        if self.later is not None:
            self._after_rollback(*self.later)
        if not watching:
            return
        while self.switch.armed() is not None:
            entry = self.store.read(LEASE)
            left = self.switch.left(entry)
            if left is None or left <= 0:
                if self._attempt():
                    return
                left = LOOK
            self.sleep(max(0.05, min(left, LOOK)))

    def _wait_after_boot(self):
        """Goes back before the app starts, after a reboot; whether there's still something to watch."""
        armed = self.switch.armed()
        if armed is None:
            return False
        if armed["boot"] == self.switch.boot():
            return True
        deadline = self.switch.clock() + BOOT_WAIT
        while self.switch.clock() < deadline:
            if self.switch.armed() is None or self._attempt(booting=True):
                return False
            self.sleep(0.2)
        return True

    def _is_due(self, entry):
        """Whether the activation is over: no beat for too long, and nobody else at work who may yet end it.

        A run that worked within another's lease and died leaves that other one behind, which doesn't end it.
        """
        armed = self.switch.armed()
        if armed is None:
            return False
        left = self.switch.left(entry)
        if left is not None and left > 0:
            return False
        held = self.lease.status()
        if held is None or held["run"] in (armed["run"], self._name()):
            return True
        return held["fence"] == armed["fence"] and all(one["run"] == armed["run"] for one in held["inner"])

    def _name(self):
        return "switch-{}".format(self.app)

    def _reason(self):
        return "its dead man's switch takes {} back".format(self.app)

    def _attempt(self, booting=False):
        """Takes the host, and goes back; False when it can't be taken yet, or needn't be."""
        armed = self.switch.armed()
        ttl = TTL + (hooks.longest(armed.get("app") or {}) if armed else 0)
        if not self.lease.seize(self._name(), "the host itself", self._reason(), ttl, self._is_due):
            return False
        try:
            if not self.lease.enter():
                return False
            return self._go_back(self.switch.armed(), booting)
        finally:
            self.lease.release()

    def _go_back(self, armed, booting):
        if armed is None:  # confirmed or rolled back by the agent that was just waited for
            return True
        ledger = Ledger(self.store, self.app)
        releases = Releases(armed["app"]["path"], ledger)
        target, problem = releases.verified(), None
        if ledger.page["activating"] is not None or releases.linked() != target:
            say(
                "no heartbeat for {:g} s: {} goes back to {}".format(
                    armed["within"], armed["release"], target or "nothing"
                )
            )
            toggled = toggles.put_back(self.store, armed["app"])
            problem = _take_back(armed["app"], releases, target, booting)
            toggles.restarted(self.store, armed["app"])
            problem = problem or (toggled and toggled.message)
            ledger.reverted(target, armed["release"], armed["run"], problem)
            self.later = (armed["app"], target)
        self.switch.disarm()
        if self.later is not None and not booting:
            self._after_rollback(*self.later)
        return True

    def _after_rollback(self, app, release):
        """Runs the app's hook; what's wrong with it is remembered with the rollback, which stands."""
        self.later = None
        told = hooks.run(app, "after_rollback", release, lambda: None)
        problem = hooks.problem(told)
        if problem is not None:
            say("\n".join([problem] + [one["output"] for one in told]))
            ledger = Ledger(self.store, self.app)
            reverted = ledger.page["reverted"]
            if reverted is not None and reverted["to"] == release:
                reverted["problem"] = "; ".join(filter(None, [reverted["problem"], problem]))
                ledger.save()


def _take_back(app, releases, target, booting):
    """Runs the verified release; what's wrong with it then, None for nothing.

    At boot only `current` is set: the app's services wait for this one.
    """
    try:
        if not booting:
            activation.take_back(app, releases, target)
            return None
        releases.point(target)
        for name in app["services"] if target is None else ():
            stop_later(name)
    except Failed as error:
        if releases.linked() != target:
            raise  # tried again by systemd
        say(error.text())
        return error.message
    return None


def say(text):
    """A line for the unit's journal."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def notify():
    """Tells systemd that the unit is up (sd_notify(3))."""
    import socket

    address = os.environ.pop("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)


def main():
    """Started by boot.py with the project's and the app's name."""
    serve(ActivationWatch, Switch)


def serve(watch, switch):
    """Runs a unit's watcher, of these classes, to its end."""
    project, app = sys.argv[2:4]
    os.umask(0o022)
    os.chdir("/")
    store = WatchStore(project)
    try:
        watch(store, app, switch(store, app), Lease(store), ready=notify).run()
    except Failed as error:
        say(error.text())
        sys.exit(1)
    except OSError as error:
        say(str(error))
        sys.exit(1)
