"""What hosts.yml says of Vagrant: by which of its providers machines are made, of which boxes, on which network."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cdconf.errors import did_you_mean
from cdconf.inventory import keys
from cdconf.inventory.model import Project, VagrantSettings
from cdconf.yamlfile import YamlMap, check_keys, expect, load

_NETWORK = re.compile(keys.NETWORK.rstrip("$") + r"\Z")


def read_vagrant(project: Project, top: YamlMap) -> VagrantSettings:
    """`vagrant`: what a copy's own file says wins, key by key; the network is each environment's own.

    Args:
        project: The project.
        top: hosts.yml; the environments that it copies, if any, are known to be there and to end somewhere.

    Raises:
        InvalidFile: The provider is none of Vagrant's, a box isn't named by text, or the network isn't a /24.
    """
    section: YamlMap = expect(top, "vagrant", dict, "hosts.yml", YamlMap(file=top.file))
    copied = VagrantSettings()
    if original := top.get("copy_of"):
        copied = read_vagrant(project, load(project.root / "inventories" / original / "hosts.yml", project.root))
    check_keys(section, keys.VAGRANT, "vagrant")
    provider = expect(section, "provider", str, "vagrant", copied.provider)
    if provider is not None and provider not in keys.MACHINES:
        hint = did_you_mean(provider, keys.MACHINES) or f"one of {', '.join(keys.MACHINES)}"
        raise section.error(f"Vagrant has no provider '{provider}' that the Vagrantfile knows", "provider", hint)
    network = expect(section, "network", str, "vagrant", None)
    if network is not None and not _is_network(network):
        raise section.error(f"'{network}' isn't a /24 network", "network", "such as 192.168.60.0/24")
    return VagrantSettings(provider, {**copied.boxes, **_boxes(section)}, network)


def _is_network(text: str) -> bool:
    return bool(_NETWORK.match(text)) and all(int(part) < 256 for part in text.partition("/")[0].split("."))


def _boxes(section: YamlMap) -> Mapping[str, str]:
    boxes: YamlMap = expect(section, "boxes", dict, "vagrant", YamlMap(file=section.file))
    for os, box in boxes.items():
        if not isinstance(box, str) or not box.strip():
            raise boxes.error(f"the box of '{os}' must be named by text", os, "such as debian/bookworm64")
    return boxes
