"""The operator's policy: what holds for a project besides what its commits say, since no commit may take it away.

~/.config/cdconf/policy/PROJECT.yml, or the file that $CDCONF_POLICY names
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.artifacts.believed import text_of
from cdconf.errors import ArtifactError, CdconfError
from cdconf.promotion.policy_model import Policy

if TYPE_CHECKING:
    from cdconf.engine import Guarded
    from cdconf.inventory import Project

VARIABLE = "CDCONF_POLICY"
_WHAT = "the policy"


def policies_folder() -> Path:
    """Where this operator's policies are, each as PROJECT.yml."""
    return Path("~/.config/cdconf/policy").expanduser()


def policy_file(project: Project) -> Path:
    """Where a project's policy is, if it has one."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else policies_folder() / f"{project.name}.yml"


def policy_of(project: Project) -> Policy:
    """A project's policy on this machine; one that says nothing where there's no file.

    Raises:
        ArtifactError: The file can't be read, can be written by others, or isn't where $CDCONF_POLICY says.
        InvalidFile: It breaks a rule, or is of a newer version.
    """
    found = read_file(policy_file(project))
    if found is None:
        if os.environ.get(VARIABLE):
            raise ArtifactError(f"${VARIABLE} names {policy_file(project)}, which isn't there")
        return Policy()
    return found


def read_file(path: Path) -> Policy | None:
    """The policy in a file; None when there's no file. For errors see `policy_of`."""
    from cdconf.promotion.read_policy import read_policy

    text = text_of(path, _WHAT)
    return None if text is None else read_policy(text, str(path))


def guarded_by(project: Project) -> Guarded:
    """The environments that policies on this machine guard: the project's, and those of other projects.

    Another project's policy counts as its file's name says, unless it pins a name. One that can't be read is its own
    project's trouble.
    """
    from cdconf.engine import Guarded

    found: dict[str, dict[str, str]] = {}
    for path in sorted(policies_folder().glob("*.yml")):
        try:
            policy = read_file(path)
        except CdconfError:
            continue
        if policy is not None and path != policy_file(project):
            name = policy.project.value if policy.project else path.stem
            found.setdefault(name, {}).update(dict.fromkeys(policy.environments, policy.file))
    own = policy_of(project)
    found.setdefault(project.name, {}).update(dict.fromkeys(own.environments, own.file))
    return Guarded(project.name, {name: names for name, names in found.items() if names})
