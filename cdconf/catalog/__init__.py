"""Host + roles + facts -> catalog: everything that one host should be, compiled."""

from cdconf.catalog.compiler import Compiler
from cdconf.catalog.model import Catalog, Handler, Resource

__all__ = ["Catalog", "Compiler", "Handler", "Resource"]
