"""Roles as their files say: typed variables, declared resources, handlers."""

from cdconf.roles.model import Declared, Role, Variable
from cdconf.roles.role import load_role
from cdconf.roles.smoke_files import smoke_errors, smoke_files

__all__ = ["Declared", "Role", "Variable", "load_role", "smoke_errors", "smoke_files"]
