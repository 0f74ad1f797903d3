"""The image of test hosts is what they're made of: else each would fetch and install what it's there for."""

import json
import subprocess

import pytest

from cdconf.environments.docker.image import image_of
from tests.host_image import OS, base_image

pytestmark = pytest.mark.hosts


def test_hosts_that_name_no_os_are_made_of_the_inventorys_base_image_with_its_package_lists(live):
    for host in ("web1", "web2"):
        command = ["docker", "inspect", "--format", "{{json .Config.Image}}", live.container(host)]
        made_of = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        assert made_of == image_of(OS, base_image())
        assert live.on(host, "ls /var/lib/apt/lists/*_Packages*")
