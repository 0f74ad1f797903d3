"""An app's maintenance page on a host that balances its load: written down first, and taken away by itself in time.

`maintenance-APP.json` says by which command the page is taken away, and when at the latest. It arms a unit of its own,
as `cdconf.agent.switch` does: no run has to live for it, and a reboot forgets nothing.
"""

import time

from cdconf.agent.commands import shell
from cdconf.agent.commands.execute import last_lines
from cdconf.agent.errors import Failed
from cdconf.agent.switch.drain_watch import DrainWatch
from cdconf.agent.switch.switch import Switch
from cdconf.agent.switch.watch import say, serve


class MaintenancePage(Switch):
    """One app's page; see `Switch` for the arguments.

    `armed()` gives `{"page", "run", "fence", "boot", "at", "since", "until", "owner", "reason", "problem"}`: `page` is
    `{"app", "on", "off", "timeout"}`, times are in seconds since 1970.
    """

    KIND = "maintenance"
    MODULE = "cdconf.agent.switch.maintenance"
    DESCRIPTION = "cdconf: takes the maintenance page of {} away in time"

    def begin(self, page, lease, until, reason):
        """Writes it down, and starts the watcher; one that's there already gets the new time."""
        before, now = self.armed(), round(time.time())
        entry = {"page": page, "run": lease.run, "fence": lease.fence, "until": until, "problem": None}
        entry.update(since=before["since"] if before else now, owner=lease.by().get("owner"), reason=reason)
        self._start(entry, {"path": self.store.folder, "services": []}, before)

    def left(self, lease):
        """Seconds until the page is taken away; None when there's none."""
        armed = self.armed()
        return None if armed is None else armed["until"] - time.time()

    def end(self):
        """Takes the page away, by the command that was written down with it; whether there was one.

        Raises:
            Failed: It can't be taken away; it's still written down, and tried again when its time is over.
        """
        armed = self.armed()
        if armed is None:
            return False
        try:
            execute(armed["page"], "off")
        except Failed as error:
            self.store.write(self._file, dict(armed, problem=error.message))
            raise
        self.disarm()
        return True


class MaintenanceWatch(DrainWatch):
    """Watches over a page; `switch` is a `MaintenancePage`."""

    def _waits(self):
        return self.switch.armed() is not None

    def _name(self):
        return "maintenance-{}".format(self.app)

    def _reason(self):
        return "the time of {}'s maintenance page is over".format(self.app)

    def _go_back(self, armed, booting):
        say("its time is over: the maintenance page of {} is taken away".format(self.app))
        self.switch.end()
        return True


def execute(page, which):
    """Runs `on` or `off`, with the app's name in its environment.

    Raises:
        Failed: It ended badly, or took too long.
    """
    words = "the command that {} the maintenance page".format({"on": "shows", "off": "takes away"}[which])
    try:
        result = shell.run(page[which], timeout=page["timeout"], env={"CDCONF_APP": page["app"]})
    except Failed as error:
        raise Failed("{} is {}".format(words, error.message), page[which], None, error.output)
    if result.status != 0:
        raise Failed(words + " failed", page[which], result.status, last_lines(result.err or result.out))


def on(agent, page, until, reason=None):
    """Shows the page; what fails stays written down, and must be ended too."""
    agent.proceed()
    MaintenancePage(agent.store, page["app"]).begin(page, agent.lease, until, reason)
    execute(page, "on")
    return {}


def off(agent, app):
    """Takes the page away; returns `{"was_on"}`."""
    agent.proceed()
    return {"was_on": MaintenancePage(agent.store, app).end()}


def status(agent, app):
    """Whether the page is shown; changes nothing.

    Returns:
        `{"on": {"since", "until", "owner", "reason", "problem"}}`, None for `on` when it isn't.
    """
    armed = MaintenancePage(agent.store, app).armed()
    return {"on": armed and {key: armed[key] for key in ("since", "until", "owner", "reason", "problem")}}


def main():
    """Started by boot.py with the project's and the app's name."""
    serve(MaintenanceWatch, MaintenancePage)
