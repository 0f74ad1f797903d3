"""The dead man's switch: a release holds only while its deployment lives; else the host goes back by itself.

Before `current` is switched to a release that isn't verified, the switch is armed: `switch-APP.json` says what is being
activated and for how long it may stay without a beat, and a unit of systemd (systemd.service(5)) watches over it
(`cdconf.agent.switch.watch`). The unit is enabled and ordered before the app's services, so that a reboot in between
ends at the verified release as well. Confirming or rolling back disarms it. The unit itself stays, and does nothing
then.
"""

import os
import sys
import time

from cdconf.agent import files
from cdconf.agent.commands.execute import run
from cdconf.agent.errors import Failed
from cdconf.agent.lease.lease import boot_id, last_beat
from cdconf.agent.records import store as state
from cdconf.agent.release import app_services
from cdconf.agent.system import units

UNITS = "/etc/systemd/system"
WANTS = "multi-user.target.wants"
WATCH = "cdconf.agent.switch.watch"
# What the unit runs before anything else: the launcher must be root's alone, as the agent's cache that it checks.
_OPEN = (
    "import os,sys;p=sys.argv.pop(1);f=os.open(p,os.O_RDONLY|os.O_NOFOLLOW);"
    "s=(os.fstat(f),os.lstat(os.path.dirname(p)));"
    "a=[x for x in s if x.st_uid!=os.geteuid() or x.st_mode&63];"
    "sys.exit(p+' is not private')if a else exec(os.fdopen(f).read())"
)
_UNIT = """\
# Written by cdconf, and again whenever it deploys. It does nothing while no deployment of {app} is at work.
[Unit]
Description={description}
ConditionPathExists={armed}
RequiresMountsFor={mounts}
Before={before}

[Service]
Type=notify
ExecStart={start}
Environment=LC_ALL=C.UTF-8
StandardOutput=null
StandardError=journal
TimeoutStartSec=60
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


class Switch(object):
    """One app's switch on this host.

    Args:
        store: The project's `Store`.
        app: The app's name.
        units: Where the host's own units are, for tests.
        clock: The clock of leases.
        boot: Gives the boot's id.
    """

    KIND = "switch"  # the beginning of its files' names
    MODULE = WATCH
    DESCRIPTION = "cdconf: takes {} back to its verified release unless its deployment is confirmed"

    def __init__(self, store, app, units=UNITS, clock=time.monotonic, boot=boot_id):
        self.store = store
        self.project = os.path.basename(store.folder)
        self.app = app
        self.units = units
        self.clock = clock
        self.boot = boot
        self.unit = "cdconf-{}-{}.{}.service".format(self.KIND, self.project, _plain(app))
        self._file = "{}-{}.json".format(self.KIND, _plain(app))
        self._launcher = "{}-{}.py".format(self.KIND, _plain(app))

    def armed(self):
        """What it's armed for: `{"app", "release", "run", "fence", "within", "boot", "at"}`; None when it isn't."""
        return self.store.read(self._file)

    def left(self, lease):
        """Seconds until the host goes back, negative when that's due, None when it isn't armed or was before a boot.

        They're counted from the last beat, which hosts get together, not from when each was armed: what hosts do by
        themselves when beats cease is in an order. A beat that's far behind counts no more than the arming.

        Args:
            lease: The host's lease as it's on disk.
        """
        armed = self.armed()
        if armed is None or armed["boot"] != self.boot():
            return None
        beat = last_beat(lease, armed["run"], armed["fence"])
        is_fresh = beat > armed["at"] - armed["within"] / 2
        return (beat if is_fresh else armed["at"]) + armed["within"] - self.clock()

    def arm(self, app, release, lease, within):
        """Makes the host go back unless the run renews its lease, from now on and over a reboot.

        Args:
            app: The app's document.
            release: What is about to be activated.
            lease: This session's `Lease`.
            within: Seconds that the release may stay without a beat.

        Raises:
            Failed: The host has no systemd, or its watcher doesn't start; nothing was activated.
        """
        entry = {"app": app, "release": release, "run": lease.run, "fence": lease.fence, "within": within}
        self._start(entry, app, None)

    def _start(self, entry, app, before):
        """Arms it with an entry, and starts the watcher; when that fails, what was armed `before` is again."""
        check()
        self._install(app)
        self._write(entry)
        try:
            run(["systemctl", "reset-failed", "--", self.unit], timeout=30)  # what earlier failures used up
            app_services.systemctl("restart", self.unit)
        except Failed:
            if before is None:
                self.disarm()
            else:
                self.store.write(self._file, before)
            raise

    def _write(self, entry):
        self.store.write(self._file, dict(entry, boot=self.boot(), at=self.clock()))

    def disarm(self):
        """The release is confirmed, or gone; the watcher ends by itself."""
        if self.armed() is not None:
            self.store.remove(self._file)

    def _install(self, app):
        """Writes the launcher and the unit, and enables it."""
        code, digest = _started_by()
        self.store.prepare()
        files.write_atomic(self.store.path(self._launcher), code, mode="0600")
        with files.hold(os.path.join(state.root(), ".agent")) as agents:
            os.utime(digest, dir_fd=agents.descriptor)  # so that no other agent's installer cleans it away
        text = self._unit_text(app, digest).encode("utf-8")
        path = os.path.join(self.units, self.unit)
        wants = os.path.join(self.units, WANTS)
        link = os.path.join(wants, self.unit)
        if files.read(path) == text and files.readlink(link) is not None:
            return
        files.write_atomic(path, text, owner="root", group="root", mode="0644")
        files.make_directory(wants)
        if files.readlink(link) is None:
            files.put_link(link, path)
        app_services.daemon_reload()

    def _unit_text(self, app, digest):
        python = sys.executable or os.readlink("/proc/self/exe")
        words = [python, "-X", "utf8", "-I", "-S", "-c", _OPEN, self.store.path(self._launcher)]
        words += [self.MODULE, self.project, self.app, digest, self.KIND]
        return _UNIT.format(
            app=_plain(self.app),
            description=self.DESCRIPTION.format(_plain(self.app)),
            armed=_escaped(self.store.path(self._file)),
            mounts=" ".join(_quoted(path) for path in (self.store.folder, app["path"])),
            before=" ".join(_escaped(name) for name in map(units.resolve, app["services"]) if _is_service(name)),
            start=" ".join(_quoted(word).replace("$", "$$") for word in words),
        )


def check():
    """Raises `Failed` on a host without systemd (sd_booted(3)), or when the agent isn't root."""
    hint = "; give the app `confirm_within: 0` in cdconf.yml to deploy without it"
    if not os.path.isdir("/run/systemd/system"):
        raise Failed("the dead man's switch needs systemd, which doesn't run on this host" + hint)
    if os.geteuid() != 0:
        raise Failed("the dead man's switch needs root, to install a unit of systemd" + hint)


def _started_by():
    """(the bootstrap that started this agent, the agent's digest), both from its own command line (proc(5))."""
    with open("/proc/self/cmdline", "rb") as stream:
        words = stream.read().split(b"\0")
    place = words.index(b"-c") + 1
    return words[place] + b"\n", words[place + 1].decode()


def _is_service(name):
    """Sockets and the like come up before anything that boots with this unit; the services behind them wait for it."""
    return name.endswith(".service")


def _plain(name):
    """A name as a part of a file's and a unit's name: other characters are shown by their numbers."""
    return "".join(c if (c.isalnum() and ord(c) < 128) or c in "-_" else "_x{:x}_".format(ord(c)) for c in name)


def _escaped(text):
    return text.replace("%", "%%")


def _quoted(text):
    """One word of a unit's setting (systemd.syntax(7)); old systemd wants a program's path without quotes."""
    if all(c.isalnum() or c in "/._-" for c in text):
        return text
    return '"{}"'.format(_escaped(text).replace("\\", "\\\\").replace('"', '\\"'))


def stop_later(name):
    """Stops a service without waiting, also one whose start waits for the caller."""
    run(["systemctl", "stop", "--no-block", "--", units.resolve(name)], timeout=30)
