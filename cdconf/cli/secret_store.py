"""The secrets of an environment, as the verbs change them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdconf.secrets import SecretStore


def secret_store(directory: str, environment: str) -> SecretStore:
    """An environment's own secrets."""
    from cdconf.inventory import load_environment, load_project
    from cdconf.secrets import SecretStore

    project = load_project(Path(directory))
    return SecretStore(project, load_environment(project, environment))


def record_secrets(directory: str, environment: str, command: str, detail: str) -> None:
    """The history remembers which secrets were changed, never to what."""
    from cdconf.cli.recording import record_change
    from cdconf.inventory import load_environment, load_project

    project = load_project(Path(directory))
    record_change(project, command, detail, load_environment(project, environment))
