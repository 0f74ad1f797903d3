"""What a host knows about itself: small JSON files in a root-only directory, each replaced atomically."""

import fcntl
import os

from cdconf.agent import files, wire
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.records import formats, kept
from cdconf.agent.records.fingerprints import fingerprint


def root():
    """The directory above all projects': /var/lib/cdconf, or below the home of a user who isn't root."""
    if os.geteuid() == 0:
        return "/var/lib/cdconf"
    return os.path.join(os.path.expanduser("~"), ".local", "state", "cdconf")


class HostStore(object):
    """One project's directory on the host (0700). Reading never creates anything.

    Args:
        project: The project's name, already checked by the controller; a path separator is refused here too.
        folder: The directory, for tests; below `root()` by default.
    """

    def __init__(self, project, folder=None):
        if not project or "/" in project or project.startswith("."):
            raise Failed("'{}' can't be a project's name".format(project))
        self.folder = folder or os.path.join(root(), project)

    def path(self, name):
        """Where a file of this project lies."""
        return os.path.join(self.folder, name)

    def read(self, name, default=None):
        """The value of a file as `cdconf.agent.records.formats` describes it, `default` when it isn't there.

        Raises:
            Damaged: It isn't what cdconf writes there, which atomic writes can't cause.
        """
        try:
            with files.parent(self.path(name)) as (folder, last):
                _check(folder)
                descriptor = folder.open(last)
            if descriptor is None:
                return default
            with os.fdopen(descriptor, "rb") as stream:
                data = stream.read(formats.LIMIT + 1)
        except Missing:
            return default
        return formats.decoded(self.path(name), name, data)

    def write(self, name, value):
        """Replaces a file atomically, fsynced, 0600."""
        self.prepare()
        files.write_atomic(self.path(name), (wire.indented(value) + "\n").encode("ascii"), mode="0600")

    def remove(self, name):
        """Removes a file if it's there."""
        files.remove(self.path(name))

    def prepare(self):
        """Makes the directory, for root's eyes only; raises `Failed` for one of somebody else's."""
        is_new = files.lstat(self.folder) is None
        for folder in (os.path.dirname(self.folder), self.folder) if is_new else (self.folder,):
            with files.make_directories(folder, 0o700) as made:
                _check(made)
                if is_new:
                    os.chmod(".", 0o700, dir_fd=made.descriptor)

    def lock(self, name, wait=True):
        """An open file that holds an exclusive lock until it's closed; None when it's taken and not waited for."""
        self.prepare()
        descriptor = files.open_lock(self.path(name))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except (BlockingIOError, PermissionError):
            os.close(descriptor)
            return None
        return os.fdopen(descriptor, "r+b")


def _check(folder):
    """Refuses a directory that somebody else has made: what cdconf remembers there would be his to say."""
    owner = folder.status().st_uid
    if owner != os.geteuid():
        text = "'{}' belongs to {}, so cdconf doesn't use it: see what's in it, and remove it or give it to {}"
        raise Failed(text.format(folder.path, files.owner_name(owner), files.owner_name(os.geteuid())))


class AppliedResources(object):
    """What was last applied, per resource: `{id: {type, title, role, source, removable, order, digest, fields}}`.

    Those of sensitive resources have `sensitive: true` as well. `macs` are fingerprints of the fields that are
    compared, by name: what isn't as it was applied is told from what the files want otherwise.

    `digest` is a fingerprint of the wanted fields; `fields` are what removal needs: of a sensitive resource only
    those that say which thing it is, of others all but long values. Of what should be absent there's only
    `{absent: true, digest}`, and what it's observed by: it tells what someone brought back by hand, and is nobody's
    orphan. `version` and `kept` are those of `cdconf.agent.records.kept`.

    Args:
        store: The project's `HostStore`.
        resources: The catalog's. What several roles declare is one resource, with the fields of all declarations.
    """

    FILE = "applied.json"

    def __init__(self, store, resources=()):
        self.store = store
        self.several = several(resources)
        self._awaited = {name: len(entries) for name, entries in self.several.items()}
        self.entries = store.read(self.FILE, {})
        self.key = self._key(create=False)
        self.dirty = False

    def _key(self, create):
        text = self.store.read("key.json")
        if text is None and create:
            text = os.urandom(32).hex()
            self.store.write("key.json", text)
        return bytes.fromhex(text) if text else b""

    def make_key(self):
        """The host's key; a host that has none yet gets one."""
        if not self.key:
            guard = self.store.lock("lease.lock")  # two looks at once, on a host that is new
            try:
                self.key = self._key(create=True)
            finally:
                guard.close()
        return self.key

    def digest(self, resource):
        """The fingerprint of what a resource should be."""
        return fingerprint(self.key, [self._fields(resource), resource["absent"]])

    def _fields(self, resource):
        """The fields of all its declarations."""
        entries = self.several.get(resource["id"], [resource])
        return {name: entry["fields"][name] for entry in entries for name in entry["fields"]}

    def _plain(self, resource):
        """Which fields no declaration has a secret in."""
        entries = self.several[resource["id"]]
        secret = {name for entry in entries for name in entry["fields"] if name not in entry.get("plain", ())}
        return sorted({name for entry in entries for name in entry.get("plain", ())} - secret)

    def remembered(self, resource):
        """The resource as it was last applied, see `kept.resource`; None where too little is known of it."""
        entry = self.entries.get(resource["id"])
        return None if entry is None else kept.resource(resource["id"], entry, self.key)

    def is_last_applied(self, resource):
        """Whether the files still ask for exactly what was last applied here."""
        entry = self.entries.get(resource["id"])
        return entry is not None and entry["digest"] == self.digest(resource)

    def mac(self, value):
        """The fingerprint of a field that is compared."""
        return fingerprint(self.key, value)[:16]

    def record(self, resource, compared=(), needed=()):
        """Notes that a resource is now as wanted, by the fields that are compared; `save` writes it down.

        `needed` are those that observing reads, see `kept.keep`.

        With the last of several declarations the fields of all are noted; with others only what wasn't known at all.
        """
        if not self.key:
            self.key = self._key(create=True)
        identifier = resource["id"]
        if identifier in self.several:
            plain = self._plain(resource)
            resource = dict(resource, plain=plain)
            self._awaited[identifier] -= 1
            if self._awaited[identifier] == 0:
                alike = self.several[identifier]
                removable = any(one["removable"] for one in alike)
                resource = dict(alike[0], fields=self._fields(resource), plain=plain, removable=removable)
            elif identifier in self.entries:
                return
        digest = fingerprint(self.key, [resource["fields"], resource["absent"]])
        about = {"digest": digest, "version": kept.VERSION, "kept": kept.keep(resource, self.key, needed)}
        if resource["absent"]:
            about.update({name: resource.get(name) for name in ("type", "title", "source")}, absent=True)
            self._put(identifier, about)
            return
        entry = {name: resource[name] for name in ("type", "title", "role", "source", "removable", "order")}
        entry.update(about)
        fields = resource["fields"]
        entry["macs"] = {name: self.mac(fields[name]) for name in compared if name in fields}
        if resource["sensitive"]:
            entry["sensitive"] = True
            entry["fields"] = {name: fields[name] for name in resource["identity"] if name in fields}
        else:
            entry["fields"] = _small(fields)
        self._put(identifier, entry)

    def _put(self, identifier, entry):
        if self.entries.get(identifier) != entry:
            self.entries[identifier] = entry
            self.dirty = True

    def forget(self, identifier):
        """Notes that a resource is gone."""
        if self.entries.pop(identifier, None) is not None:
            self.dirty = True

    def forget_absent(self, catalog):
        """Forgets what should have been absent once, and isn't in the files any more."""
        wanted = {resource["id"] for resource in catalog["resources"]}
        for identifier in [name for name, entry in self.entries.items() if "absent" in entry and name not in wanted]:
            self.forget(identifier)

    def orphans(self, catalog):
        """(id, entry) of what was applied and isn't in the files any more, what was applied last first."""
        wanted = {resource["id"] for resource in catalog["resources"]}
        found = [(name, entry) for name, entry in self.entries.items() if name not in wanted and "absent" not in entry]
        return sorted(found, key=lambda one: (-one[1]["order"], one[0]))

    def save(self):
        """Writes down what has changed."""
        if self.dirty:
            self.store.write(self.FILE, self.entries)
            self.dirty = False


def _small(fields):
    """The fields without long values, which removing a resource never needs."""
    return {name: value for name, value in fields.items() if not _is_long(value)}


def _is_long(value):
    if isinstance(value, (str, bytes)):
        return len(value) > 200
    if isinstance(value, dict):
        return len(value) > 20 or any(_is_long(member) or isinstance(member, dict) for member in value.values())
    return isinstance(value, list) and (len(value) > 200 or any(_is_long(member) for member in value))


def several(resources):
    """What several roles declare: id -> the catalog's entries, in their order."""
    found = {}
    for resource in resources:
        found.setdefault(resource["id"], []).append(resource)
    return {name: entries for name, entries in found.items() if len(entries) > 1}
