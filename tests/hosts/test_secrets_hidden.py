"""No output, file, log, process list or environment shows a secret, on hosts and on the controller."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import cdconf
from tests.hosts import sourced
from tests.hosts.canary import VALUES, leaks, left_on, traces, watching
from tests.hosts.walked import WALK
from tests.inside import inside
from tests.secrets.kv_server import kv_server

pytestmark = [pytest.mark.hosts, pytest.mark.once]  # what was seen once was seen

ROLE = "roles/app/role.yml"
SMOKE = "roles/app/smoke/test_leak.py"
LEAKING_TEST = "def test_leak(host):\n    assert host.file('/etc/app.secret').content_string + 'x' * 300 == ''\n"
DECLARED = "variables:\n  app_password: {secret: {generate: 24}}\n" + "".join(
    f"  {name}: {{secret: true, doc: a canary}}\n" for name in (*VALUES, *sourced.VALUES)
)
RESOURCES = """\
resources:
  - file: /etc/app.secret
    template: secret.j2
    mode: "0600"
    owner: root
    validate: ": {{ canary_unicode|quote }}; sleep 0.05; test -s {}"
  - command: ": \\"$PW\\"; sleep 0.1; touch /root/canary; logger -t canary \\"$ABOUT\\""
    unless: ": {{ canary_key|quote }}; sleep 0.1; test -e /root/canary"
    env: {PW: "{{ canary_lines }}", ABOUT: made}
  - setting: /etc/app.ini
    key: password
    value: "{{ app_password }}"
    create: true
"""
TEMPLATE = "{{ app_password }}\n" + "".join(f"{{{{ {name} }}}}\n" for name in (*VALUES, *sourced.VALUES))
# What fails when it has read a secret, or shows one that a host has printed. {} takes the resources that were there.
FAILING = {
    "a command": "  - command: cat /etc/app.secret; cat /etc/app.secret >&2; exit 3\n    unless: 'false'\n",
    "a guard": "  - command: 'true'\n    unless: cat /etc/app.secret >&2; exit 127\n",
    "a guard that never holds": "  - command: 'true'\n    unless: 'test {{ canary_braces|quote }} = x'\n",
    "a validation": "  - file: /etc/app.bad\n    content: '{{ canary_key }}'\n    mode: '0600'\n"
    "    validate: cat {} >&2; cat {}; exit 1\n",
    "a place": "  - file: /proc/no/such\n    content: '{{ canary_lines }}'\n    mode: '0600'\n",
}
WRONG = {
    "a command's own text": "  - command: 'false {{ canary_quotes|quote }}'\n    unless: 'false'\n",
    "a template": "  - file: /x\n    content: '{{ canary_quotes.nothing.more }}'\n    mode: '0600'\n",
    "a filter": "  - file: /x\n    content: '{{ canary_lines.encode(canary_unicode) }}'\n    mode: '0600'\n",
    "a mode": "  - file: /x\n    content: ''\n    mode: '{{ canary_quotes }}'\n",
    "what others see": "  - user: u\n    comment: '{{ canary_unicode }}'\n",
    "a title": "  - file: '/x/{{ canary_braces }}'\n    content: ''\n",
    "a condition": "  - file: /x\n    content: ''\n    when: canary_key == 'x'\n",
    "an assertion": "  - assert: canary_key == 'x'\n    message: 'not {{ canary_key }}'\n",
}


@pytest.fixture
def canary(live, tmp_path):
    """The project with secrets that lie on all hosts; runs commands, and keeps all that they say."""
    kept = {name: (live.root / name).read_text() for name in (ROLE, "cdconf.yml")}
    one = Canary(live, tmp_path)
    try:
        with kv_server() as vault:
            one.prepare(kept[ROLE], vault)
            yield one
    finally:
        for name, text in kept.items():
            (live.root / name).write_text(text)
        for name in (SMOKE, "roles/app/templates/secret.j2", *("inventories/dev/" + one for one in Canary.MADE)):
            (live.root / name).unlink(missing_ok=True)
        for folder in (one.scratch, one.operator):
            shutil.rmtree(folder, ignore_errors=True)
        live.free()
        live("provision", "dev", "--prune")  # others share these hosts


class Canary:
    MADE = ("secrets.yml", "secrets.sops.yml", "recipients.txt")

    def __init__(self, live, tmp):
        self.live, self.tmp, self.said = live, tmp, []
        self.scratch = Path(tempfile.mkdtemp(prefix="canary-"))  # sockets in it have names of 107 bytes at most
        self.operator = Path(tempfile.mkdtemp(prefix="operator-"))  # where his sources have their secrets
        self.environment = {
            "HOME": str(tmp / "home"),  # it makes keys, and trusts them
            "CDCONF_AGE_IDENTITY": str(tmp / "age.txt"),
            "XDG_CONFIG_HOME": str(tmp / "config"),
            "TMPDIR": str(self.scratch),
            "EDITOR": "true",
        }
        (tmp / "home").mkdir()

    def __call__(self, *arguments, codes=range(5)):
        """Runs a command, which mustn't crash, and keeps what it says."""
        result = cdconf(self.live.root, *arguments, **self.environment)
        assert "this is a bug in cdconf" not in result.stderr, f"{arguments}\n{result.stderr}"
        assert result.returncode in codes, f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        self.said.append((" ".join(arguments), result.stdout + result.stderr))
        return result

    def prepare(self, role, vault):
        root = self.live.root
        key = self("secret", "key").stdout
        (root / "inventories/dev/recipients.txt").write_text(key)
        self.environment |= sourced.place(self.operator, root, key.strip(), vault)
        resources, rest = role.split("handlers:")
        (root / ROLE).write_text(DECLARED + resources.replace("resources:\n", RESOURCES, 1) + "handlers:" + rest)
        (root / "roles/app/templates/secret.j2").write_text(TEMPLATE)
        for name, value in VALUES.items():
            command = [sys.executable, "-m", "cdconf", "secret", "set", "dev", name]
            pipes = {"input": f"{value}\n", "capture_output": True, "text": True}
            done = subprocess.run(command, cwd=root, env={**os.environ, **self.environment}, check=True, **pipes)
            self.said.append((" ".join(command), done.stdout + done.stderr))
            assert cdconf(root, "secret", "get", "dev", name, **self.environment).stdout == value

    def patterns(self):
        made = json.loads((self.live.root / ".cdconf/environments/dev/secrets.json").read_text())
        assert sorted(made) == ["app_password"]
        return traces([*VALUES.values(), *sourced.VALUES.values(), *made.values(), self.environment["VAULT_TOKEN"]])

    def walk(self):
        """Every command, whatever comes of it."""
        for name, lists in WALK.items():
            for line in lists if isinstance(lists, list) else []:
                before, dashes, behind = line.format(tmp=self.tmp).partition(" -- ")
                self(*name.split(), *before.split(), *(["--", behind] if dashes else []))

    def with_resources(self, text):
        """The project with more resources, in the place of all that's behind the canary's own."""
        (self.live.root / ROLE).write_text(DECLARED + RESOURCES + text)


def test_no_command_file_or_process_shows_a_secret(live, canary):
    machine = [] if os.geteuid() == 0 else None  # whoever isn't root can't be somebody else here
    words = inside(live.container("web1"))
    with watching(words) as on_host, watching(machine if machine is not None else words) as on_controller:
        live.on("web1", "sh -c 'sleep 0.5' seen-by-everybody")
        canary("provision", "dev", codes=[0])
        for arguments in (["lint"], ["vars", "dev", "--explain"], ["run", "dev", "--", "cat /etc/app.secret"]):
            canary(*arguments)
        sourced.quicken(canary.operator)
        live.commit()
        (live.root / SMOKE).write_text(LEAKING_TEST)
        canary.walk()
        canary("key", "trust", "--anybody", codes=[0])  # the walk has made a key, and nobody signs what's built now
        good = "echo $(cat VERSION) >> /srv/app/expanded"
        config = (live.root / "cdconf.yml").read_text()
        assert good in config
        (live.root / SMOKE).unlink()
        live.commit(**{"cdconf.yml": config.replace(good, "cat /etc/app.secret; exit 1")})
        failed = canary("deploy", "app", "--to", "dev", codes=[1])
        live.on("web1", "sed -i 's/^/by hand /' /etc/app.secret")
        for verb in ("drift", "plan"):
            canary(verb, "dev", codes=[2])
        for what, text in WRONG.items():
            canary.with_resources(text)
            assert "role.yml:" in canary("lint", codes=[1]).stdout, what
            canary("plan", "dev", "--limit", "web1", codes=[1])
        for text in FAILING.values():
            canary.with_resources(text)
            canary("provision", "dev", "--limit", "web1", "--diff", "-v", codes=[1])

    patterns, said = canary.patterns(), dict(canary.said)
    assert "expand migration failed" in failed.stderr
    assert "***" in failed.stderr
    assert "***" in said["run dev -- cat /etc/app.secret"]
    assert "***" in (canary.tmp / "smoke.xml").read_text()
    assert live.on("web1", "cat /etc/app.ini")  # they were there to be seen
    there = live.on("web1", "cat /etc/app.secret")
    assert [name for name, value in (VALUES | sourced.VALUES).items() if value not in there] == []
    assert [(line, leaks(text, patterns)) for line, text in canary.said if leaks(text, patterns)] == []
    assert in_files([live.root, canary.tmp, canary.scratch], patterns) == [
        str(live.root / ".cdconf/environments/dev/secrets.json")
    ]
    for host in ("web1", "web2"):
        assert left_on(inside(live.container(host)), patterns) == []
    for seen in (on_host, on_controller):
        assert any("seen-by-everybody" in line for line in seen["lines"])
        assert seen["refused"] > 100
        for text in (*seen["lines"], *seen["environs"]):
            assert leaks(text.encode("latin-1"), patterns) == [], text


def in_files(tops, patterns):
    """The files that hold one of the patterns."""
    paths = sorted(path for top in tops for path in top.rglob("*") if path.is_file() and not path.is_symlink())
    return [str(path) for path in paths if leaks(path.read_bytes(), patterns)]
