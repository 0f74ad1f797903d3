"""Observes and applies working trees of git repositories."""

import contextlib
import os
import re
import stat

from cdconf.agent import files, texts
from cdconf.agent.commands.execute import last_lines, run
from cdconf.agent.errors import Failed, in_the_way
from cdconf.agent.files import walk
from cdconf.agent.system import gitdir

ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "SSH_ASKPASS": "/bin/false",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=20",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "GIT_OPTIONAL_LOCKS": "0",
}


_SHORT = re.compile("[0-9A-Fa-f]{7,39}\\Z")


def _git(fields, arguments, cwd, timeout=None):
    # Hooks and helpers that the working tree's owner could have planted aren't run.
    options = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false"]
    options += ["-c", "status.renames=false", "-c", "diff.renames=false"]
    with files.hold(cwd) as tree:
        # The tree that's held is the one whose owner git becomes, whatever is at its path by then.
        owner = tree.status().st_uid
        user = fields.get("user") or (None if owner == os.geteuid() else files.owner_name(owner))
        here = "/proc/self/fd/{}".format(tree.descriptor)
        return run(["git"] + options + arguments, timeout=timeout or 120, env=ENVIRONMENT, user=user, cwd=here)


def _git_ok(fields, arguments, cwd, timeout=None):
    result = _git(fields, arguments, cwd, timeout)
    if result.status != 0:
        raise Failed(
            "git {} failed".format(arguments[0]),
            command="git " + " ".join(arguments),
            status=result.status,
            output=last_lines(result.err or result.out),
        )
    return result.out


def observe(fields):
    """URL, revision (the wanted one when HEAD is that commit) and local changes; None when there's nothing yet."""
    path = fields["path"]
    status = files.lstat(path)
    _check_place(fields, status)
    if status is None:
        return None
    if not stat.S_ISDIR(status.st_mode):
        raise in_the_way(path, "no directory")
    repository = gitdir.find(path)
    if repository is None:
        with files.hold(path) as folder:
            names = folder.names()
        if names:
            raise in_the_way(path, "a directory that has files in it, but no git repository")
        return None
    if fields.get("absent"):
        return {}
    head = gitdir.head(repository)
    if head is None:
        return None
    wanted = _commit(fields)
    return {
        "url": gitdir.url(repository),
        "revision": fields["revision"] if head == wanted else head,
        "local_changes": _local_changes(fields, repository) or fields["local_changes"],
    }


def _check_place(fields, status):
    """Git isn't root where others could exchange what it works on while it does: it finds its files by their paths."""
    path = fields["path"]
    is_root = fields.get("user", "root") == "root" and (status is None or status.st_uid == 0)
    if fields.get("absent") or not is_root or not files.is_directory(os.path.dirname(path)):
        return
    if not files.on_roots_alone(os.path.join(path, ".git") if status else path, sticky=True):
        raise Failed("git would be root in '{}', which others can exchange: give `user`, or another path".format(path))


def _commit(fields):
    """The commit that the revision is; the server is asked, unless it's a full commit id.

    None for a short commit id that the working tree's repository doesn't have yet.
    """
    revision = fields["revision"]
    if gitdir.COMMIT.match(revision):
        return revision
    names = ["refs/heads/" + revision, "refs/tags/" + revision, "refs/tags/" + revision + "^{}", revision]
    out = _git_ok(fields, ["ls-remote", "--", fields["url"]] + names, cwd=fields["path"])
    found = dict(reversed(line.split("\t", 1)) for line in texts.lines(out) if "\t" in line)
    # A tag's own object isn't a commit: ^{} is what it points to.
    for name in (names[2], names[1], names[0], revision):
        if name in found:
            return found[name]
    if _SHORT.match(revision):
        return _expanded(fields)
    raise Failed("{} has no branch, tag or commit '{}'".format(fields["url"], revision))


def _expanded(fields):
    """The only commit in the working tree's repository whose id begins like this; None when there's none.

    Raises:
        Failed: There are several.
    """
    revision = fields["revision"].lower()
    found = _git(fields, ["rev-parse", "--disambiguate=" + revision], cwd=fields["path"])
    ids = texts.words(found.out) if found.status == 0 else []
    commits = [
        one for one in ids if _git(fields, ["cat-file", "-e", one + "^{commit}"], cwd=fields["path"]).status == 0
    ]
    if len(commits) > 1:
        raise Failed("several commits begin with '{}': {}".format(revision, ", ".join(commits[:5])))
    return commits[0] if commits else None


def _local_changes(fields, repository):
    if fields["local_changes"] == "keep":
        return ""
    changed = _changed(fields, fields["path"], repository)
    if fields.get("submodules"):
        with contextlib.suppress(gitdir.NeedsGit):
            changed += gitdir.submodules_behind(fields["path"], repository)
    return _listed(changed)


def _listed(changed):
    more = " and {} more".format(len(changed) - 5) if len(changed) > 5 else ""
    return ", ".join(changed[:5]) + more


def _changed(fields, tree, repository):
    """The files that aren't as HEAD has them, in the tree or in the index; those of submodules too."""
    changed = []
    try:
        gitdir.check_nothing_staged(repository, gitdir.head(repository))
        suspects = gitdir.suspects(tree, repository)
    except gitdir.NeedsGit:
        suspects = ["?"]
    if suspects:
        # A submodule's own changes are looked at in there, and one that's staged shows in the second list only.
        out = _git_ok(fields, ["status", "--porcelain", "-z", "-uno", "--ignore-submodules"], cwd=tree)
        changed = [line[3:] for line in out.split("\0") if line[2:3] == " "]
        out = _git_ok(fields, ["diff-index", "--cached", "--name-only", "-z", "--no-renames", "HEAD"], cwd=tree)
        changed += [name for name in out.split("\0") if name and name not in changed]
    with contextlib.suppress(gitdir.NeedsGit):
        for path, _, inner in gitdir.submodules(tree, repository) if fields.get("submodules") else ():
            if inner is not None and gitdir.head(inner) is not None:
                inside = _changed(fields, os.path.join(tree, path), inner)
                changed += [os.path.join(path, name) for name in inside]
    return changed


def apply(fields, difference):
    """Removes it; or fetches what's missing, and checks it out."""
    path = fields["path"]
    if difference.get("exists") == (True, False):
        walk.check_removal(path)
        files.remove_tree(path)
        return
    repository = gitdir.find(path) if files.is_directory(path) else None
    if fields["local_changes"] == "refuse" and repository and gitdir.head(repository):
        changes = _listed(_changed(fields, path, repository))
        if changes:
            raise Failed("'{}' has local changes: {}; `local_changes: discard` discards them".format(path, changes))
    if repository is None:
        _make(fields)
    if repository is None or gitdir.url(repository) != fields["url"]:
        _git_ok(fields, ["config", "remote.origin.url", fields["url"]], cwd=path)
    commit = _fetch(fields)
    force = ["--force"] if fields["local_changes"] == "discard" else []
    _git_ok(fields, ["checkout", "-q", "--detach"] + force + [commit], timeout=fields["timeout"], cwd=path)
    if fields.get("submodules"):
        # Where a submodule comes from may be said otherwise by the new commit.
        _git_ok(fields, ["submodule", "sync", "-q", "--recursive"], cwd=path)
        depth = ["--depth", str(fields["depth"])] if "depth" in fields else []
        arguments = ["submodule", "update", "-q", "--init", "--recursive"] + force + depth
        _git_ok(fields, arguments, timeout=fields["timeout"], cwd=path)


def _make(fields):
    path = fields["path"]
    with files.parent(path) as (folder, name):
        if folder.lstat(name) is None:
            files.new_directory(folder, name, {"owner": fields["user"]} if "user" in fields else {})
    _git_ok(fields, ["init", "-q"], cwd=path)
    refs = "+refs/heads/*:refs/remotes/origin/*"
    _git_ok(fields, ["config", "remote.origin.fetch", refs], cwd=path)


_EVERYTHING = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]


def _fetch(fields):
    """Fetches the revision, and returns what to check out; where a server gives no single commits, everything."""
    path, revision = fields["path"], fields["revision"]
    fetch = ["fetch", "-q", "--no-tags", "--no-recurse-submodules"] + (
        ["--depth", str(fields["depth"])] if "depth" in fields else []
    )
    if gitdir.COMMIT.match(revision):
        if _git(fields, ["cat-file", "-e", revision + "^{commit}"], cwd=path).status == 0:
            return revision
        if _git(fields, fetch + ["origin", revision], path, fields["timeout"]).status != 0:
            _fetch_everything(fields)
        return revision
    found = _git(fields, fetch + ["origin", "refs/tags/" + revision], path, fields["timeout"])
    if found.status != 0:
        name = revision if revision.startswith("refs/") or revision == "HEAD" else "refs/heads/" + revision
        if not _SHORT.match(revision):
            _git_ok(fields, fetch + ["origin", name], path, fields["timeout"])
        elif _git(fields, fetch + ["origin", name], path, fields["timeout"]).status != 0:
            return _fetch_short(fields)
    return "FETCH_HEAD^{commit}"


def _fetch_everything(fields):
    argv = ["fetch", "-q", "--no-recurse-submodules", "origin"] + _EVERYTHING
    _git_ok(fields, argv, fields["path"], fields["timeout"])


def _fetch_short(fields):
    """The id of the commit that a short one stands for; a server knows commits by full ids alone."""
    commit = _expanded(fields)
    if commit is None:
        _fetch_everything(fields)
        commit = _expanded(fields)
    if commit is None:
        raise Failed("{} has no branch, tag or commit '{}'".format(fields["url"], fields["revision"]))
    return commit
