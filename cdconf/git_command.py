"""How git is called: it only reads, and never a repository that the commit itself has brought.

A commit can't have a `.git`, but it can have HEAD, objects/ and refs/ in any directory. Below the repository's own
directory git would take that for the repository, run what its configuration names, and say of other files that they
are what was committed.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

# git itself refuses that from 2.38 on; it heeds this setting only where no repository can say it.
_QUIET = ("-c", "log.showSignature=false", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
_REFUSE = ("-c", "safe.bareRepository=explicit")


# What git says to its hooks of its own repository (`git rev-parse --local-env-vars`, and what receiving a push adds).
# GIT_CONFIG_COUNT isn't among them: git sets it for no hook, and whoever runs cdconf may say there whom git believes.
_OF_A_REPOSITORY = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE"),
    *("GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"),
    *("GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_REPLACE_REF_BASE"),
    *("GIT_INTERNAL_SUPER_PREFIX", "GIT_NO_REPLACE_OBJECTS"),
)


def leave_hook(variables: MutableMapping[str, str]) -> None:
    """Takes away what would lead git to another repository than that of the directory that it's given."""
    for name in _OF_A_REPOSITORY:
        variables.pop(name, None)


def git_command(root: Path, *arguments: str) -> list[str]:
    """The argument list; nothing is locked or refreshed, and no other object stands in for a commit.

    What a user has git say of signatures isn't mixed into what was asked for. No hook runs: `core.hooksPath` and
    `core.fsmonitor` may lead into the work tree.

    Args:
        root: A directory of the repository.
        arguments: The command, and what it's about.
    """
    found = planted(root)
    elsewhere = ["--git-dir", str(found / ".git")] if found is not None else []  # isn't there, so git fails
    options = ["git", "--no-optional-locks", "--no-replace-objects", *_QUIET, *_REFUSE]
    return [*options, "-C", str(root), *elsewhere, *arguments]


def planted(root: Path) -> Path | None:
    """The directory on the way up to the repository's own that has what makes git take it for a repository."""
    root = root.absolute()
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return None
        if _is_repository(folder):
            return folder
    return None


def refusal(root: Path) -> tuple[str, str] | None:
    """A message and a hint where git would take what's `planted` for a repository; None elsewhere."""
    found = planted(root)
    if found is None:
        return None
    text = f"{found} has HEAD and objects, so that git would take it for a repository of its own"
    return text, f"a commit may have brought them: look at {found / 'config'}, and take them away"


def _is_repository(folder: Path) -> bool:
    head = folder / "HEAD"
    return (head.is_symlink() or head.is_file()) and any((folder / one).exists() for one in ("objects", "commondir"))
