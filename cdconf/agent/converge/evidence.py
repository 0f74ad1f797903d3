"""What a host's own logs and files say about who changed something, and when: evidence for people, never a verdict.

All of it was written by others. Of each log only the end is read. Of a command that somebody gave to sudo only the
program is told, and of apt's what to do with which packages: the rest may be a password, such as a proxy's.
"""

import os
import re
import time

from cdconf.agent import files, texts
from cdconf.agent.commands.execute import printable, run
from cdconf.agent.errors import Failed

TAIL = 256 * 1024  # bytes of a log
LONGEST = 200  # characters of a sentence
EACH = 4  # sentences of one source
FINDINGS = 50  # of one look that get evidence
DPKG, APT, DNF = "/var/log/dpkg.log", "/var/log/apt/history.log", "/var/log/dnf.rpm.log"
AUTH = ("/var/log/auth.log", "/var/log/secure")
TOOLS = ("sudo", "useradd", "usermod", "userdel", "groupadd", "groupmod", "groupdel", "gpasswd", "passwd", "chpasswd")
PLACES = {
    "cron": "/etc/cron.d/{}",
    "sudo_rule": "/etc/sudoers.d/{}",
    "systemd_unit": "/etc/systemd/system/{}",
    "limits": "/etc/security/limits.d/{}.conf",
}
_SUDO = re.compile(r"(\S+) : .*?\bCOMMAND=(\S+)(.*)")
_NAME = re.compile(r"(?:/[\w/.-]+/)?[a-z0-9][a-z0-9+.-]*(?::[a-z0-9]+)?\Z")  # a program's, an action's, a package's
_WITH_VALUE = ("-o", "-c", "-t", "-a", "--option", "--config-file", "--target-release")
_ACTIONS = ("install", "upgrade", "remove", "purge", "downgrade")


class ChangeEvidence(object):
    """One look's evidence; each log is read once, when it's first asked for.

    Args:
        root: Where the logs are, for tests.
    """

    def __init__(self, root=""):
        self._root = root
        self._logs = {}
        self._left = FINDINGS

    def of(self, kind, title, fields):
        """Sentences about a resource.

        Args:
            kind: Its type.
            title: Its title.
            fields: What's remembered of it.
        """
        if self._left == 0:
            return []
        self._left -= 1
        name = str(fields.get("name", title))
        found = []
        path = fields.get("path") or (PLACES[kind].format(name) if kind in PLACES else None)
        if isinstance(path, str) and path.startswith("/"):
            found += self._of_file(path)
        if kind == "package":
            found += self._of_package(name.partition(":")[0])
        found += self._of_commands(path or name, kind in ("user", "group"))
        return [printable(text)[:LONGEST] for text in found]

    def _of_file(self, path):
        try:
            status = files.lstat(path)
        except (Failed, OSError):
            return []
        if status is None:
            return []
        text = "{} belongs to {}; its content changed at {}, its owner or mode at {} or before"
        return [text.format(path, files.owner_name(status.st_uid), _at(status.st_mtime), _at(status.st_ctime))]

    def _of_package(self, name):
        found = []
        for line in self._log(DPKG):
            words = line.split(" ")
            if len(words) > 4 and words[2] in _ACTIONS and words[3].partition(":")[0] == name:
                found.append("dpkg.log: {}".format(line))
        found = found[-EACH:] + self._of_apt(name)
        of_rpm = [line for line in self._log(DNF) if " {}-".format(name) in line]
        return found + ["dnf.rpm.log: {}".format(line) for line in of_rpm[-EACH:]]

    def _of_apt(self, name):
        """Who asked for what, of apt's last transactions with the package."""
        found, about = [], {}
        for line in self._log(APT) + [""]:
            key, _, value = line.partition(": ")
            if key == "Start-Date":
                about = {}
            about[key] = value
            if key == "End-Date" and any(name + ":" in about.get(one.capitalize(), "") for one in _ACTIONS):
                who = about.get("Requested-By", "root")
                command = " ".join(_harmless(texts.words(about.get("Commandline", "unknown"))))
                found.append("apt: {} ran `{}` at {}".format(who, command, about.get("Start-Date", "?")))
        return found[-EACH:]

    def _of_commands(self, what, is_account):
        found = []
        whole = re.compile(r"(?<![\w.-]){}(?![\w-])".format(re.escape(what)))
        for line in self._auth():
            sudo = _SUDO.search(line)
            if sudo and whole.search(sudo.group(2) + sudo.group(3)):
                when = line[: sudo.start()].partition(" sudo")[0]
                found.append("sudo: {} ran {} with it, at {}".format(sudo.group(1), sudo.group(2), when))
            elif is_account and not sudo and any(" {}[".format(one) in line for one in TOOLS) and whole.search(line):
                found.append("auth log: {}".format(line))
        return found[-EACH:]

    def _auth(self):
        """Lines of sudo and of the programs that change accounts."""
        if "auth" not in self._logs:
            lines = next((self._log(path) for path in AUTH if os.path.exists(self._root + path)), None)
            self._logs["auth"] = self._journal() if lines is None else lines
        return self._logs["auth"]

    def _journal(self):
        tags = [word for tool in TOOLS for word in ("-t", tool)]
        try:
            result = run(["journalctl", "--no-pager", "-q", "-n", "300", "-o", "short-iso"] + tags, timeout=5)
        except Failed:
            return []
        return texts.lines(result.out[-TAIL:])

    def _log(self, path):
        """The last lines of a log; none where it can't be read."""
        if path not in self._logs:
            self._logs[path] = self._end_of(self._root + path)
        return self._logs[path]

    def _end_of(self, path):
        try:
            descriptor = files.open_file(path)
            if descriptor is None:
                return []
            with os.fdopen(descriptor, "rb") as stream:
                stream.seek(max(0, os.fstat(descriptor).st_size - TAIL))
                return texts.lines(stream.read(TAIL).decode("utf-8", "replace"))
        except (Failed, OSError):
            return []


def _harmless(words):
    """The words of apt's command line that are names; options go, and so do their values."""
    return [word for before, word in zip([""] + words, words) if before not in _WITH_VALUE and _NAME.match(word)]


def _at(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
