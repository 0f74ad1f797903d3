"""The `package` type."""

from cdconf.resources.spec import Field, ResourceType

TYPE = ResourceType(
    name="package",
    doc=(
        "A package of the host's package manager (apt). Packages that follow each other are one transaction, which "
        "asks nothing, keeps changed configuration files and waits for a held lock. A name that another installed "
        "package provides counts as installed."
    ),
    title="name",
    titles_are_lists=True,
    fields={
        "name": Field("string", "The package; a list of packages is one resource each."),
        "version": Field("string", "Exactly this version."),
        "recommends": Field("boolean", "Install what it recommends as well.", compare=False),
    },
    example="package: [nginx-light, curl]\n",
)
