"""Compiles a host's catalog, its complete desired state, from its roles, variables and facts."""

from cdconf.catalog.compiler import Compiler
from cdconf.catalog.model import Catalog, Handler, Resource

__all__ = ["Catalog", "Compiler", "Handler", "Resource"]
