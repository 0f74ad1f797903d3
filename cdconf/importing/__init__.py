"""Takes over what other tools know: today, Ansible's inventories."""

from cdconf.importing.ansible import import_inventory
from cdconf.importing.report import Finding, Report

__all__ = ["Finding", "Report", "import_inventory"]
