"""The `line` type."""

import re

from cdconf.resources.spec import VALIDATE, Context, Field, Fields, ResourceType

PATTERNS = ("match", "after", "before")


def _normalise(fields: Fields, context: Context) -> Fields:
    """Checks the patterns; without `match` the text itself says which line it is."""
    for name in PATTERNS:
        if name in fields:
            _check_pattern(name, fields[name], context)
    text = fields.get("text")
    if text is None and not (fields["absent"] and "match" in fields):
        raise context.error("a line needs `text`", "with `absent: true`, `match` alone will do")
    if text is not None and ("\n" in text or "\r" in text or not text):
        raise context.error("`text` must be one line", "`block` manages several lines")
    if fields.get("back_references"):
        _check_references(fields, context)
    if "match" not in fields:
        fields["exact"] = text
    return fields


def _check_references(fields: Fields, context: Context) -> None:
    """A line that's made of the one that matches: there must be a pattern, and no new line."""
    if "match" not in fields or fields["absent"]:
        raise context.error("`back_references` needs `match` and `text`, and no `absent`")
    for name in ("after", "before", "create"):
        if fields.get(name):
            raise context.error(f"'{name}' is for a new line, and `back_references` adds none")
    try:
        re.compile(fields["match"]).sub(fields["text"], "")
    except (re.error, IndexError) as error:
        raise context.error(f"'text' refers to what 'match' doesn't have: {error}", "groups stand in ( )") from error


def _check_pattern(name: str, pattern: str, context: Context) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise context.error(f"'{name}' isn't a regular expression: {error}", f"it says: {pattern}") from error


TYPE = ResourceType(
    name="line",
    purpose="Files",
    doc=(
        "One line of a text file; all others stay as they are, and so do owner, mode and line endings. Several lines "
        "of a file can be managed, each told apart by its `match`, or by its text. A link is followed. `absent` "
        "removes every line that matches."
    ),
    title="path",
    fields={
        "path": Field("path", "The file."),
        "text": Field("string", "The line as it should be. A secret in it needs `match`."),
        "match": Field(
            "string",
            "A regular expression, found anywhere in a line: the last line that matches becomes `text`. Where none "
            "does, the line is added, unless it's there already.",
            compare=False,
        ),
        "all": Field("boolean", "Every line that matches becomes `text`, not only the last one.", compare=False),
        "back_references": Field(
            "boolean",
            "`\\1` or `\\g<name>` in `text` stands for that group of `match`. The whole line becomes `text`; where no "
            "line matches, nothing is added. The result must match again and give itself, or match no more.",
            compare=False,
        ),
        "after": Field("string", "A new line goes behind the last line that matches this.", compare=False),
        "before": Field(
            "string", "A new line goes before the first line that matches this; `^` is the top.", compare=False
        ),
        "create": Field("boolean", "Create the file if it doesn't exist.", compare=False),
        "validate": VALIDATE,
    },
    # `exact` is the text where there's no `match`; a text that may change isn't what a line is known by.
    identity=("match", "exact"),
    holds=("text",),
    normalise=_normalise,
    example="line: /etc/ssh/sshd_config\ntext: PermitRootLogin no\nmatch: ^#?PermitRootLogin\\b\n",
)
