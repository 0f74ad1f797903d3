"""An app's feature toggles on this host: the JSON file that the app reads, and what is known of it.

The file is `{"NAME": true or false, ...}`; root's, and readable for the group of the app's user alone (0640), or for
everybody (0644) when the app has no user. `toggles.json` in the project's directory knows of each app what was last
settled: `{app: {"path", "values": {name: bool} or null, "since": {name: {"at", "owner"}}, "trial": {"values", "before",
"run", "owner", "at"} or null, "reload": bool}}`.

A trial is a change that isn't proven yet: it's settled when health checks and smoke tests have passed, and else put
back. It's written down before the file is, as is a reload that's due, so that whoever comes after a crash knows both.

The controller tells an app's `toggles` as `{"path", "values": those that should be, "reload"}`.
"""

import contextlib
import json
import os
import time

from cdconf.agent import files, texts
from cdconf.agent.commands.execute import run
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.release import app_services
from cdconf.agent.system import units

FILE = "toggles.json"
LIMIT = 1024 * 1024


def _fresh(path):
    return {"path": path, "values": None, "since": {}, "trial": None, "reload": False}


class Toggles(object):
    """One app's toggles.

    Args:
        store: The project's `Store`.
        app: The app's document; it may have no `toggles`, when the app has none.
    """

    def __init__(self, store, app):
        self.store = store
        self.app = app
        self.wanted = app.get("toggles")
        self.path = self.wanted["path"] if self.wanted else None
        self.page = dict(_fresh(self.path), **(store.read(FILE, {}).get(app["name"]) or {}))

    def _save(self):
        pages = self.store.read(FILE, {})
        pages[self.app["name"]] = self.page
        self.store.write(FILE, pages)

    def read(self, path=None):
        """(values, what's wrong with the file); values are None when there are none, or not such as cdconf writes."""
        path = path or self.path
        try:
            descriptor = files.open_file(path)
        except Failed as error:
            return None, "it can't be read, so it isn't JSON: {}".format(error)
        except OSError as error:
            return None, "it can't be read: {}".format(error.strerror)
        if descriptor is None:
            return None, "it isn't there"
        with os.fdopen(descriptor, "rb") as stream:
            status, data = os.fstat(descriptor), stream.read(LIMIT)
        try:
            values = json.loads(data.decode("utf-8"))
        except ValueError:
            return None, "it isn't JSON"
        if not isinstance(values, dict) or not all(isinstance(value, bool) for value in values.values()):
            return None, "it isn't a JSON object of true and false"
        return values, self._dress_problem(status)

    def _dress(self):
        """Owner, group and mode that the file should have."""
        user = self.app.get("user")
        if user and os.geteuid() == 0:
            return "root", str(files.primary_group(user)), "0640"
        return str(os.geteuid()), str(os.getegid()), "0644"

    def _dress_problem(self, status):
        try:
            owner, group, mode = self._dress()
        except Missing as error:
            return error.message
        wanted = {"owner": owner, "group": group, "mode": mode}
        found = files.ownership(status, wanted)
        wrong = [name for name in ("owner", "group", "mode") if found[name] != wanted[name]]
        return ", ".join("{}: {} -> {}".format(name, found[name], wanted[name]) for name in wrong) or None

    def look(self):
        """What's here; changes nothing. See `toggle_calls.look`."""
        values, problem = self.read()
        trial = self.page["trial"]
        last = trial["values"] if trial else self.page["values"]
        return {
            "values": values,
            "problem": problem,
            "last": last if self.page["path"] == self.path else None,
            "since": self.page["since"],
            "trial": trial and {name: trial[name] for name in ("run", "owner", "at")},
            "unproven": self._unproven(),
            "reload_due": self.page["reload"],
        }

    def _unproven(self):
        """The names of those toggles that a trial has changed."""
        trial = self.page["trial"]
        before = (trial and trial["before"]) or {}
        return sorted(name for name, on in trial["values"].items() if before.get(name) != on) if trial else []

    def try_out(self, values, lease):
        """Writes values that are to be proven; `settle` or `put_back` ends it.

        Returns:
            Whether anything was changed.
        """
        found, problem = self.read()
        if found == values and problem is None and not self.page["trial"] and not self.page["reload"]:
            return False
        self._check_reload()
        before = self.page["trial"]["before"] if self.page["trial"] else found
        before = self.page["values"] if before is None else before
        trial = {"values": values, "before": before, "run": lease.run, "owner": lease.owner(), "at": round(time.time())}
        self.page["trial"] = trial
        self._write(values)
        return True

    def put(self, values, lease):
        """Writes values that needn't be proven; whether anything was changed."""
        found, problem = self.read()
        changed = found != values or problem is not None
        if changed:
            self._check_reload()
            self._write(values)
        is_due = self.page["reload"]
        self.reload()
        self._settle(values, lease.owner())
        return changed or is_due

    def settle(self, lease):
        """The trial, if there's one, has proven well."""
        if self.page["trial"]:
            self._settle(self.page["trial"]["values"], lease.owner())

    def _settle(self, values, owner):
        now, before = round(time.time()), self.page["values"] or {}
        since = {name: one for name, one in self.page["since"].items() if name in values}
        since.update({name: {"at": now, "owner": owner} for name, on in values.items() if before.get(name) != on})
        fresh = {"path": self.path, "values": values, "since": since, "trial": None, "reload": self.page["reload"]}
        if fresh != self.page:
            self._forget_elsewhere()
            self.page = fresh
            self._save()

    def _forget_elsewhere(self):
        """Removes the file where it was before `toggles_file` was changed, unless someone has changed that file."""
        old = self.page["path"]
        if old and old != self.path and self.read(old)[0] == self.page["values"]:
            _remove(old)

    def put_back(self, restarts=False):
        """Ends a trial with the values that were here before it; whether there was one.

        Args:
            restarts: The services are about to be restarted anyway.
        """
        trial = self.page["trial"]
        if not trial:
            return False
        if trial["before"] is None:
            _remove(self.path)
        else:
            self._write(trial["before"])
        self.page["trial"] = None
        self._save()
        if not restarts:
            self.reload()
        return True

    def _write(self, values):
        self.page["reload"] = bool(self.wanted["reload"])
        self._save()
        owner, group, mode = self._dress()
        files.make_directory(os.path.dirname(self.path))
        data = (json.dumps(values, sort_keys=True, indent=1) + "\n").encode("utf-8")
        fields = {"owner": owner, "group": group, "mode": mode}
        with _place(self.path) as (folder, name), files.replacing_in(folder, name, fields) as stream:
            stream.write(data)

    def _check_reload(self):
        """Raises `Failed` before anything is changed when a service that should be reloaded can't be."""
        for name in self._reloaded() if self.wanted["reload"] else ():
            shown = run(["systemctl", "show", "-p", "CanReload", "--", units.resolve(name)], timeout=30).out
            if texts.strip(shown) == "CanReload=no" and _is_active(name):
                text = "service '{}' can't be reloaded; give its unit an ExecReload, or take `toggles_reload` away"
                raise Failed(text.format(name))

    def _reloaded(self):
        """The services that a changed toggle reloads: sockets, timers and paths have nothing to read."""
        return [name for name in self.app["services"] if units.unit(name).endswith(".service")]

    def reloads(self):
        """Whether a change would reload a service that runs."""
        return bool(self.wanted["reload"]) and any(_is_active(name) for name in self._reloaded())

    def reload(self):
        """Reloads the services that run, when that's due."""
        if self.page["reload"]:
            for name in self._reloaded():
                if _is_active(name):
                    app_services.reload(name)
            self.restarted()

    def restarted(self):
        """Notes that the services have read the file."""
        if self.page["reload"]:
            self.page["reload"] = False
            self._save()


@contextlib.contextmanager
def _place(path):
    """Like `files.parent`, for changes: not in a mount of root's that others can have moved there."""
    with files.parent(path) as (folder, name):
        folder.check_mounts()
        yield folder, name


def _remove(path):
    with contextlib.suppress(Missing), _place(path) as (folder, name):
        if folder.unlink(name):
            folder.sync()


def _is_active(name):
    return run(["systemctl", "is-active", "-q", "--", units.resolve(name)], timeout=30).status == 0


def check(app):
    """Raises `Missing` when the user whose group is to read the file doesn't exist."""
    if app.get("toggles") and app.get("user") and os.geteuid() == 0:
        files.primary_group(app["user"])


def begin(store, app, lease):
    """Tries out what the inventory says, as a part of an activation; the services are restarted after it."""
    if app.get("toggles"):
        Toggles(store, app).try_out(app["toggles"]["values"], lease)


def restarted(store, app):
    """The services were restarted, and so have read the file."""
    if app.get("toggles"):
        Toggles(store, app).restarted()


def settle(store, app, lease):
    """What an activation tried out is confirmed."""
    if app.get("toggles"):
        Toggles(store, app).settle(lease)


def put_back(store, app):
    """Ends what an activation tried out; returns the error, since taking the release back mustn't wait for it."""
    try:
        if app.get("toggles"):
            Toggles(store, app).put_back(restarts=True)
    except (Failed, OSError) as error:
        return error if isinstance(error, Failed) else Failed("can't put the toggles back: {}".format(error))
    return None
