"""`-e NAME=VALUE` of a variable that nothing in the project knows: a misspelt name changes nothing, without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdconf.cli.options import parse_extra

if TYPE_CHECKING:
    from cdconf.inventory import Project


def check_extra(project: Project, pairs: tuple[str, ...]) -> None:
    """Refuses variables that no role declares, and no text of a role or a variable reads.

    Args:
        project: The project.
        pairs: As they were given.

    Raises:
        UsageError: One is no pair, or its variable isn't known.
    """
    given = parse_extra(pairs)
    if not given:
        return
    from cdconf.errors import CdconfError, UsageError, did_you_mean
    from cdconf.lint.advice import Advice
    from cdconf.resources.discovery import Types

    try:
        advice = Advice(project, Types(project.root, project.type_packages))
        if not advice.reads_all:
            return  # the run itself says why
        declared, known = advice.declared, advice.declared | advice.read
    except CdconfError:
        return
    for name in given:
        if name not in known:
            listed = ", ".join(sorted(declared)) or "none"
            hint = did_you_mean(name, declared) or f"roles declare: {listed}"
            raise UsageError(f"-e {name}: no role declares the variable '{name}', and nothing reads it", hint=hint)
