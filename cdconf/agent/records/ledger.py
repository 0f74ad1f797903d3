"""What a host knows about each app: which releases it holds, runs, trusts and refuses.

`ledger.json`: `{app: {"current": release name or null, "verified": [names, the newest last], "activating": {"to",
"run", "at", "back", "stopped"} or null, "releases": {name: {"version", "archive", "tree", "staged_at", "shared",
"packages"}},
"pinned": {archive digest: {"reason", "version", "at"}}, "confirmed": {"release", "run", "at", "canary"} or null,
"reverted": {"release", "to", "run", "at", "problem"} or null, "events": see `past`}}`. `confirmed` is the last
deployment that ended well; `reverted` is what the host has taken back by itself since. A release is verified when a
whole deployment ended well with it; the last one is what a failed deployment goes back to, the one before it what
`cdconf rollback` goes to. They're in the order in which they ran: one that was deployed again is there twice. Only a
rollback (`back`) takes away what came later.
"""

import time

from cdconf.agent.errors import Failed
from cdconf.agent.records import events, formats

FILE = "ledger.json"
MOST = 50  # names in `verified`; two releases that take turns would make it grow without end


def verified_with(before, name, back):
    """The verified releases, in the order in which they ran, after a run that ended well with `name`.

    Args:
        before: Those before it.
        name: What runs now.
        back: It was a rollback: what came after the last time that `name` ran is forgotten.
    """
    if back and name in before:
        return before[: len(before) - before[::-1].index(name)]
    return in_turn(before + [name])[-MOST:]


def in_turn(names):
    """The names without those that follow themselves, such as when what ran in between is gone."""
    return [name for number, name in enumerate(names) if number == 0 or names[number - 1] != name]


class Ledger(object):
    """One app's page of the host's ledger; `save` writes it atomically.

    Args:
        store: The project's `Store`.
        app: The app's name.
        by: Whose doing the changes are, see `Lease.by`.
    """

    def __init__(self, store, app, by=None):
        self.store = store
        self.app = app
        self.by = by
        pages = store.read(FILE, {})
        self.page = pages[app] if app in pages else formats.fresh_page()

    def save(self):
        """Writes the page down; the other apps' pages stay."""
        pages = self.store.read(FILE, {})
        pages[self.app] = self.page
        self.store.write(FILE, pages)

    def staged(self, name, version, archive, tree, shared=()):
        """Notes a whole release on disk, with the links into shared/ that it has."""
        before = self.page["releases"].get(name, {})
        self.page["releases"][name] = {
            "version": version,
            "archive": archive,
            "tree": tree,
            "staged_at": round(time.time()),
            "shared": list(shared),
        }
        if before.get("packages"):
            self.page["releases"][name]["packages"] = before["packages"]
        events.note(self.page, self.by, "staged", name)
        self.save()

    def shares(self, name, paths):
        """Notes the shared paths that a release has links for, before they are made, or after some have gone.

        Raises:
            Failed: Nothing is known of such a release.
        """
        if name not in self.page["releases"]:
            raise Failed("the release '{}' isn't on this host".format(name))
        if self.page["releases"][name].get("shared", []) != paths:
            self.page["releases"][name]["shared"] = paths
            self.save()

    def packages(self, name, links):
        """Notes what a release's links to packages lead to, by path, before they are made."""
        about = self.page["releases"][name]
        if about.get("packages", {}) != links:
            about["packages"] = links
            self.save()

    def activating(self, name, run, back=False, stopped=None):
        """Notes, before anything is touched, which release is about to go live.

        Args:
            name: The release.
            run: Whose doing it is.
            back: It's a rollback.
            stopped: The services that are stopped for a migration, where no more than that is done for now.
        """
        self.page["activating"] = {"to": name, "run": run, "at": round(time.time()), "back": back}
        if stopped is not None:
            self.page["activating"]["stopped"] = stopped
        self.save()

    def active(self, name, procedure=None):
        """Notes the release that the link points to now; `activating` stays until it's confirmed or rolled back."""
        self.page["current"] = name
        events.note(self.page, self.by, "activated", name, procedure=procedure)
        self.save()

    def confirmed(self, name, run=None, procedure=None, canary=False):
        """The run's deployment, or rollback, ended well; `procedure` is the digest of how it was done.

        `canary`: other hosts of the app go on with what they run.
        """
        told = self.page["confirmed"] or {}
        is_told = (told.get("release"), told.get("run")) == (name, run)
        if run and is_told and self.page["current"] == name and self.page["activating"] is None:
            return  # told once more, since the answer was lost or a signal came in between
        back = bool((self.page["activating"] or {}).get("back"))
        self.page["verified"] = verified_with(self.page["verified"], name, back)
        self.page["confirmed"] = {"release": name, "run": run, "at": round(time.time()), "back": back}
        if canary:
            self.page["confirmed"]["canary"] = True
        self.page["reverted"] = None
        events.note(self.page, self.by, "verified", name, procedure=procedure, back=back or None)
        self._back_at(name)

    def rolled_back(self, name, why=None):
        """Back at `name`, None for no release at all; `why` is for people."""
        self.page["reverted"] = None
        left = (self.page["activating"] or {}).get("to") or self.page["current"]
        events.note(self.page, self.by, "rolled_back", left, to=name, why=why)
        self._back_at(name)

    def reverted(self, name, release, run, problem):
        """The host went back to `name` by itself, since the run that activated `release` fell silent."""
        note = {"release": release, "to": name, "run": run, "at": round(time.time()), "problem": problem}
        self.page["reverted"] = note
        itself = {"run": run, "owner": "the host itself"}
        events.note(self.page, itself, "reverted", release, to=name, why=problem)
        self._back_at(name)

    def _back_at(self, name):
        self.page["current"] = name
        self.page["activating"] = None
        self.save()

    def pin(self, archive, version, reason):
        """Refuses an artifact here from now on."""
        self.page["pinned"][archive] = {"reason": reason, "version": version, "at": round(time.time())}
        events.note(self.page, self.by, "pinned", version=version, archive=archive, why=reason)
        self.save()

    def unpin(self, archive, reason=None):
        """Allows it again."""
        pin = self.page["pinned"].pop(archive, None)
        if pin is not None:
            events.note(self.page, self.by, "unpinned", version=pin["version"], archive=archive, why=reason)
            self.save()


def remembered(store):
    """What a host remembers of its past: `{"apps": the ledger's pages, "provisions"}`; see `events`."""
    return {"apps": store.read(FILE, {}), "provisions": events.provisions(store)}
