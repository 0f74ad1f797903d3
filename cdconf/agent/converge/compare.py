"""What differs between a wanted and an observed state, and how people are shown it."""

from cdconf.agent import texts

DIFF_LIMIT = 64 * 1024
HIDDEN = "(sensitive)"
PUBLIC = ("owner", "group", "mode")  # everybody on the host sees them, whatever is in the file


class DifferingLines(str):
    """An observed value that isn't as wanted, in lines that tell how: they stand in the place of `old -> new`."""


def difference(resource, observed, compared):
    """The fields that aren't as wanted: `{name: (observed, wanted)}`, empty when all is well.

    Args:
        resource: The catalog's entry.
        observed: The state that the type observed, None when the thing doesn't exist.
        compared: The names of the type's fields that are state.

    Returns:
        Creation has `exists: (False, True)` as well; removal is `{"exists": (True, False)}`.
    """
    if resource["absent"]:
        return {} if observed is None else {"exists": (True, False)}
    fields = resource["fields"]
    if observed is None:
        result = {"exists": (False, True)}
        result.update({name: (None, fields[name]) for name in compared if name in fields})
        return result
    return {
        name: (observed.get(name), fields[name])
        for name in compared
        if name in fields and observed.get(name) != fields[name]
    }


def text(resource, differing):
    """The difference for people: a unified diff for texts, `name: old -> new` for the rest."""
    if "exists" in differing and differing["exists"][0]:
        return "removed\n"
    lines = []
    if "exists" in differing:
        lines.append("created\n")
    for name, (old, new) in differing.items():
        if name == "exists":
            continue
        if resource["sensitive"] and name not in PUBLIC:
            lines.append("{}: {}\n".format(name, HIDDEN))
        elif _is_text(old) and _is_text(new) and ("\n" in (old or "") or "\n" in (new or "")):
            lines.extend(unified(resource["title"], old or "", new or ""))
        elif isinstance(old, DifferingLines):
            lines.append("{}:\n{}\n".format(name, old.rstrip("\n")))
        elif "exists" in differing:
            lines.append("{}: {}\n".format(name, _shown(new)))
        else:
            lines.append("{}: {} -> {}\n".format(name, _shown(old), _shown(new)))
    result = "".join(lines)
    if len(result) > DIFF_LIMIT:
        result = result[:DIFF_LIMIT] + "\n... (the diff goes on)\n"
    return result


def _is_text(value):
    return value is None or isinstance(value, str)


def _shown(value):
    if value is None:
        return "(none)"
    if isinstance(value, bytes):
        return "({} bytes)".format(len(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        import json  # it takes a start longer than all of this

        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    if isinstance(value, list):
        return ", ".join(_shown(member) for member in value) or "(none)"
    return str(value)


def unified(title, old, new):
    """The lines of a unified diff."""
    import difflib

    lines = difflib.unified_diff(
        texts.whole_lines(old), texts.whole_lines(new), title + " (on the host)", title + " (wanted)", n=2
    )
    for line in lines:
        yield line if line.endswith("\n") else line + "\n\\ no newline at the end\n"
