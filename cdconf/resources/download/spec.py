"""The `download` type."""

from cdconf.agent.files import sources
from cdconf.resources.spec import REQUIRED, VALIDATE, Context, Field, Fields, ResourceType


def _normalise(fields: Fields, context: Context) -> Fields:
    """One way to give the SHA-256, and a URL that can be fetched."""
    checksum = fields.pop("checksum", None) or fields.get("sha256")
    if fields["absent"]:
        return fields
    for name in ("url", "proxy"):
        why = (
            sources.problem_of_url(fields[name], ("http", "https") if name == "proxy" else ("http", "https", "file"))
            if name in fields
            else None
        )
        if why and not (name == "proxy" and "user and password" in why):
            raise context.error(f"'{name}' can't be used: {why}")
    digits = sources.sha256_of(checksum or "")
    if digits is None:
        hint = "64 hexadecimal digits, from `sha256sum` or the publisher"
        raise context.error(
            "a download needs the `sha256` of what it fetches" if not checksum else f"'{checksum}' isn't a SHA-256",
            hint,
        )
    fields["sha256"] = digits
    fields["headers"] = {str(name): str(value) for name, value in fields.get("headers", {}).items()}
    for name, value in fields["headers"].items():
        if "\n" in name + value or "\r" in name + value or ":" in name:
            raise context.error("a header can't hold a line break, nor its name a colon")
    if not fields["headers"]:
        del fields["headers"]
    return fields


TYPE = ResourceType(
    name="download",
    purpose="Files",
    doc=(
        "A file that the host downloads, with a known SHA-256. A file that already has this SHA-256 isn't "
        "downloaded again; a download with another one is refused. TLS certificates are verified. Proxy "
        "settings in environment variables are ignored. `headers` aren't sent to another server after a "
        "redirect."
    ),
    title="path",
    fields={
        "path": Field("path", "The file."),
        "url": Field("string", "The URL to fetch: http, https or file.", default=REQUIRED, compare=False),
        "sha256": Field("string", "The SHA-256 of its content, in hexadecimal."),
        "checksum": Field("string", "The same as `sha256:HEX`.", compare=False),
        "headers": Field("map", "HTTP headers, such as Authorization.", compare=False, sensitive=True),
        "proxy": Field("string", "The URL of an HTTP proxy.", compare=False),
        "timeout": Field("integer", "Seconds that it may take.", default=600, compare=False),
        "owner": Field("string", "The owner; a new file is root's."),
        "group": Field("string", "The group; a new file is root's."),
        "mode": Field("mode", 'Permission bits, quoted: "0755". A new file is 0644.'),
        "validate": VALIDATE,
    },
    exclusive=(("sha256", "checksum"),),
    holds=(),
    normalise=_normalise,
    example=(
        "download: /usr/local/bin/tool\nurl: https://example.com/tool-1.2\n"
        f'sha256: {"0123456789abcdef" * 4}\nmode: "0755"\n'
    ),
)
