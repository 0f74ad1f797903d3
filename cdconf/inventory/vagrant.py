"""What hosts.yml says of Vagrant: by which of its providers machines are made, of which boxes, on which network."""

from __future__ import annotations

from collections.abc import Mapping

from cdconf.inventory import keys
from cdconf.inventory.model import Project, VagrantSettings
from cdconf.inventory.section import Section
from cdconf.yamlfile import YamlMap, expect, load


def read_vagrant(project: Project, top: YamlMap) -> VagrantSettings:
    """`vagrant`: what a copy's own file says wins, key by key; the network is each environment's own.

    Args:
        project: The project.
        top: hosts.yml; the environments that it copies, if any, are known to be there and to end somewhere.

    Raises:
        InvalidFile: The provider is none of Vagrant's, a box isn't named by text, or the network isn't a /24.
    """
    given: YamlMap = expect(top, "vagrant", dict, "hosts.yml", YamlMap(file=top.file))
    copied = VagrantSettings()
    if original := top.get("copy_of"):
        copied = read_vagrant(project, load(project.root / "inventories" / original / "hosts.yml", project.root))
    section = Section(given, keys.VAGRANT, "vagrant")
    provider = section.get("provider", copied.provider)
    network = section["network"]
    if network is not None and any(int(part) > 255 for part in network.partition("/")[0].split(".")):
        raise section.refused("network")
    return VagrantSettings(provider, {**copied.boxes, **_boxes(section["boxes"])}, network)


def _boxes(boxes: YamlMap) -> Mapping[str, str]:
    for os, box in boxes.items():
        if not isinstance(box, str) or not box.strip():
            raise boxes.error(f"the box of '{os}' must be named by text", os, "such as debian/bookworm64")
    return boxes
