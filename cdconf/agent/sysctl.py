"""Names of kernel parameters, and the files that set them at boot (sysctl.d(5))."""

from cdconf.agent import texts

ROOT = "/proc/sys/"


def path_of(key):
    """`net/ipv4/ip_forward` for either spelling.

    The first separator decides: after a dot, dots separate and a slash stands for a dot (`net.ipv4.conf.eth0/100`);
    after a slash it's the other way round.
    """
    dot, slash = key.find("."), key.find("/")
    if dot >= 0 and (slash < 0 or dot < slash):
        return key.translate({ord("."): "/", ord("/"): "."})
    return key


def key_of(path):
    """The dotted spelling of a path."""
    return path.translate({ord("."): "/", ord("/"): "."})


def value_of(text):
    """Values are compared by their words: the kernel puts tabs between them."""
    return " ".join(texts.words(text))


def parse(line):
    """(path, value) of a line; None for comments and what isn't an assignment."""
    text = texts.strip(line)
    if not text or text[0] in "#;" or "=" not in text:
        return None
    key, _, value = text.partition("=")
    return path_of(texts.strip(texts.strip(key).lstrip("-"))), value_of(value)


def put(text, key, value):
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


def read(text):
    """`{path: value}` of a file's text; the last line wins."""
    return dict(found for found in map(parse, texts.lines(text)) if found is not None)
