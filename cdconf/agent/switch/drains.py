"""Hosts that this host has taken out of use, such as a load balancer's: written down first, and put back by itself.

`drain-APP.json` says which hosts are drained, by which run, and how each is put back. The file is what arms this
host's own dead man's switch for drains: while the run's beats come, they hold; when none came for `within` seconds, or
after a reboot, the host puts all of them back (`cdconf.agent.switch.drain_watch`). It's the machinery of
`cdconf.agent.switch.switch`, with a file and a unit of its own, since a host may both drain for an app and run it.

A host that was changed and didn't prove well is *kept* drained: no switch puts it back, nor a later run, before it has
proven well.
"""

from cdconf.agent.commands import shell
from cdconf.agent.commands.execute import last_lines
from cdconf.agent.errors import Failed
from cdconf.agent.switch.switch import Switch


class HostDrains(Switch):
    """One app's drained hosts, as this host knows them; see `Switch` for the arguments.

    `armed()` gives `{"drain": the app's drain, "run", "fence", "within", "boot", "at", "problem", "hosts": {name:
    {"address", "at", "kept"}}}`, None while nothing is drained. `at` of a host is seconds since 1970; `kept` is
    `{"run", "reason", "at"}` of a host that stays drained until it's proven, and missing from others.
    """

    KIND = "drain"
    MODULE = "cdconf.agent.switch.drain_watch"
    DESCRIPTION = "cdconf: puts back what the deployment of {} has drained here, when that is dead"

    def begin(self, drain, hosts, lease, within, now):
        """Writes hosts down as drained, for the lease's run, together with those that an earlier one left.

        Args:
            drain: `{"app", "command", "undrain", "timeout"}`: command lines, and seconds for each.
            hosts: `[{"name", "address"}]`.
            lease: This session's `Lease`.
            within: Seconds without a beat after which they're put back; None: never by the host itself.
            now: Seconds since 1970.

        Raises:
            Failed: The host has no systemd, or its watcher doesn't start; nothing was drained.
        """
        before = self.armed()
        known = dict(before["hosts"] if before is not None else {})
        for host in hosts:
            known.setdefault(host["name"], {"address": host["address"], "at": now})
        entry = {"drain": drain, "run": lease.run, "fence": lease.fence, "within": within, "problem": None}
        entry["hosts"] = known
        ours = bool(waiting(before)) and before["run"] == lease.run and before["boot"] == self.boot()
        if ours or not within:  # its watcher is at work, or there's to be none
            self._write(entry)
        else:
            self._start(entry, {"path": self.store.folder, "services": []}, before)

    def left(self, lease):
        """See `Switch.left`; also None when only the next run puts them back, or all are kept."""
        armed = self.armed()
        return Switch.left(self, lease) if waiting(armed) and armed["within"] else None

    def keep(self, reasons, lease, now):
        """Notes that drained hosts stay so until they're proven; those that aren't drained here are left alone.

        Args:
            reasons: `{name: why}`.
            lease: This session's `Lease`.
            now: Seconds since 1970.
        """
        armed = self.armed()
        here = [name for name in sorted(reasons) if armed is not None and name in armed["hosts"]]
        for name in here:
            armed["hosts"][name]["kept"] = {"run": lease.run, "reason": reasons[name], "at": now}
        if here:
            self.store.write(self._file, armed)

    def put_back(self, name, drain):
        """Runs the command that puts a drained host back, and forgets it then; one that isn't drained is left alone.

        Raises:
            Failed: It can't be put back; it's still written down.
        """
        armed = self.armed()
        host = armed["hosts"].get(name) if armed is not None else None
        if host is None:
            return
        execute(drain, "undrain", name, host["address"])
        del armed["hosts"][name]
        if armed["hosts"]:
            self.store.write(self._file, armed)
        else:
            self.disarm()

    def note(self, problem):
        """Notes why the host couldn't put them back by itself."""
        armed = self.armed()
        if armed is not None and armed["problem"] != problem:
            self.store.write(self._file, dict(armed, problem=problem))


def waiting(armed):
    """The names of the drained hosts that the host itself puts back when their run is dead: those that aren't kept."""
    return sorted(name for name, host in armed["hosts"].items() if not host.get("kept")) if armed is not None else []


def execute(drain, which, name, address):
    """Runs `command` or `undrain` for a host, whose name and address are in its environment.

    Raises:
        Failed: It ended badly, or took too long.
    """
    env = {"CDCONF_HOST": name, "CDCONF_ADDRESS": address, "CDCONF_APP": drain["app"]}
    words = {"command": "drain", "undrain": "undrain"}[which]
    try:
        result = shell.run(drain[which], timeout=drain["timeout"], env=env)
    except Failed as error:
        raise Failed("the {} command for {} is {}".format(words, name, error.message), drain[which], None, error.output)
    if result.status != 0:
        output = last_lines(result.err or result.out)
        raise Failed("the {} command for {} failed".format(words, name), drain[which], result.status, output)
