"""What there is: the project, its environments, their hosts and variables, as the files say."""

from cdconf.inventory.environment import load_environment
from cdconf.inventory.limit import check_roles, select
from cdconf.inventory.model import (
    App,
    Differs,
    Drain,
    Environment,
    Health,
    Host,
    Layer,
    Migrate,
    Project,
    Shared,
    Size,
    Ssh,
    Toggle,
    VagrantSettings,
)
from cdconf.inventory.project import find_root, load_project
from cdconf.inventory.toggles import ToggleValue, load_toggles
from cdconf.inventory.variables import VariableFiles, check_variable_files

__all__ = [
    "App",
    "Differs",
    "Drain",
    "Environment",
    "Health",
    "Host",
    "Layer",
    "Migrate",
    "Project",
    "Shared",
    "Size",
    "Ssh",
    "Toggle",
    "ToggleValue",
    "VagrantSettings",
    "VariableFiles",
    "check_roles",
    "check_variable_files",
    "find_root",
    "load_environment",
    "load_project",
    "load_toggles",
    "select",
]
