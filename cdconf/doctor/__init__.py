"""What `cdconf doctor` looks at: this machine, the operator's keys, the project, and hosts."""

from cdconf.doctor.check import Check
from cdconf.doctor.hosts import host_checks
from cdconf.doctor.keys import key_checks
from cdconf.doctor.machine import machine_checks
from cdconf.doctor.project import project_checks

__all__ = ["Check", "host_checks", "key_checks", "machine_checks", "project_checks"]
