"""Which provider an environment has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdconf.environments.provider import Provider
    from cdconf.inventory import Environment, Project


def provider_for(project: Project, environment: Environment) -> Provider:
    """The provider that hosts.yml names."""
    if environment.provider == "docker":
        from cdconf.environments.docker.hosts import DockerProvider

        return DockerProvider(project, environment)
    if environment.provider == "vagrant":
        from cdconf.environments.vagrant.hosts import VagrantProvider

        return VagrantProvider(project, environment)
    from cdconf.environments.existing import ExistingProvider

    return ExistingProvider(environment)
