"""Names of kernel parameters, and the files that set them at boot (sysctl.d(5))."""

import re

from cdconf.agent import texts

ROOT = "/proc/sys/"


def path_of(key: "str") -> "str":
    """`net/ipv4/ip_forward` for either spelling.

    The first separator decides: after a dot, dots separate and a slash stands for a dot (`net.ipv4.conf.eth0/100`);
    after a slash it's the other way round.
    """
    dot, slash = key.find("."), key.find("/")
    if dot >= 0 and (slash < 0 or dot < slash):
        return key.translate({ord("."): "/", ord("/"): "."})
    return key


def key_of(path: "str") -> "str":
    """The dotted spelling of a path."""
    return path.translate({ord("."): "/", ord("/"): "."})


def value_of(text: "str") -> "str":
    """Values are compared by their words: the kernel puts tabs between them."""
    return " ".join(texts.words(text))


# Kept by the kernel in an order of its own.
UNORDERED = ("net/ipv4/tcp_allowed_congestion_control", "kernel/seccomp/actions_logged")


def is_same(path: "str", wanted: "str", live: "str") -> "bool":
    """Whether the kernel shows a value as `live` that it was given as `wanted`.

    It shows numbers without their base and leading zeros, lists of numbers (`9148,8080-8081`) sorted and as ranges,
    and keys (`1-2-3-4`) with all their digits.
    """
    if wanted == live:
        return True
    if path in UNORDERED:
        return sorted(texts.words(wanted)) == sorted(texts.words(live))
    many, others = texts.words(wanted), texts.words(live)
    return len(many) == len(others) and all(map(_is_same_word, many, others))


def _is_same_word(wanted: "str", live: "str") -> "bool":
    readers = (_number, _key) + ((_ranges,) if re.search("[,-]", wanted) else ())
    return wanted == live or any(read(wanted) is not None and read(wanted) == read(live) for read in readers)


def _number(word: "str") -> "int | None":
    """A number as the kernel reads it, hexadecimal and octal ones too (strtoul(3) with base 0)."""
    found = re.match(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0([0-7]+)|([0-9]+))\Z", word)
    if found is None:
        return None
    digits = [int(text, base) for text, base in zip(found.groups()[1:], (16, 8, 10)) if text is not None]
    return -digits[0] if found.group(1) == "-" else digits[0]


def _ranges(word: "str") -> "list[list[int]] | None":
    """The numbers of a list such as `1-3,5`, as sorted ranges that don't touch."""
    if not re.match(r"[0-9]{1,9}(-[0-9]{1,9})?(,[0-9]{1,9}(-[0-9]{1,9})?)*,?\Z", word):
        return None
    joined: "list[list[int]]" = []
    for first, last in sorted(_ends(part) for part in word.strip(",").split(",")):
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(last, joined[-1][1])
        else:
            joined.append([first, last])
    return joined


def _ends(part: "str") -> "tuple[int, int]":
    first, _, last = part.partition("-")
    return int(first), int(last or first)


def _key(word: "str") -> "list[int] | None":
    """The numbers of keys such as tcp_fastopen_key's: four of 32 bits each, in hexadecimal digits."""
    if not re.match(r"[0-9a-fA-F]{1,8}(-[0-9a-fA-F]{1,8}){3}(,[0-9a-fA-F]{1,8}(-[0-9a-fA-F]{1,8}){3})*\Z", word):
        return None
    return [int(part, 16) for part in re.split("[-,]", word)]


def parse(line: "str") -> "tuple[str, str] | None":
    """(path, value) of a line; None for comments and what isn't an assignment."""
    text = texts.strip(line)
    if not text or text[0] in "#;" or "=" not in text:
        return None
    key, _, value = text.partition("=")
    return path_of(texts.strip(texts.strip(key).lstrip("-"))), value_of(value)


def put(text: "str", key: "str", value: "str | None") -> "str":
    """A file's text with a parameter set in its place or at the end; None takes it out. Other lines are kept."""
    path, kept, done = path_of(key), [], False
    for line in texts.whole_lines(text):
        found = parse(line)
        if found is None or found[0] != path:
            kept.append(line)
        elif value is not None and not done:
            kept.append("{} = {}\n".format(key, value))
            done = True
    if value is not None and not done:
        if kept and not kept[-1].endswith("\n"):
            kept[-1] += "\n"
        kept.append("{} = {}\n".format(key, value))
    return "".join(kept)


def read(text: "str") -> "dict[str, str]":
    """`{path: value}` of a file's text; the last line wins."""
    return dict(found for found in map(parse, texts.lines(text)) if found is not None)
