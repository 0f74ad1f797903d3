"""The `npm` type."""

import json
from typing import Any

from cdconf.agent.files import sources
from cdconf.agent.files.protected import is_systems
from cdconf.resources.spec import REQUIRED, Context, Field, Fields, ResourceType


def _normalise(fields: Fields, context: Context) -> Fields:
    """Both files become their content."""
    if is_systems(fields["path"]):
        raise context.error(f"'{fields['path']}' belongs to the whole system, so packages can't be installed there")
    if fields["absent"]:
        return fields
    if "registry" in fields:
        why = sources.problem_of_url(fields["registry"], ("http", "https"))
        if why:
            hint = "a password belongs into npm's configuration on the host" if "password" in why else None
            raise context.error(f"'registry' can't be used: {why.split(';')[0]}", hint)
    lock = _json(context.source_file(fields["lock"]), fields["lock"], context)
    if not isinstance(lock.get("packages"), dict):
        hint = "write it with npm 7 or newer"
        raise context.error(f"'{fields['lock']}' is no lock file of version 2 or 3", hint)
    linked = [name for name, one in lock["packages"].items() if isinstance(one, dict) and one.get("link")]
    if linked:
        raise context.error(f"'{fields['lock']}' has '{linked[0]}', a link to a directory that isn't on the host")
    package = _json(context.source_file(fields["package"]), fields["package"], context)
    package.pop("scripts", None)
    fields["lock"] = context.source_file(fields["lock"]).decode("utf-8")
    fields["package"] = json.dumps(package, indent=2) + "\n"
    return fields


def _json(content: bytes, name: str, context: Context) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise context.error(f"'{name}' isn't JSON: {error}") from error
    if not isinstance(found, dict):
        raise context.error(f"'{name}' isn't a JSON object")
    return found


TYPE = ResourceType(
    name="npm",
    purpose="Packages",
    doc=(
        "A directory with what a package-lock.json names, in node_modules, without what's for development: `npm ci`, "
        "which verifies the lock file's hashes. Packages of another version and missing ones are drift; changed "
        "files of a package aren't noticed. The project's own scripts aren't run, those of packages are, unless "
        "`scripts` is false. For an app's own releases, see `prepare` of apps."
    ),
    title="path",
    fields={
        "path": Field("path", "The directory."),
        "lock": Field("string", "package-lock.json: a file of the role's or project's files/.", default=REQUIRED),
        "package": Field("string", "package.json: a file of the role's or project's files/.", default=REQUIRED),
        "registry": Field(
            "string", "The registry's URL; if not given, what npm's configuration says.", compare=False, public=True
        ),
        "scripts": Field("boolean", "Whether packages may run their install scripts.", default=True, compare=False),
        "user": Field("string", "Who runs npm and owns it; root if not given.", compare=False),
        "timeout": Field("integer", "Seconds that installing may take.", default=600, compare=False),
    },
    holds=(),
    normalise=_normalise,
    owns_tree=True,
    example="npm: /opt/tool\nlock: package-lock.json\npackage: package.json\n",
)
