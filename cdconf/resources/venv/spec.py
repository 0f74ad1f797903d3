"""The `venv` type."""

from cdconf.agent.errors import Failed
from cdconf.agent.files import sources
from cdconf.agent.files.protected import is_systems
from cdconf.agent.packages import locked
from cdconf.resources.spec import REQUIRED, Context, Field, Fields, ResourceType, text_or_bytes

HINT = "write it with `uv pip compile --generate-hashes`, `pip-compile --generate-hashes` or `poetry export`"


def _normalise(fields: Fields, context: Context) -> Fields:
    """The lock file becomes its content, of which each line must have hashes."""
    if is_systems(fields["path"]):
        raise context.error(f"'{fields['path']}' belongs to the whole system, so it can't be a virtual environment")
    if fields["absent"]:
        return fields
    if "index" in fields:
        why = sources.problem_of_url(fields["index"])
        if why:
            hint = "a password belongs into pip's configuration on the host" if "password" in why else None
            raise context.error(f"'index' can't be used: {why.split(';')[0]}", hint)
    name = fields["lock"]
    lock = text_or_bytes(context.source_file(name))
    if not isinstance(lock, str):
        raise context.error(f"'{name}' isn't text")
    try:
        locked.requirements(lock, name)
    except Failed as error:
        raise context.error(str(error), HINT) from None
    fields["lock"] = lock
    return fields


TYPE = ResourceType(
    name="venv",
    purpose="Packages",
    doc=(
        "A Python virtual environment with what a lock file names, and nothing else. pip verifies every hash. "
        "Packages of another version, added and removed ones are drift; changed files of a package aren't noticed. "
        "A new minor version of the interpreter makes the environment anew. Needs Debian's python3-venv, or the "
        "like. For an app's own releases, see `prepare` of apps."
    ),
    title="path",
    fields={
        "path": Field("path", "The directory."),
        "lock": Field(
            "string",
            "A file of the role's or project's files/: pip's requirements, with the hashes of all packages.",
            default=REQUIRED,
        ),
        "python": Field(
            "string", "The interpreter: a name in the PATH, or an absolute path.", default="python3", public=True
        ),
        "index": Field(
            "string", "The URL of a package index; if not given, what pip's configuration says.", compare=False, public=True
        ),
        "wheels": Field(
            "path",
            "A directory on the host with wheels; without `index`, pip asks no index at all.",
            compare=False,
            public=True,
        ),
        "user": Field("string", "Who runs pip and owns it; root if not given.", compare=False),
        "timeout": Field("integer", "Seconds that installing may take.", default=600, compare=False),
    },
    holds=(),
    normalise=_normalise,
    owns_tree=True,
    example="venv: /opt/tool\nlock: tool.lock\n",
)
