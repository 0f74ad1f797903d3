"""The procedure: all that says how an app is brought to its hosts, as a commit has it, under one digest.

The same commit, read by the same agent code, has the same digest in every clone and on every machine: it's made of the
ids of git's blobs, and of the values of cdconf.yml. An environment's variables are no part of it.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import UsageError, did_you_mean, nearest_or_all
from cdconf.inventory.nested_groups import around, inner_groups, roles_of
from cdconf.inventory.stages import inputs_of, stages_of
from cdconf.promotion.commit import CommitReader
from cdconf.promotion.errors import NotProvable
from cdconf.promotion.imported import imported
from cdconf.promotion.uncommitted import Uncommitted
from cdconf.yamlfile import YamlMap, expect, loads

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cdconf.promotion.commit import TreeEntry

FILE = "cdconf.yml"
VERSION = 1
_OF_FILES = ("role", "template", "file", "smoke test", "smoke packages", "type", "input")
_VARIABLES = re.compile(r"/(group_vars|host_vars)/.*\.ya?ml\Z")


@dataclass(frozen=True, order=True)
class ProcedurePart:
    """One thing that the procedure is made of.

    Attributes:
        kind: `app`, `group`, `stage` and `order` are blocks of cdconf.yml; `role`, `template`, `file`, `smoke test`,
            `smoke packages`, `type`, `input` and `attributes` are files; `agent` and `type package` are what's
            installed here.
        name: Its name; a file's path, relative to the project. An input's is `STAGE: PATH`.
        digest: `gitBlob:…` (of an executable file with ` executable` behind it), `gitCommit:…` or `sha256:…`.
    """

    kind: str
    name: str
    digest: str


@dataclass(frozen=True)
class ProcedureDigest:
    """Which procedure it is.

    Attributes:
        digest: `sha256:…`, of all parts.
        commit: The full id of the commit that it was read from.
    """

    digest: str
    commit: str


@dataclass(frozen=True)
class Procedure(ProcedureDigest):
    """What an app is brought to its hosts by.

    Attributes:
        parts: What it's made of, sorted.
    """

    parts: tuple[ProcedurePart, ...]


def procedure(project_root: Path, revision: str, app: str, *, extra: Iterable[str] = ()) -> Procedure:
    """The procedure by which the work tree brings an app to its hosts, if it is what a commit says.

    Args:
        project_root: The project's directory, in a git repository.
        revision: What git knows as a commit. When the work tree isn't at that commit, only the commit counts.
        app: The app's name.
        extra: Names of the variables that `-e` sets.

    Raises:
        NotProvable: The work tree has changes that no commit has, `-e` sets something, a stage doesn't say what its
            command reads, or something isn't in the repository.
        InvalidFile: cdconf.yml or a role.yml of the commit breaks a rule.
        UsageError: There's no such revision or app.
    """
    named = sorted(extra)
    if named:
        text = f"-e sets {', '.join(named)}, which no commit says, so this run can't prove anything"
        raise NotProvable(text, hint="put the value into the inventory, and commit it")
    with Uncommitted(project_root) as uncommitted, CommitReader(project_root, revision) as commit:
        found = _read(commit, app)
        uncommitted.check(commit)
    return found


def procedure_of(project_root: Path, revision: str, app: str, *, strict: bool = True) -> Procedure:
    """The procedure as a commit says it, whatever the work tree is like.

    Args:
        project_root: See `procedure`.
        revision: See `procedure`.
        app: See `procedure`.
        strict: See `procedure` for the errors. Otherwise a stage that doesn't say what its command reads has an input
            without a digest, so that people can be shown the rest: it proves nothing.
    """
    with CommitReader(project_root, revision) as commit:
        return _read(commit, app, strict=strict)


def _read(commit: CommitReader, app: str, *, strict: bool = True) -> Procedure:
    parts = tuple(sorted(set(_parts(commit, app, strict))))
    words = json.dumps([VERSION, [[part.kind, part.name, part.digest] for part in parts]], separators=(",", ":"))
    digest = hashlib.sha256(b"cdconf procedure\n" + words.encode("utf-8", "surrogateescape")).hexdigest()
    return Procedure(f"sha256:{digest}", commit.id, parts)


def _parts(commit: CommitReader, app: str, strict: bool) -> Iterator[ProcedurePart]:
    files = set()
    for part in _named_parts(commit, app, strict):
        files |= (
            {part.name.partition(": ")[2] if part.kind == "input" else part.name} if part.kind in _OF_FILES else set()
        )
        yield part
    for path, entry in _attributes(commit, files).items():
        yield ProcedurePart("attributes", path, entry.digest)


def _attributes(commit: CommitReader, files: Iterable[str]) -> dict[str, TreeEntry]:
    """The .gitattributes that say what git makes of these files in a work tree: line ends, encodings."""
    folders = {posixpath.dirname(file) for file in files}
    folders |= {"/".join(folder.split("/")[:count]) for folder in folders for count in range(1, folder.count("/") + 1)}
    places = [f"{one}/.gitattributes" for one in (*commit.above(), *filter(None, folders))]
    return {posixpath.normpath(place): entry for place in places if (entry := commit.find(place)) is not None}


def _named_parts(commit: CommitReader, app: str, strict: bool) -> Iterator[ProcedurePart]:
    top = _yaml(commit, FILE)
    apps = expect(top, "apps", dict, FILE, YamlMap(file=FILE))
    if app not in apps:
        raise UsageError(f"cdconf.yml has no app '{app}'", hint=nearest_or_all(app, apps))
    groups = _groups(top, expect(apps, app, dict, "apps"))
    yield ProcedurePart("app", app, _digest(apps[app]))
    for name, roles in groups.items():
        yield ProcedurePart("group", name, _digest(roles))
    yield ProcedurePart("order", "groups", _digest(list(groups)))
    yield from _of_roles(commit, top, [role for roles in groups.values() for role in roles])
    yield from _smoke_packages(commit, top)
    yield from _of_stages(commit, top, app, strict)
    yield from (ProcedurePart("type", path, entry.digest) for path, entry in commit.below("resources"))
    yield from _installed(_names(top.get("type_packages")))


def _smoke_packages(commit: CommitReader, top: YamlMap) -> Iterator[ProcedurePart]:
    """The file that lists what smoke tests import."""
    smoke = top.get("smoke")
    file = smoke.get("packages") if isinstance(smoke, dict) else None
    entry = commit.find(file) if isinstance(file, str) else None
    if entry is not None:
        yield ProcedurePart("smoke packages", str(file), entry.digest)


def _groups(top: YamlMap, app: YamlMap) -> dict[str, list[str]]:
    """The app's groups and its drain group, and those around them, in the project's order, with their roles."""
    drain = app.get("drain")
    wanted = [*_names(app.get("groups")), *(_names(drain.get("group")) if isinstance(drain, dict) else [])]
    known = expect(top, "groups", dict, FILE)
    for name in wanted:
        if name not in known:
            raise app.error(f"there is no group '{name}'", "groups", did_you_mean(name, known))
    counted = around(wanted, inner_groups(known))
    return {name: list(roles_of(known, name)) for name in known if name in counted}


def _of_roles(commit: CommitReader, top: YamlMap, names: Sequence[str]) -> Iterator[ProcedurePart]:
    """The roles' files and smoke tests, and what they reach."""
    from cdconf.promotion.reach import Reach  # it takes its time, and digests are remembered

    reach = Reach(commit)
    roles = {name: _yaml(commit, f"roles/{name}/role.yml") for name in dict.fromkeys(names)}
    roles |= _with_handlers(commit, top, roles)
    for name, content in roles.items():
        reach.add_role(name, content)
        yield from _files(commit, "role", [f"roles/{name}/role.yml"])
    reach.add_variables([entry for path, entry in commit.below("inventories", strict=False) if _VARIABLES.search(path)])
    yield from (ProcedurePart(kind, path, entry.digest) for (kind, path), entry in reach.found.items())
    for path, entry in imported(commit, dict.fromkeys(names)).items():
        yield ProcedurePart("smoke test", path, entry.digest)


def _with_handlers(commit: CommitReader, top: YamlMap, roles: Mapping[str, YamlMap]) -> dict[str, YamlMap]:
    """Other roles of the project whose handlers these notify: a handler is known by name throughout the project."""
    own = {name for role in roles.values() for name in _keys(role.get("handlers"))}
    missing = {name for role in roles.values() for name in _notified(role)} - own
    found: dict[str, YamlMap] = {}
    if missing:
        for name in dict.fromkeys(role for group in _keys(top["groups"]) for role in roles_of(top["groups"], group)):
            other = _yaml(commit, f"roles/{name}/role.yml") if name not in roles else YamlMap()
            if missing & set(_keys(other.get("handlers"))):
                found[name] = other
    return found | (_with_handlers(commit, top, {**roles, **found}) if found else {})


def _notified(role: YamlMap) -> Iterator[str]:
    resources = role.get("resources")
    for one in resources if isinstance(resources, list) else []:
        if isinstance(one, dict):
            yield from _names(one.get("notify"))


def _of_stages(commit: CommitReader, top: YamlMap, app: str, strict: bool) -> Iterator[ProcedurePart]:
    """The stages that this app goes through, and the files that their commands read."""
    stages = [
        yaml_map for yaml_map in stages_of(top) if not _names(yaml_map.get("build")) or app in _names(yaml_map["build"])
    ]
    for stage in stages:
        name = str(stage.get("stage"))
        yield ProcedurePart("stage", name, _digest(stage))
        if not strict and "run" in stage and not stage.get("inputs"):
            yield ProcedurePart("input", f"{name}: unknown, since `inputs` names nothing", "")
            continue
        for path in inputs_of(stage):
            files = list(commit.below(path, strict=False))
            if not files:
                text = f"'inputs' of stage '{name}' names {path}, which commit {commit.id[:10]} doesn't have"
                file, line = stage.where("inputs")
                raise NotProvable(text, file=file, line=line)
            yield from (ProcedurePart("input", f"{name}: {one}", entry.digest) for one, entry in files)
    yield ProcedurePart("order", "stages", _digest([yaml_map.get("stage") for yaml_map in stages]))


def _installed(packages: Sequence[str]) -> Iterator[ProcedurePart]:
    from cdconf.resources.discovery import is_own, type_folders
    from cdconf.session.bundle import sources_digest

    yield ProcedurePart("agent", "cdconf", f"sha256:{sources_digest()}")
    for name, folder in type_folders(None, packages).items() if packages else ():
        if not is_own(folder):
            texts = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.py")}
            yield ProcedurePart("type package", name, _digest(texts))


def _files(commit: CommitReader, kind: str, paths: Iterable[str]) -> Iterator[ProcedurePart]:
    for path in paths:
        yield from (ProcedurePart(kind, name, entry.digest) for name, entry in commit.below(path))


def _yaml(commit: CommitReader, path: str) -> YamlMap:
    entry = commit.find(path)
    if entry is None or entry.is_tree:
        raise NotProvable(f"commit {commit.id[:10]} has no {path}")
    try:
        text = commit.text(entry).decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotProvable(f"{path} of commit {commit.id[:10]} isn't UTF-8") from error
    return loads(text.replace("\r\n", "\n").replace("\r", "\n"), posixpath.normpath(path))


def _digest(value: Any) -> str:
    """Of a value of cdconf.yml: neither its comments nor the order of its keys count."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _names(value: Any) -> list[str]:
    """A list of names, or one of them."""
    members = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [member for member in members if isinstance(member, str)]


def _keys(value: Any) -> list[str]:
    return list(value) if isinstance(value, dict) else []
