"""A container for the resource types' cases, in a project of its own."""

import contextlib

from cdconf.authoring.cases import CaseHost
from cdconf.environments import provider_for
from cdconf.inventory import load_environment, load_project
from tests.conftest import cdconf, write
from tests.host_image import furnished


@contextlib.contextmanager
def case_host(folder, kind=CaseHost):
    """A host that's ready for cases, gone at the end.

    Args:
        folder: Where its project is written.
        kind: The class of the host that's given.
    """
    root = write(
        folder,
        furnished(
            {
                "cdconf.yml": "project: cases\ngroups: {everything: [case]}\n",
                "inventories/dev/hosts.yml": "provider: docker\nhosts:\n  host: {groups: [everything]}\n",
                "roles/case/role.yml": "resources: []\n",
            }
        ),
    )
    try:
        result = cdconf(root, "provision", "dev")
        assert result.returncode == 0, result.stderr
        project = load_project(root)
        environment = load_environment(project, "dev")
        located = provider_for(project, environment).locate(list(environment.hosts.values()))
        host = kind(project, environment, located["host"])
        host.prepare()
        yield host
        host.leave()
    finally:
        cdconf(root, "destroy", "dev", "--yes")
