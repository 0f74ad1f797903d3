"""The `systemd_unit` type."""

from cdconf.resources.spec import VALIDATE, Context, Field, Fields, ResourceType

SUFFIXES = (".service", ".timer", ".socket", ".path", ".mount", ".automount", ".swap", ".target", ".slice", ".conf")


def _normalise(fields: Fields, context: Context) -> Fields:
    """The template becomes content; the name must be a unit's, or that of a drop-in."""
    name = fields["name"]
    parts = name.split("/")
    drop_in = len(parts) == 2 and parts[0].endswith(".d") and name.endswith(".conf")
    if not name.endswith(SUFFIXES) or (len(parts) > 1 and not drop_in) or name.startswith("."):
        raise context.error(f"'{name}' can't be a unit's name", "such as shop.service, or shop.service.d/limits.conf")
    if "template" in fields:
        fields["content"] = context.template(fields.pop("template"))
    if "content" not in fields and not fields["absent"]:
        raise context.error(f"the unit '{name}' has neither content nor template")
    return fields


_INSTEAD = (
    "put it into a file of mode 0600, and name that: the app's `env_file` by EnvironmentFile=, "
    "or any file by LoadCredential=NAME:/PATH"
)

TYPE = ResourceType(
    name="systemd_unit",
    purpose="Services and jobs",
    doc=(
        "A unit file, or a drop-in, in /etc/systemd/system. systemd is reloaded after each change. A link at "
        "the path, such as a mask, is replaced by the file."
    ),
    title="name",
    fields={
        "name": Field("string", "The file's name: shop.service, shop.timer, shop.service.d/limits.conf."),
        "content": Field("string", "Its whole content.", public=True, instead=_INSTEAD),
        "template": Field(
            "string",
            "A Jinja2 template in the role's or project's templates/.",
            compare=False,
            public=True,
            instead=_INSTEAD,
        ),
        "mode": Field("mode", "Permission bits; the file is always root's.", default="0644"),
        "validate": VALIDATE,
    },
    exclusive=(("content", "template"),),
    normalise=_normalise,
    paths=lambda fields: [f"/etc/systemd/system/{fields['name']}"],
    example="systemd_unit: hello.service\ncontent: |\n  [Service]\n  ExecStart=/bin/sleep infinity\n",
)
