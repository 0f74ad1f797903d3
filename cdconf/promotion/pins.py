"""Whether a project is the one that the operator's policy is for: its name and its store are the commit's to change."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.errors import GateClosed
from cdconf.git_command import git_command, refusal
from cdconf.promotion.policy import VARIABLE, policies_folder, policy_file

if TYPE_CHECKING:
    from cdconf.inventory import Project
    from cdconf.promotion.policy_model import Policy

_NAMED = re.compile(r"""[-+][{\s]*["']?project["']?\s*:\s*["']?([A-Za-z0-9_-]+)""")
_LONGEST = 30.0  # seconds that git may take


def check_pins(project: Project, policy: Policy) -> None:
    """Raises `GateClosed` unless the project has the name and the store that the policy says.

    A project that had another name in an earlier commit, for which there's a policy, would leave that behind: it needs
    one under its new name.
    """
    if not policy.file:
        _check_not_renamed(project)
        return
    pin = policy.project
    if pin is not None and pin.value != project.name:
        text = f"cdconf.yml says that the project is '{project.name}', and {pin.source} that it's '{pin.value}'"
        raise GateClosed(text, hint="nothing is brought anywhere; change the policy if the new name is meant")
    pin = policy.store
    if pin is not None and not _is_same_store(project, pin.value):
        own = f"'{project.store}'" if project.store else "the project's own directory"
        text = f"cdconf.yml says that the artifact store is {own}, and {pin.source} that it's '{pin.value}'"
        raise GateClosed(text, hint="nothing is brought anywhere; change the policy if the new store is meant")


def _is_same_store(project: Project, wanted: str) -> bool:
    """Whether two names are the same store: a directory may be relative to the project, or to the home directory."""
    own = project.store or ".cdconf/artifacts"
    if own.startswith("s3://") or wanted.startswith("s3://"):
        return own.rstrip("/") == wanted.rstrip("/")
    first, second = ((project.root / Path(one).expanduser()).resolve() for one in (own, wanted))
    return first == second


def _check_not_renamed(project: Project) -> None:
    guarded = {path.stem for path in policies_folder().glob("*.yml")} - {project.name}
    if not guarded:
        return
    before = guarded & _names_before(project.root)
    if before:
        name = min(before)
        own = policy_file(project)
        text = f"the project was called '{name}' before, for which {policies_folder() / name}.yml is the policy"
        hint = f"if '{project.name}' is meant, give it a policy of its own: {own}"
        raise GateClosed(f"{text}; there's none for '{project.name}'", hint=hint)


def _names_before(root: Path) -> set[str]:
    """The names that cdconf.yml has had in this checkout's history; none outside of a repository.

    Raises:
        GateClosed: git would read something else than the checkout's history, or takes too long.
    """
    planted = refusal(root)
    if planted is not None:
        raise GateClosed(f"which names the project had before can't be told: {planted[0]}", hint=planted[1])
    options = ["log", "-p", "--unified=0", "--format=", "--no-color", "--no-ext-diff", "--no-textconv", "-m"]
    options.append("--text")  # whatever .gitattributes says: of what's binary, no lines are shown
    try:
        told = subprocess.run(
            git_command(root, *options, "-G", "project", "HEAD", "--", "cdconf.yml"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST,
            check=False,
        )
    except FileNotFoundError:
        return set()
    except subprocess.TimeoutExpired as error:
        text = f"which names the project had before can't be told: git took more than {_LONGEST:.0f} s"
        raise GateClosed(text, hint=f"${VARIABLE} says which policy is meant") from error
    lines = told.stdout.decode("utf-8", "replace").splitlines()
    return {match[1] for line in lines if (match := _NAMED.match(line)) is not None}
