"""What the agent does in a try: one pass over a catalog, or calls of a deployment, by its own code."""

import hashlib
import json
import os
import sys
from types import SimpleNamespace

import place
from attacker import UID

STATE = "/var/lib/cdconf/attacks"


def load(bundle):
    """Makes the agent's code importable, and loads all of it, so that each try's child has it already."""
    sys.path.insert(0, bundle)
    import importlib
    import zipfile

    with zipfile.ZipFile(bundle) as archive:
        names = archive.namelist()
    for name in sorted(names):
        # boot.py is a script: it would start an agent.
        if name.endswith(".py") and not name.endswith(("__init__.py", "boot.py")):
            try:
                importlib.import_module(name[:-3].replace("/", "."))
            except ImportError:
                continue  # of another system
    for name in ("tempfile", "shlex", "zipfile", "tarfile", "lzma", "ssl", "ctypes", "json", "hashlib", "random"):
        importlib.import_module(name)
    import cdconf.agent.commands.identity

    cdconf.agent.commands.identity.environment()


def _store():
    from cdconf.agent.records.store import HostStore

    return HostStore("attacks")


def converge(row, catalog, report):
    """One pass over a compiled catalog; `report` gets its events."""
    from cdconf.agent import wire
    from cdconf.agent.converge.apply import Convergence

    document = wire.loads(catalog.encode())
    Convergence(document, False, _store(), report, lambda: None).run()


def _agent(receive=None):
    from cdconf.agent.lease.lease import Lease

    lease = Lease(_store())
    lease.check = lambda: None
    return SimpleNamespace(
        store=lease.store,
        lease=lease,
        proceed=lambda: None,
        receive=receive,
        staging=None,
        gone=False,
        stopping=False,
        event=lambda event: None,
    )


def _app(row):
    return dict({"name": "app", "path": place.PLACE + "/dir", "services": [], "user": "app1", "keep": 1}, **row["app"])


def _manifest(files):
    manifest = [{"path": "lib", "kind": "directory", "mode": "0755"}]
    for path, text in sorted(files.items()):
        data = text.encode()
        digest = hashlib.sha256(data).hexdigest()
        manifest.append({"path": path, "kind": "file", "mode": "0644", "sha256": digest, "size": len(data)})
    return manifest


FILES = {"lib/file": "content of lib\n", "file": "content\n"}


def stage(row, words):
    """Stages a release, as a controller that sends it."""
    from cdconf.agent.protocol import deploy_calls
    from cdconf.agent.release import chunks, tree

    name = words[0]
    files = dict(FILES, version=name + "\n")
    manifest = _manifest(files)
    blobs = {hashlib.sha256(text.encode()).digest(): text.encode() for text in files.values()}
    names = list(chunks.table(manifest, {}))
    digest, lists = tree.digest(manifest), chunks.digest({})
    lacking = []
    agent = _agent(lambda: chunks.pack(blobs[names[lacking.pop(0)]], 6))
    app = _app(row)
    told = dict(chunks.tell(manifest, {}), base=None)
    answer = deploy_calls.prepare(agent, app, name, digest, lists, told)
    for first, count in answer["lacking"]:
        lacking.extend(range(first, first + count))
    about = {"tree": digest, "version": name, "archive": name}
    deploy_calls.stage(agent, app, name, about)


def share(row, words):
    """Gives a staged release its links, and makes the shared directories."""
    from cdconf.agent.protocol import deploy_calls

    deploy_calls.share(_agent(), _app(row), words[0])


def activate(row, words):
    """Switches `current`."""
    from cdconf.agent.protocol import deploy_calls

    deploy_calls.activate(_agent(), _app(row), words[0])


def confirm(row, words):
    """Ends a deployment, and removes old releases."""
    from cdconf.agent.protocol import deploy_calls

    deploy_calls.confirm(_agent(), _app(row), words[0], 1)


def roll_back(row, words):
    """Goes back to the verified release, or to none."""
    from cdconf.agent.protocol import deploy_calls

    deploy_calls.roll_back(_agent(), _app(row), "for a test")


def changes(row, words):
    """Looks at what was changed in the current release; changes nothing itself."""
    from cdconf.agent.protocol import deploy_calls

    deploy_calls.changes(_agent(), _app(row))


def toggles(row, words):
    """Writes, tries out or puts back an app's toggles."""
    from cdconf.agent.protocol import toggle_calls

    if words[0] == "put":
        toggle_calls.put(_agent(), _app(row))
    elif words[0] == "try":
        toggle_calls.try_out(_agent(), _app(row), "one", True)
    else:
        toggle_calls.put_back(_agent(), _app(row))


def environment_file(row, words):
    """Runs a command as the app's user with the variables of a file."""
    from cdconf.agent.system.project_commands import execute

    command = "env > {}/env".format(place.STASH)
    execute(command, user="app1", env_file=os.path.join(place.PLACE, row["target"]))


def remember(row, words):
    """Writes what cdconf knows to its own directory."""
    _store().write("key.json", "secret of cdconf")


def give(row, words):
    """Gives a file to the attacker, as an administrator once did."""
    os.chown(os.path.join(place.PLACE, words[0]), UID, UID)


def give_root(row, words):
    """Gives a tree to root."""
    for folder, names, others in os.walk(os.path.join(place.PLACE, words[0])):
        for name in [""] + names + others:
            os.lchown(os.path.join(folder, name), 0, 0)


def give_all(row, words):
    """Gives a tree to the attacker, as `chown -R` did once."""
    for folder, names, others in os.walk(os.path.join(place.PLACE, words[0])):
        for name in [""] + names + others:
            os.lchown(os.path.join(folder, name), UID, UID)


def give_state(row, words):
    """The directory of cdconf's own was there before cdconf, and is somebody else's."""
    for path in (os.path.dirname(STATE), STATE):
        os.chown(path, UID, UID)


def carelessly(row, words):
    """What no agent should do: shows that the harness sees it when one does."""
    path = os.path.join(place.PLACE, row["target"])
    with open(path, "w") as stream:
        stream.write("new\n")
    os.chown(path, UID, UID)


CALLS = {
    "carelessly": carelessly,
    "give_state": give_state,
    "give_all": give_all,
    "give": give,
    "give_root": give_root,
    "stage": stage,
    "share": share,
    "activate": activate,
    "confirm": confirm,
    "roll_back": roll_back,
    "changes": changes,
    "toggles": toggles,
    "environment_file": environment_file,
    "remember": remember,
}


def action(row, what, stream):
    """A function that does one thing of a row: `{"catalog": its text}`, or `{"call": [name, words]}`.

    Events and errors are written to `stream`, a line of JSON each.
    """

    def report(event):
        stream.write(json.dumps(event) + "\n")
        stream.flush()

    def act():
        os.umask(0o022)
        os.chdir("/")
        try:
            if "catalog" in what:
                converge(row, what["catalog"], report)
            else:
                CALLS[what["call"][0]](dict(row, **what), what["call"][1:])
                report({"status": "changed"})
        except BaseException as error:
            report({"status": "error", "message": "{}: {}".format(type(error).__name__, error)})

    return act
