"""Secrets that are hard to hide, the forms by which they'd be seen, and somebody who watches all processes."""

import base64
import contextlib
import html
import json
import shutil
import subprocess
import urllib.parse


def _lines(count):
    """So many lines of a key."""
    lines = [bytes((line * 7 + place * 13) % 251 for place in range(48)) for line in range(count)]
    return "".join(f"{base64.b64encode(line).decode()}\n" for line in lines)


VALUES = {
    "canary_quotes": "Qz7\"r'x\\w$Z `k`9 ; & | < > # %d !h {{ 7*7 }} {% raw %}",
    "canary_lines": "Line-one-Vb3kq8\nLine-two 'Xw9zr4'\n\nLine-four \"Kp2mt6\" \\",
    "canary_unicode": "Grün-✓-Schlüssel-ёж-漢字-7Qp",
    "canary_braces": "Yt2{{ canary_quotes }}-Zt5yH8w-{# no #}",
    "canary_key": f"-----BEGIN PRIVATE KEY-----\n{_lines(63)}-----END PRIVATE KEY-----\n",
}
# A watcher prints, when its stdin ends, what it has seen: arguments of processes, and environments that it may read.
_WATCH = """
import json, os, select, time
lines, environs, refused, since = set(), set(), 0, {}
while not select.select([0], [], [], 0.004)[0]:
    now = time.monotonic()
    pids = [pid for pid in os.listdir("/proc") if pid.isdigit()]
    since = {pid: since.get(pid, now) for pid in pids}
    for pid in pids:
        if now - since[pid] > 3:  # it has become whatever it becomes
            continue
        try:
            with open("/proc/" + pid + "/cmdline", "rb") as stream:
                lines.add(stream.read())
            with open("/proc/" + pid + "/environ", "rb") as stream:
                environs.add(stream.read())
        except PermissionError:
            refused += 1
        except OSError:
            pass
told = {"lines": sorted(lines), "environs": sorted(environs)}
told = {name: [one.decode("latin-1") for one in found] for name, found in told.items()}
print(json.dumps(dict(told, refused=refused)))
"""


def traces(values):
    """What must be seen nowhere, as bytes: each value and each line of it, whole and in parts, in usual quotings."""
    found = set()
    for value in values:
        for line in (value, *value.splitlines()):
            if len(line) < 8 or line.startswith("-----"):
                continue
            for part in {line, line[:12], line[-12:]} if "\n" not in line else {line}:
                found |= {part, json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1], repr(part)[1:-1]}
                found |= {part.replace("'", "'\"'\"'"), part.replace("'", "''"), html.escape(part)}
            found |= {urllib.parse.quote(line), urllib.parse.quote_plus(line), line.encode().hex()}
            found.add(base64.b64encode(line.encode()).decode().rstrip("="))
    return sorted(one.encode() for one in found)


def leaks(data, patterns):
    """The patterns that are in some bytes, or in a text."""
    data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    return [one for one in patterns if one in data]


@contextlib.contextmanager
def watching(words):
    """Watches all processes of a machine as a user without rights; gives a dict that's filled at the end.

    Args:
        words: What to put before a command, so that it runs there.
    """
    python = "python3" if words else shutil.which("python3", path="/usr/bin:/bin")
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    seen = {}
    watcher = subprocess.Popen(
        [*words, *nobody, python, "-c", _WATCH], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield seen
    finally:
        seen.update(json.loads(watcher.communicate(timeout=60)[0]))


# On a host: which of the patterns that come in by stdin are in its logs, temporary files and cdconf's own directory.
_SEARCH = """
import json, os, subprocess, sys
patterns = [one.encode("latin-1") for one in json.load(sys.stdin)]
found = []
def look(name, data):
    found.extend([name, one.decode("utf-8", "replace")] for one in patterns if one in data)
look("the journal", subprocess.run(["journalctl", "--no-pager", "-o", "export"], stdout=-1).stdout)
for top in ("/var/lib/cdconf", "/var/log", "/tmp", "/var/tmp", "/run", "/root", "/srv"):
    for folder, _, files in os.walk(top):
        for path in (os.path.join(folder, name) for name in files):
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as stream:
                    look(path, stream.read())
print(json.dumps(found))
"""


def left_on(words, patterns):
    """(where, what) of all that's left of secrets on a host, but in the files that hold them by design."""
    told = json.dumps([one.decode("latin-1") for one in patterns])
    command = [*words, "python3", "-c", _SEARCH]
    return json.loads(subprocess.run(command, input=told, capture_output=True, text=True, check=True).stdout)
