"""Runs every type's cases on a real host: check, apply, apply again, each honest about what it did.

A case is a mapping in `cdconf/resources/<type>/cases/*.yml`:

    name        what it shows
    before      shell lines that prepare the host
    files       name -> text, below the role's folder: `templates/x.j2`, `files/y`
    variables   the role's, as in role.yml
    resources   the role's
    handlers    the role's
    check       the statuses that check mode must report; by default `expect` with would_change for changed
    diff        texts that the diffs of check mode must hold
    expect      the statuses that the first run must report; by default one `changed` for each resource
    after       shell lines that must succeed when it's applied
    tamper      shell lines that break it by hand: check mode must see it, and the next run must put it right
    undo        shell lines for the end, come what may: what the next case must not find
    error       a text of the error that the first run must end with, in place of `expect`

What no case has to say, since it's checked for all: check mode changes no file, owner, mode, package, service or
process; after the first run a second one, and check mode, report nothing but `ok`.
"""

import contextlib
import json
import shlex

import pytest
import yaml

from cdconf.catalog import Compiler
from cdconf.engine import Fleet, RunIdentity
from cdconf.environments import provider_for
from cdconf.errors import CdconfError
from cdconf.inventory import load_environment, load_project
from cdconf.resources.discovery import Types
from cdconf.session import Connector
from tests.conftest import cdconf, write

TYPES = Types()
CASES = [
    pytest.param(name, case, id=f"{name}: {case['name']}")
    for name in TYPES
    for path in sorted((TYPES.folder(name) / "cases").glob("*.yml"))
    for case in yaml.safe_load(path.read_text())
]
KEYS = {"name", "before", "files", "variables", "resources", "handlers", "check", "diff", "expect", "after"}
KEYS |= {"tamper", "undo", "error"}
# Everything on the host that check mode could have touched. Logs and cdconf's own directory may change, and so may
# what a running database server, the kernel and systemd write about themselves.
SNAPSHOT = r"""
export LC_ALL=C
find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/log \
  -o -path /var/lib/cdconf -o -path /var/lib/systemd/timers -o -path /var/lib/postgresql \) -prune \
  -o -printf '%p %y %m %u %g %s %T@ %l\n' | sort
find /dev /tmp /run ! -path '/run/systemd/*' ! -path '/run/user/*' ! -path '/dev/pts*' \
  -printf '%p %y %m %u %g %l\n' | sort
cat /var/lib/dpkg/status /proc/mounts /proc/swaps
systemctl list-units --all --plain --no-legend | grep -v -e session -e user- -e ssh | tr -s ' '
systemctl list-unit-files --no-legend | tr -s ' '
sysctl -a 2>/dev/null | grep -e ^net.ipv4.ip_forward -e ^vm.swappiness -e ^kernel.hostname
command -v nft >/dev/null && nft list ruleset
ps -e -o comm= | grep -v -e ^ps -e bash -e ssh -e sort -e uniq -e grep -e ^sh -e find | sort | uniq -c
true
"""


class Host:
    """One host, and a role on it that each case writes anew."""

    def __init__(self, root):
        self.root = root
        self.project = load_project(root)
        self.environment = load_environment(self.project, "dev")
        hosts = list(self.environment.hosts.values())
        self.located = provider_for(self.project, self.environment).locate(hosts)["host"]
        self._session = None
        self._open = contextlib.ExitStack()

    @property
    def session(self):
        """The open session, leased and kept alive."""
        if self._session is None:
            identity, events = RunIdentity("case"), lambda event: None
            fleet = Fleet(Connector(self.project, self.environment, events), self.environment, identity, events)
            self._open.enter_context(fleet)
            for error in fleet.connect([self.located], lease=True).values():
                raise error
            self._session = fleet.sessions["host"]
        return self._session

    def leave(self):
        """Ends the session: what comes next is another run, with another agent."""
        self._session = None
        self._open.close()

    def shell(self, script):
        """Runs a script; its status, and what it printed."""
        done = self.session.run(f"set -e\n{script}", timeout=300)
        return done["status"], (done["stdout"] + done["stderr"]).decode("utf-8", "replace")

    def must(self, lines):
        """Every line must succeed."""
        if lines:
            # One subshell each: `set -e` alone lets a failing `! command` pass.
            script = "\n".join(f"( {line}\n) || {{ echo {shlex.quote('failed: ' + line)}; exit 1; }}" for line in lines)
            status, output = self.shell(script)
            assert status == 0, f"{lines}: {output}"

    def converge(self, *, check):
        """One pass; returns its events, those of handlers apart, and whether it failed."""
        compiler = Compiler(self.project, self.environment)
        events = []
        document = compiler.compile(self.located, self.session.facts.mapping).document()
        failed = self.session.converge(document, check=check, on_event=events.append)["failed"]
        return [one for one in events if one["type"] != "handler"], failed

    def statuses(self, *, check):
        """The statuses of one run."""
        events, _ = self.converge(check=check)
        return [one["status"] for one in events], json.dumps(events, indent=1, ensure_ascii=False, default=str)


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    root = write(
        tmp_path_factory.mktemp("cases"),
        {
            "cdconf.yml": "project: cases\ngroups: {all-types: [case]}\n",
            "inventories/dev/hosts.yml": "provider: docker\nhosts:\n  host: {groups: [all-types]}\n",
            "roles/case/role.yml": "resources: []\n",
        },
    )
    try:
        result = cdconf(root, "provision", "dev")
        assert result.returncode == 0, result.stderr
        one = Host(root)
        one.must(["apt-get update -qq"])  # cases install what they need
        yield one
        one.leave()
    finally:
        cdconf(root, "destroy", "dev", "--yes")


def role(host, case):
    """Writes the case's role."""
    parts = {name: case[name] for name in ("variables", "resources", "handlers") if name in case}
    write(host.root / "roles/case", {"role.yml": json.dumps(parts), **case.get("files", {})})


@pytest.mark.hosts
@pytest.mark.parametrize(("name", "case"), CASES)
def test_case(host, name, case):
    assert not set(case) - KEYS
    host.leave()
    try:
        # The case before isn't this one's orphan.
        forget = "rm -f /var/lib/cdconf/cases/applied.json /var/lib/cdconf/cases/pending.json"
        host.must([forget, *case.get("before", [])])
        role(host, case)
        if "error" in case:
            fails(host, case)
        else:
            works(host, case)
    finally:
        host.must(case.get("undo", []))


def works(host, case):
    """It's applied, stays as it is, and is put right when somebody changed it."""
    wanted = case.get("expect", ["changed"] * len(case["resources"]))
    checks(host, case, ["would_change" if one == "changed" else one for one in wanted])
    applied, said = host.statuses(check=False)
    assert applied == wanted, said
    settled(host, case, wanted)
    if "tamper" in case:
        host.must(case["tamper"])
        seen, said = host.statuses(check=True)
        assert "would_change" in seen, f"check mode doesn't see what was changed by hand: {said}"
        mended, said = host.statuses(check=False)
        assert "changed" in mended, said
        settled(host, case, wanted)


def checks(host, case, expected):
    """Check mode tells the truth and changes nothing."""
    _, before = host.shell(SNAPSHOT)
    events, _ = host.converge(check=True)
    _, after = host.shell(SNAPSHOT)
    changed = sorted(set(before.splitlines()) ^ set(after.splitlines()))
    assert not changed, "check mode changed the host:\n" + "\n".join(changed[:20])
    assert [one["status"] for one in events] == case.get("check", expected), events
    for text in case.get("diff", []):
        assert any(text in (one.get("diff") or "") for one in events), events


def settled(host, case, wanted):
    """What was wanted is there, and neither another run nor check mode sees anything left to do."""
    host.must(case.get("after", []))
    host.leave()
    for check in (False, True):
        again, said = host.statuses(check=check)
        assert again == ["ok"] * len(wanted), f"{'check mode' if check else 'a second run'}: {said}"


def fails(host, case):
    """The run ends with the case's error, whether the compiler or the host finds it; check mode changes nothing."""
    _, before = host.shell(SNAPSHOT)
    try:
        events, failed = host.converge(check=True)
        if "check" in case:
            assert [one["status"] for one in events] == case["check"], events
        assert host.shell(SNAPSHOT)[1] == before, "check mode changed the host"
        events, failed = host.converge(check=False)
        said = json.dumps(events, ensure_ascii=False)
        assert failed, said
    except CdconfError as error:
        said = f"{error} {error.hint} {error.detail}"
    assert case["error"] in said
    host.must(case.get("after", []))


def test_every_type_is_documented_and_has_cases():
    for name in TYPES:
        kind = TYPES[name]
        assert kind.doc, name
        assert all(one.doc for one in kind.fields.values()), name
        assert any(case.values[0] == name for case in CASES), f"{name} has no cases"
        assert yaml.safe_load(kind.example)[name], name
