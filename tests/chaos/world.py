"""The hosts and the project that chaos torments; whatever it says of them it asks Docker, HTTP or cdconf."""

import http.client
import itertools
import json
import os
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.chaos.files import POSTS, artifact, project
from tests.chaos.strikes import Running
from tests.conftest import CDCONF, cdconf, git, write
from tests.host_image import furnished
from tests.hosts.leases import is_held
from tests.inside import inside

ASK = 3.0  # seconds
BOOT = 60.0
BALANCER = "lb1"
STATE = "/var/lib/cdconf/chaos"
LOOK = (
    f"cat {STATE}/lease.json; echo; echo /; cat {STATE}/drain-app.json 2> /dev/null || echo null; echo /; "
    f"cut -d ' ' -f 1 /proc/uptime; ls {STATE}"
)
# SIGKILL of whoever holds the lock of work.
KILL_AGENTS = f"""
import glob, os, signal
for path in glob.glob("/proc/[0-9]*/fd/*"):
    try:
        if os.readlink(path) == "{STATE}/run.lock":
            os.kill(int(path.split("/")[2]), signal.SIGKILL)
    except OSError:
        pass
"""
# What is true on a web host, and on the load balancer: see `words`.
WEB = f"""
import json, os, subprocess, urllib.request
def read(path):
    try:
        return open(path).read()
    except OSError:
        return ""
def ask(path):
    try:
        return urllib.request.urlopen("http://127.0.0.1:8000" + path, timeout=5).read().decode()
    except OSError:
        return None
def link(path):
    return os.path.basename(os.readlink(path)) if os.path.islink(path) else None
active = subprocess.run(["systemctl", "is-active", "app"], stdout=subprocess.PIPE).stdout.decode().strip()
written = read("/etc/app.env").strip()
print(json.dumps({{
    "linked": link("/srv/app/current"), "active": active, "served": ask("/"), "revision": ask("/revision"),
    "written": written[len("REVISION="):] if written.startswith("REVISION=") else written,
    "ledger": json.loads(read("{STATE}/ledger.json") or "{{}}").get("app", {{}}),
}}))
"""
LB = f"""
import glob, json, os
files = {{os.path.basename(path)[:-5]: path for path in glob.glob("/etc/nginx/upstream.d/*.conf")}}
note = "{STATE}/drain-app.json"
print(json.dumps({{
    "down": [name for name in files if " down;" in open(files[name]).read()],
    "noted_at": {{name: os.stat(files[name]).st_mtime for name in files}},
    "drained": json.load(open(note))["hosts"] if os.path.exists(note) else {{}},
}}))
"""
EVIDENCE = (
    f"tail -n +1 {STATE}/ledger.json {STATE}/lease.json {STATE}/switch-app.json 2>&1; "
    "ls -la /srv/app /srv/app/releases; systemctl status --no-pager -n 0 app cdconf-switch-chaos.app; "
    "journalctl --no-pager -o short-precise -n 60 -u app -u cdconf-switch-chaos.app -u ssh"
)


class World:
    """A load balancer and web hosts with one app, and cdconf's commands on them.

    Args:
        webs: How many web hosts.
        within: Their `confirm_within` and lease, in seconds.
        batches: As in cdconf.yml.
        wait: Seconds that drained hosts get for the requests that they have; None: hosts aren't drained.
    """

    def __init__(self, webs, within, batches="1, 100%", wait=0.3):
        self._folder = tempfile.TemporaryDirectory(prefix="cdconf-chaos-")
        self.root = Path(self._folder.name)
        self.within = within
        self.hosts = [f"web{number + 1}" for number in range(webs)]
        write(self.root, furnished(project(self.hosts, within, batches, wait)))
        git(self.root, "init", "-q")
        self._numbers = itertools.count(1)
        self._revisions = itertools.count(1)
        self._addresses = {}

    def __enter__(self):
        try:
            self.must("provision", "dev")
            checkout = (self.root / ".cdconf/checkout").read_text().strip()
            self._network = f"cdconf-chaos-dev-{checkout}"
            self._containers = {name: f"cdconf-chaos-dev-{name}-{checkout}" for name in (*self.hosts, BALANCER)}
            self._tell_balancer()
            self._find_balancer()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        cdconf(self.root, "destroy", "dev", "--yes")
        self._folder.cleanup()

    def must(self, *arguments):
        """Runs cdconf, which must succeed."""
        result = cdconf(self.root, *arguments)
        assert result.returncode == 0, f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def pack(self, **others):
        """A new version of the app, as a file that `deploy` takes; others are as in `files.artifact`."""
        version = f"v{next(self._numbers):05}"
        artifact(self.root / f"dist/app-{version}.tar.gz", version, **others)
        return version

    def deploy(self, version, *options):
        """A deployment, from its begin to its end; returns the completed process."""
        return cdconf(self.root, "deploy", f"dist/app-{version}.tar.gz", "--to", "dev", *options)

    def revise(self):
        """A new revision, which the next provision brings to all hosts, with a restart of the app."""
        revision = str(next(self._revisions))
        write(self.root, {"inventories/dev/group_vars/web.yml": f"revision: {revision}\n"})
        return revision

    def deploying(self, version, log):
        """A deployment that runs; what it says goes to the open file `log`."""
        return self._begun(self.words("deploy", version), log, subprocess.STDOUT)

    def words(self, run, version):
        """The command line of a `deploy` of a version, or of a `provision`."""
        return ["deploy", f"dist/app-{version}.tar.gz", "--to", "dev"] if run == "deploy" else ["provision", "dev"]

    def running(self, run, version, shape):
        """A run that's under way, as a `Running`: its output goes to a `pipe`, or to a file, as `lines` or `json`."""
        words = self.words(run, version)
        if shape == "pipe":
            ours, theirs = os.pipe()
            process = self._begun(words, theirs, subprocess.STDOUT)
            os.close(theirs)
            return Running(process, pipe=ours)
        # Whoever shares an open file shares its place in it: what's appended can't go astray.
        log, document = ((self.root / ".cdconf" / name).open("a+") for name in ("struck.log", "struck.json"))
        for one in (log, document):
            one.truncate(0)
        words += ["--json"] if shape == "json" else []
        return Running(self._begun(words, document if shape == "json" else log, log), log, document)

    def _begun(self, words, out, err):
        return subprocess.Popen(
            [*CDCONF, *words], cwd=self.root, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )

    def status(self):
        """What `cdconf status` says, as data."""
        return json.loads(cdconf(self.root, "status", "dev", "--json").stdout)

    def history(self):
        """What `cdconf history` says of the last run, as data."""
        return json.loads(cdconf(self.root, "history", "dev", "--limit", "1", "--json").stdout)

    def truth(self):
        """What is true on all hosts, asked past cdconf: see `words`."""
        webs = {host: json.loads(self.on(host, "python3", "-c", WEB)) for host in self.hosts}
        for real in webs.values():
            real["ledger"].setdefault("verified", [])
        balancer = json.loads(self.on(BALANCER, "python3", "-c", LB))
        return {"web": webs, "lb": balancer | {"down": set(balancer["down"])}}

    def looks_quiet(self):
        """Whether no host seems to have a lease, an armed switch or a drain that isn't kept; cheaper than `status`."""
        for host in (*self.hosts, BALANCER):
            result = self._run(host, "sh", "-c", LOOK, check=False)
            lease, drains, rest = (*result.stdout.split("\n/\n"), "", "")[:3]
            uptime, *names = rest.split() or ["0"]
            if (
                result.returncode != 0
                or "switch-app.json" in names
                or is_held(lease, float(uptime))
                or is_waiting(drains)
            ):
                return False
        return True

    def port(self, host):
        """Where the host's app is published; None while the host is down or cut off."""
        result = docker("port", self._containers[host], "8000/tcp", check=False)
        return result.stdout.split()[0] if result.returncode == 0 and result.stdout.strip() else None

    def served(self, host, port=None):
        """What the host serves: the versions of all files of its release, joined by +; None when it doesn't answer."""
        port = port or self.port(host)
        if port is None:
            return None
        try:
            with urllib.request.urlopen(f"http://{port}/", timeout=ASK) as answer:
                return answer.read().decode()
        except (OSError, http.client.HTTPException):
            return None

    def all_served(self):
        """What each web host serves."""
        return {host: self.served(host) for host in self.hosts}

    def posts(self):
        """The ids of all POSTs that web hosts have served, each as often as it was served."""
        read = ["sh", "-c", f"cat {POSTS} 2>/dev/null || true"]
        return [line for host in self.hosts for line in self.on(host, *read).split()]

    def on(self, host, *command):
        """What a command prints on a host, past SSH."""
        return self._run(host, *command).stdout

    def _run(self, host, *command, check=True):
        words = [*inside(self._containers[host]), *command]
        return subprocess.run(words, check=check, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)

    def cut(self, host):
        """Cuts the host's network off."""
        docker("network", "disconnect", self._network, self._containers[host])

    def mend(self, host):
        """Brings its network back."""
        for _ in range(3):  # the engine refuses now and then, while another lane's network is being changed
            done = docker("network", "connect", "--alias", host, self._network, self._containers[host], check=False)
            if done.returncode == 0:
                break
            time.sleep(1)
        else:
            raise RuntimeError(f"{host} can't be connected again: {done.stderr}")
        if host == BALANCER:
            self._find_balancer()
        self._tell_balancer()

    def stop(self, host):
        """As if its power failed."""
        docker("kill", self._containers[host])

    def pause(self, host):
        """It hangs: no process of it runs."""
        docker("pause", self._containers[host])

    def unpause(self, host):
        """It goes on where it was, unless a provision that had only begun has woken it."""
        docker("unpause", self._containers[host], check=False)

    def kill_agents(self, host):
        """SIGKILL of cdconf's agents that are at work there."""
        self.on(host, "python3", "-c", KILL_AGENTS)

    def start(self, host):
        """Boots it, and waits until it's up."""
        docker("start", self._containers[host])
        deadline = time.monotonic() + BOOT
        is_up = ["systemctl", "is-system-running"]
        while self._run(host, *is_up, check=False).stdout.strip() not in ("running", "degraded"):
            assert time.monotonic() < deadline, f"{host} doesn't boot"
            time.sleep(0.3)
        if host == BALANCER:
            self._find_balancer()
        self._tell_balancer()

    def _find_balancer(self):
        """Where it's published: Docker may have chosen another port, and written its hosts file anew."""
        self._addresses = {}
        self.balancer = docker("port", self._containers[BALANCER], "80/tcp").stdout.split()[0]

    def _tell_balancer(self):
        """Docker may give a host another address when it comes back; nginx asks for addresses when it loads."""
        query = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        found = {host: docker("inspect", "-f", query, self._containers[host]).stdout.strip() for host in self.hosts}
        if found != self._addresses:
            lines = "".join(f"{address} {host}\n" for host, address in found.items() if address)
            script = (
                f"grep -v ' web' /etc/hosts > /run/hosts; printf '{lines}' >> /run/hosts; cat /run/hosts > /etc/hosts"
            )
            self.on(BALANCER, "sh", "-c", f"{script} && nginx -s reload")
            self._addresses = found

    def evidence(self, host):
        """Everything that a host knows of the app, for people."""
        result = self._run(host, "sh", "-c", EVIDENCE, check=False)
        return result.stdout + result.stderr


def is_waiting(drains):
    """Whether the text of a drain-app.json has hosts that are to be put back by the host itself."""
    try:
        return any(not one.get("kept") for one in (json.loads(drains) or {"hosts": {}})["hosts"].values())
    except (ValueError, KeyError):
        return True


def docker(*words, check=True):
    return subprocess.run(["docker", *words], check=check, capture_output=True, text=True, timeout=120)
