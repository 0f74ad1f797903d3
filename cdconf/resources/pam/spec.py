"""The `pam` type."""

import re

from cdconf.resources.spec import REQUIRED, Context, Field, Fields, ResourceType

_SERVICE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_MODULE = re.compile(r"[A-Za-z0-9_./+-]+\Z")
_CONTROL = re.compile(r"([a-z]+|\[\s*[a-z_]+=[a-z0-9]+(\s+[a-z_]+=[a-z0-9]+)*\s*\])\Z")
_WORDS = ("required", "requisite", "sufficient", "optional", "include", "substack")
_ARGUMENT = re.compile(r"(\[[^\]\n#\0]*\]|[^\s\[\]#\0]+)")
PLACES = ("before", "after", "first", "last")


def _normalise(fields: Fields, context: Context) -> Fields:
    if not _SERVICE.match(fields["service"]):
        raise context.error(f"'{fields['service']}' can't be a service's name", "the name of a file in /etc/pam.d")
    for name in ("module", "before", "after"):
        if name in fields and not _MODULE.match(fields[name]):
            raise context.error(f"'{name}' can't be '{fields[name]}'", "such as pam_unix.so")
    if not {"type", "module"} <= set(fields):
        raise context.error("a rule needs its `type` and its `module`")
    if fields["absent"]:
        return {name: value for name, value in fields.items() if name not in ("control", "arguments", *PLACES)}
    _check_place(fields, context)
    fields["control"] = _control(fields["control"], context)
    if "arguments" in fields:
        fields["arguments"] = [word for one in fields["arguments"] for word in _words(one, context)]
    if "having" in fields and fields["having"] not in fields.get("arguments", [fields["having"]]):
        raise context.error(f"'{fields['having']}' must be one of the `arguments`, since the rule is known by it")
    return fields


def _check_place(fields: Fields, context: Context) -> None:
    for name in ("first", "last"):
        if fields.get(name) is False:
            del fields[name]
    if fields["module"] in (fields.get("before"), fields.get("after")):
        raise context.error(f"a rule of {fields['module']} can't have its place by itself")


def _control(text: str, context: Context) -> str:
    control = " ".join(text.split()).replace("[ ", "[").replace(" ]", "]")
    if not _CONTROL.match(control) or (control[0] != "[" and control not in _WORDS):
        hint = f"{', '.join(_WORDS)}, or such as [success=1 default=ignore]"
        raise context.error(f"'control' can't be '{text}'", hint)
    return control


def _words(text: str, context: Context) -> list[str]:
    words = _ARGUMENT.findall(text)
    # A backslash at the end of a line would take the next rule in (pam.d(5)).
    if "".join(words).replace(" ", "") != "".join(text.split()) or not words or words[-1].endswith("\\"):
        raise context.error(f"'{text}' can't be an argument of a PAM module", "brackets stand around blanks: [a b]")
    return words


TYPE = ResourceType(
    name="pam",
    purpose="Users and access",
    doc=(
        "One rule of a service's stack in /etc/pam.d. The rest of the file stays as it is, byte for byte. The "
        "file is replaced atomically. If a rule is added, moved or removed, jumps over it (`success=1`) are "
        "adapted, so that they lead where they led. A module that isn't installed is an error, and so is the "
        "removal of the last rule of `auth` or `account`. On Debian, `pam-auth-update` manages the files "
        "common-*, and leaves them alone once their rules were changed: give it a profile in "
        "/usr/share/pam-configs instead."
    ),
    title="service",
    fields={
        "service": Field("string", "The file's name: sshd, common-auth."),
        "type": Field(
            "string",
            "The stack.",
            default=REQUIRED,
            choices=("account", "auth", "password", "session"),
            compare=False,
        ),
        "module": Field(
            "string",
            "The module, or the service that is included: pam_faillock.so.",
            default=REQUIRED,
            compare=False,
            public=True,
        ),
        "having": Field(
            "string",
            "An argument that tells the rule from others of the same type and module: `preauth`.",
            compare=False,
            public=True,
        ),
        "control": Field("string", "What its result means: required, or [default=die].", default=REQUIRED, public=True),
        "arguments": Field(
            "list",
            "Exactly the module's arguments. Without it, they stay as they are, and a new rule has none.",
            public=True,
            instead="name a file that holds it, if the module can read one",
        ),
        "before": Field("string", "The module, or included service, before which it must stand."),
        "after": Field("string", "The module, or included service, after which it must stand."),
        "first": Field("boolean", "It's the first rule of its type."),
        "last": Field("boolean", "It's the last rule of its type; a new one without a place becomes that."),
    },
    exclusive=(PLACES,),
    identity=("type", "module", "having"),
    normalise=_normalise,
    paths=lambda fields: [f"/etc/pam.d/{fields['service']}"],
    holds=(),
    example=("pam: sshd\ntype: account\nmodule: pam_access.so\ncontrol: required\nbefore: common-account\n"),
)
