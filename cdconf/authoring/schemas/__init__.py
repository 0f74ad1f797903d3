"""JSON Schemas (draft 2020-12) of every project file and of the `--json` output, made from the readers' own tables."""

from cdconf.authoring.schemas.catalogue import ABOUT, DIALECT, modeline, schema

__all__ = ["ABOUT", "DIALECT", "modeline", "schema"]
