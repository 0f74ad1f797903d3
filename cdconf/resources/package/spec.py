"""The `package` type."""

import re

from cdconf.resources.spec import Context, Field, Fields, ResourceType

# Names, `name:arch`, and on dnf hosts what packages provide: `perl(Foo::Bar)`, `/usr/bin/foo`.
_NAME = re.compile(r"/?[A-Za-z0-9@][A-Za-z0-9@._+:()/~-]*\Z")
_VERSION = re.compile(r"[A-Za-z0-9*?\[][A-Za-z0-9.+:~^_*?\[\]-]*\Z")
_DEBCONF_TYPES = ("string", "boolean", "select", "multiselect", "note", "text", "password", "seen")
_SUFFIXES = (".deb", ".rpm", ".apk")


def _normalise(fields: Fields, context: Context) -> Fields:
    """Refuses what a package manager would read as an option, a removal or a pattern."""
    name = fields["name"]
    if name.endswith(_SUFFIXES):
        raise context.error(f"'{name}' is a file", "name the package, and give the path of the file as `file:`")
    if not _NAME.match(name) or name.endswith("-"):
        raise context.error(f"'{name}' can't be a package's name", _name_hint(name))
    version = fields.get("version")
    if version is not None and not _VERSION.match(version):
        raise context.error(f"'{version}' can't be a version of {name}", 'such as "1.24.0-1", "1.24.*" or latest')
    if fields["absent"]:
        for other in ("version", "file", "hold", "debconf"):
            if other in fields:
                raise context.error(f"'{other}' makes no sense with 'absent' in resource package '{name}'")
        fields["virtual"] = False
    elif "purge" in fields or "force" in fields:
        other = "purge" if "purge" in fields else "force"
        raise context.error(f"'{other}' goes with `absent: true` in resource package '{name}'")
    if "debconf" in fields:
        fields["debconf"] = {str(key): _answer(str(key), value, context) for key, value in fields["debconf"].items()}
    return fields


def _name_hint(name: str) -> str | None:
    for operator in ("==", "=", ">=", "<"):
        if operator in name:
            return f"a version goes into its own field: `package: {name.partition(operator)[0]}` and `version:`"
    return None


def _answer(question: str, value: object, context: Context) -> object:
    """`type value`, as debconf-set-selections reads it; true and false are booleans."""
    if isinstance(value, bool):
        return f"boolean {'true' if value else 'false'}"
    if not isinstance(value, str) or value.split(" ")[0] not in _DEBCONF_TYPES or "\n" in value or " " in question:
        raise context.error(f"the debconf answer to '{question}' must be 'TYPE VALUE'", "such as: string example.org")
    return value


TYPE = ResourceType(
    name="package",
    doc=(
        "A package of the host's package manager: apt, dnf (or yum), apk. Packages that follow each other are one "
        "transaction, removals and downgrades included, which asks nothing, keeps changed configuration files, waits "
        "for a held lock and says who holds it. What nobody asked to be removed never is: a transaction that would "
        "remove more fails and says what. A name that another installed package provides counts as installed. The "
        "package index is fetched before an installation when it's a day old or older than a repository's "
        "definition, and never in check mode. Not tried on a real host: apk."
    ),
    title="name",
    titles_are_lists=True,
    fields={
        "name": Field("string", "The package, or name:architecture; a list of packages is one resource each."),
        "version": Field(
            "string",
            "Exactly this version, any that fits a pattern such as `1.24.*`, or `latest`: the newest in the host's "
            "package index, whose age is told. A lower version than the installed one is a downgrade.",
            public=True,
        ),
        "file": Field("path", "Install it from this package file on the host, which must stay there.", public=True),
        "hold": Field(
            "boolean",
            "Keep it at its version when others upgrade the host (apt-mark hold; dnf versionlock; a pin in apk's "
            "world). A hold that isn't managed here is never overruled.",
        ),
        "recommends": Field("boolean", "Install what it recommends as well.", compare=False),
        "debconf": Field(
            "map",
            "Answers to debconf's questions before it's installed: question -> `TYPE VALUE`.",
            compare=False,
            public_keys=("*",),
            but_values="password ",
            instead="debconf shows all answers but those of type `password`",
        ),
        "purge": Field("boolean", "With `absent`: remove its configuration files too (apt, apk).", compare=False),
        "force": Field("boolean", "With `absent`: remove the packages that need it, too.", compare=False),
        "virtual": Field(
            "boolean",
            "Whether another package that provides the name counts, as it does if not given; never with `absent`.",
            compare=False,
        ),
        "manager": Field(
            "string",
            "The package manager, on a host that has several.",
            choices=("apt", "dnf", "apk"),
            compare=False,
        ),
    },
    exclusive=(("version", "file"),),
    normalise=_normalise,
    portrayed=("version",),
    example="package: [nginx-light, curl]\nversion: latest\n",
)
