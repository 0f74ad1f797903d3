"""Takes over what other tools know: today, Ansible's inventories."""

from cdconf.importing.ansible import import_inventory
from cdconf.importing.report import ImportFinding, ImportReport

__all__ = ["ImportFinding", "ImportReport", "import_inventory"]
