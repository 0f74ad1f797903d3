"""The digests of commits' procedures, which never change: remembered in .cdconf/, since to read one takes time."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from cdconf.atomic import write_private
from cdconf.errors import UsageError
from cdconf.own_files import read_json
from cdconf.promotion.errors import NotProvable
from cdconf.promotion.procedure import VERSION, ProcedureDigest, procedure_of

if TYPE_CHECKING:
    from cdconf.inventory import Project

FILE = "procedures.json"
KEPT = 500
_COMMIT = re.compile("[0-9a-f]{40,64}")
_DIGEST = re.compile("sha256:[0-9a-f]{64}")


class CommitProcedures:
    """Of a project's commits, as this version of cdconf reads them.

    Args:
        project: The project.
    """

    def __init__(self, project: Project) -> None:
        from cdconf.promotion.saying import tool_digest

        self._project = project
        self._path = project.data_if_any / FILE
        self._tool = hashlib.sha256(f"{VERSION}\0{tool_digest()}".encode()).hexdigest()[:16]
        self._known: dict[str, str] = {}
        with suppress(OSError, ValueError, AttributeError):
            found = read_json(self._path)
            self._known = {
                key: digest
                for key, digest in found.items()
                if key.startswith(f"{self._tool} ") and isinstance(digest, str) and _DIGEST.fullmatch(digest)
            }

    def of(self, commit: str | None) -> Callable[[str], ProcedureDigest]:
        """Gives the digest of an app's procedure at a commit; it raises `NotProvable` where that has none."""

        def digest(app: str) -> ProcedureDigest:
            if commit is None or not _COMMIT.fullmatch(commit):
                raise NotProvable("no commit is known of it, so nobody can say how it's brought there")
            key = f"{self._tool} {commit} {app}"
            if key not in self._known:
                self._known[key] = self._read(commit, app)
                self._write()
            return ProcedureDigest(self._known[key], commit)

        return digest

    def _read(self, commit: str, app: str) -> str:
        try:
            return procedure_of(self._project.root, commit, app).digest
        except UsageError as error:
            raise NotProvable(f"commit {commit[:10]}: {error.message}", hint=error.hint) from error

    def _write(self) -> None:
        if self._project.type_packages:  # what's installed of them counts, and may change
            return
        with suppress(OSError):  # who may only read waits for git each time
            last = dict(list(self._known.items())[-KEPT:])
            write_private(self._project.data / FILE, json.dumps(last, indent=1) + "\n")
