"""Secrets of the operator's sources, for verbs that compile nothing: what hosts print of them is to be masked, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdconf.errors import CdconfError

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.secrets import Mask

# Verbs that compile ask by themselves, and end where a source is down.
SHOW_HOSTS = ("contract", "deploy", "facts", "logs", "rollback", "run", "smoke", "toggle", "undrain")


def learn_outside(run: Run, mask: Mask) -> dict[str, CdconfError]:
    """Shows the mask what the sources have of the secrets that the run's hosts may hold.

    Args:
        run: The run; other verbs than those above ask nobody.
        mask: Learns the values.

    Returns:
        The error of a source that can't be asked, by the names for which it was.
    """
    if run.command not in SHOW_HOSTS:
        return {}
    from cdconf.roles.secret_names import secret_names
    from cdconf.secrets.operators import sources_of

    project, names = run.project, ["a secret of a source"]
    try:
        if sources_of(project, run.environment):
            groups = dict.fromkeys(group for host in run.selected() for group in host.groups)
            names = secret_names(project, [role for group in groups for role in project.groups[group]])
            for value in run.secrets.fetch(names):
                mask.add(value)
    except CdconfError as error:
        return {", ".join(names): error}
    return {}
