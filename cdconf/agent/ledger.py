"""What a host knows about each app: which releases it holds, runs, trusts and refuses.

`ledger.json`: `{app: {"current": release name or null, "verified": [names, the newest last], "activating": {"to",
"run", "at"} or null, "releases": {name: {"version", "archive", "tree", "staged_at", "shared"}}, "pinned": {archive
digest: {"reason", "version", "at"}}, "confirmed": {"release", "run", "at"} or null, "reverted": {"release", "to",
"run", "at", "problem"} or null}}`. `confirmed` is the last deployment that ended well; `reverted` is what the host has
taken back by itself since. A release is verified when a whole deployment ended well with it; the last one is
what a failed deployment goes back to, the one before it what `cdconf rollback` goes to.
"""

import time

FILE = "ledger.json"


def _fresh():
    page = {"current": None, "verified": [], "activating": None, "releases": {}, "pinned": {}}
    return dict(page, confirmed=None, reverted=None)


class Ledger(object):
    """One app's page of the host's ledger; `save` writes it atomically."""

    def __init__(self, store, app):
        self.store = store
        self.app = app
        self.page = dict(_fresh(), **(store.read(FILE, {}).get(app) or {}))

    def save(self):
        """Writes the page down; the other apps' pages stay."""
        pages = self.store.read(FILE, {})
        pages[self.app] = self.page
        self.store.write(FILE, pages)

    def staged(self, name, version, archive, tree, shared=()):
        """Notes a whole release on disk, with the links into shared/ that it has."""
        self.page["releases"][name] = {
            "version": version,
            "archive": archive,
            "tree": tree,
            "staged_at": round(time.time()),
            "shared": list(shared),
        }
        self.save()

    def shares(self, name, paths):
        """Notes the shared paths that a release has links for, before they are made, or after some have gone."""
        if self.page["releases"][name].get("shared", []) != paths:
            self.page["releases"][name]["shared"] = paths
            self.save()

    def activating(self, name, run):
        """Notes, before anything is touched, which release is about to go live."""
        self.page["activating"] = {"to": name, "run": run, "at": round(time.time())}
        self.save()

    def active(self, name):
        """Notes the release that the link points to now; `activating` stays until it's confirmed or rolled back."""
        self.page["current"] = name
        self.save()

    def confirmed(self, name, run=None):
        """The run's deployment ended well. Going back to an earlier release forgets those after it."""
        verified = self.page["verified"]
        self.page["verified"] = (verified[: verified.index(name)] if name in verified else verified) + [name]
        self.page["confirmed"] = {"release": name, "run": run, "at": round(time.time())}
        self.page["reverted"] = None
        self._back_at(name)

    def rolled_back(self, name):
        """Back at `name`, None for no release at all."""
        self.page["reverted"] = None
        self._back_at(name)

    def reverted(self, name, release, run, problem):
        """The host went back to `name` by itself, since the run that activated `release` fell silent."""
        note = {"release": release, "to": name, "run": run, "at": round(time.time()), "problem": problem}
        self.page["reverted"] = note
        self._back_at(name)

    def _back_at(self, name):
        self.page["current"] = name
        self.page["activating"] = None
        self.save()

    def pin(self, archive, version, reason):
        """Refuses an artifact here from now on."""
        self.page["pinned"][archive] = {"reason": reason, "version": version, "at": round(time.time())}
        self.save()

    def unpin(self, archive):
        """Allows it again."""
        if self.page["pinned"].pop(archive, None) is not None:
            self.save()
