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
    purpose="Packages",
    doc=(
        "A package of the host's package manager: apt, dnf (or yum), apk. Consecutive package resources form "
        "one transaction, including removals and downgrades. The transaction never asks questions, keeps "
        "changed configuration files, and waits for a held lock while naming its holder. A transaction that "
        "would remove a package which no resource removes fails, and names that package. A name that another "
        "installed package provides counts as installed. Before an installation, the package index is "
        "fetched if it's older than a day or than a repository's definition; never in check mode. Not tried "
        "on a real host: apk."
    ),
    title="name",
    titles_are_lists=True,
    fields={
        "name": Field("string", "The package, or name:architecture; a list of packages is one resource each."),
        "version": Field(
            "string",
            "An exact version; a pattern such as `1.24.*`; or `latest`, the newest version in the host's package "
            "index (the output says how old that index is). A version lower than the installed one causes a "
            "downgrade.",
            public=True,
        ),
        "file": Field("path", "Install from this package file on the host. The file must stay there.", public=True),
        "hold": Field(
            "boolean",
            "Protect the version from upgrades outside cdconf (apt-mark hold; dnf versionlock; a pin in apk's "
            "world). cdconf never changes a package that somebody else has put on hold.",
        ),
        "recommends": Field(
            "boolean",
            "Also install the packages that it recommends; Debian's apt would, cdconf by default doesn't.",
            compare=False,
        ),
        "debconf": Field(
            "map",
            "Answers to debconf's questions before it's installed: question -> `TYPE VALUE`.",
            compare=False,
            public_keys=("*",),
            but_values="password ",
            instead="debconf shows all answers but those of type `password`",
        ),
        "purge": Field("boolean", "With `absent`: also remove its configuration files (apt, apk).", compare=False),
        "force": Field("boolean", "With `absent`: also remove the packages that depend on it.", compare=False),
        "virtual": Field(
            "boolean",
            "Whether a package that provides this name counts as installed (default: yes; never with `absent`).",
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
