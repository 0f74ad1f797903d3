"""What templates that were written for Ansible read, and what it's called here."""

from __future__ import annotations

from collections.abc import Mapping

# Ansible's own names, and what cdconf's templates say instead (None: nothing).
NAMES: Mapping[str, str | None] = {
    "inventory_hostname": "host.name",
    "inventory_hostname_short": "host.name",
    "group_names": "host.groups",
    "groups": "hosts",
    "hostvars": "hosts",
    "ansible_host": "host.address",
    "ansible_facts": "facts",
    "ansible_hostname": "facts.hostname",
    "ansible_nodename": "facts.hostname",
    "ansible_distribution": "facts.os.id",
    "ansible_distribution_release": "facts.os.codename",
    "ansible_distribution_version": "facts.os.version",
    "ansible_distribution_major_version": "facts.os.version",
    "ansible_os_family": "facts.os.family",
    "ansible_kernel": "facts.kernel",
    "ansible_architecture": "facts.architecture",
    "ansible_machine_id": "facts.machine_id",
    "ansible_fqdn": "facts.fqdn",
    "ansible_processor_vcpus": "facts.cpu.count",
    "ansible_memtotal_mb": "facts.memory_mb",
    "ansible_swaptotal_mb": "facts.swap_mb",
    "ansible_mounts": "facts.mounts",
    "ansible_default_ipv4": "facts.network.ipv4",
    "ansible_interfaces": "facts.network.interfaces",
    "ansible_pkg_mgr": "facts.package_manager",
    "ansible_service_mgr": "facts.init",
    "ansible_virtualization_type": "facts.virtualisation",
    "ansible_env": None,
    "ansible_play_hosts": "hosts.all",
    "play_hosts": "hosts.all",
    "inventory_dir": None,
    "inventory_file": None,
    "playbook_dir": None,
    "role_path": None,
    "role_name": None,
    "omit": None,
    "vars": None,
}
