"""The `git` type."""

import re

from cdconf.agent.files import sources
from cdconf.agent.files.protected import is_systems
from cdconf.resources.spec import REQUIRED, Context, Field, Fields, ResourceType

_SCP = re.compile(r"(?:[\w.-]+@)?[\w.-]+:[^\s/:][^\s]*\Z")


def _normalise(fields: Fields, context: Context) -> Fields:
    """Checks the URL and the revision."""
    if is_systems(fields["path"]):
        raise context.error(f"'{fields['path']}' belongs to the whole system, so it can't be a working tree")
    if fields["absent"]:
        return fields
    for name in ("url", "revision"):
        if not fields.get(name):
            raise context.error(f"the `{name}` of a git working tree can't be empty")
    _check_url(fields["url"], context)
    revision = fields["revision"]
    if revision.startswith("-") or re.search(r"[\s~^:?*\[\\\x00-\x1f]|\.\.|@\{", revision):
        raise context.error(f"'{revision}' can't be a branch, a tag or a commit id")
    if re.fullmatch(r"[0-9A-Fa-f]{40}", revision):
        fields["revision"] = revision.lower()
    elif re.fullmatch(r"[0-9A-Fa-f]{7,39}", revision) and "depth" in fields:
        hint = "give the commit id in full, or leave out `depth`"
        raise context.error(f"no history of `depth` is searched for the short commit id '{revision}'", hint)
    if fields.get("depth", 1) < 1:
        raise context.error("`depth` must be 1 or more")
    return fields


def _check_url(url: str, context: Context) -> None:
    if url.startswith("/") or (_SCP.match(url) and "://" not in url):
        return
    # A user is part of SSH's URLs, and never a password.
    bare = re.sub(r"\Assh://[\w.-]+@", "ssh://", url)
    why = sources.problem_of_url(bare, ("https", "http", "ssh", "git", "file"))
    if why:
        hint = "credentials belong into the user's git or SSH configuration" if "password" in why else None
        raise context.error(f"'url' can't be used: {why.split(';')[0]}", hint)


TYPE = ResourceType(
    name="git",
    purpose="Files",
    doc=(
        "A working tree of a git repository at a branch, a tag or a commit, its HEAD detached. Modified, "
        "deleted and added files are drift, staged or not, also in submodules. Untracked files are ignored. "
        "Check mode asks the git server for the commit of a branch, a tag or a short commit id; a full commit "
        "id needs no such question. The user's SSH must already know the server's host key. Git never asks for "
        "anything. Git runs as `user`, or else as the directory's owner; root is refused where others can write "
        "to a directory on the path. `absent` removes the directory."
    ),
    title="path",
    fields={
        "path": Field("path", "The directory."),
        "url": Field(
            "string",
            "https, ssh, git, file, host:path or a path on the host; without credentials.",
            default=REQUIRED,
            public=True,
        ),
        "revision": Field(
            "string",
            "A branch, a tag, or a commit id: in full (40 digits), or its first 7 digits or more. A branch or tag of "
            "that name comes first. For a short id, everything is fetched where the working tree lacks the commit.",
            default=REQUIRED,
            public=True,
        ),
        "local_changes": Field(
            "string",
            "What to do with local changes of tracked files: `refuse` (an error), `discard` or `keep`.",
            choices=("refuse", "discard", "keep"),
            default="refuse",
        ),
        "depth": Field(
            "integer", "How many commits of the history are fetched; all if not given.", compare=False, public=True
        ),
        "submodules": Field("boolean", "Check out submodules too, theirs included.", compare=False),
        "user": Field("string", "Who runs git and owns a new directory.", compare=False),
        "timeout": Field("integer", "Seconds that fetching may take.", default=600, compare=False),
    },
    normalise=_normalise,
    owns_tree=True,
    example="git: /srv/tool\nurl: https://git.example.com/tool.git\nrevision: v1.2.0\n",
)
