"""Roles as their files say: typed variables, declared resources, handlers."""

from cdconf.roles.model import Declared, Role, Variable
from cdconf.roles.role import load_role

__all__ = ["Declared", "Role", "Variable", "load_role"]
