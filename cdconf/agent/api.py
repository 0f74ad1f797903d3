"""What resource types from outside of cdconf may import on a host.

A name that's here stays for one more release after it has been replaced. Everything else below `cdconf.agent` may
change at any time.
"""

from cdconf.agent import files, texts
from cdconf.agent.commands import programs, shell
from cdconf.agent.commands.execute import Result, last_lines, run, run_bytes, run_ok
from cdconf.agent.commands.identity import environment
from cdconf.agent.errors import Down, Failed, Missing, Obstacle, in_the_way
from cdconf.agent.files import home_files, whole_file
from cdconf.agent.system import accounts, fstab, hosts_file, sysctl

__all__ = [
    "Down",
    "Failed",
    "Missing",
    "Obstacle",
    "Result",
    "accounts",
    "environment",
    "files",
    "fstab",
    "home_files",
    "hosts_file",
    "in_the_way",
    "last_lines",
    "programs",
    "run",
    "run_bytes",
    "run_ok",
    "shell",
    "sysctl",
    "texts",
    "whole_file",
]
