"""The hosts and the project that a sweep torments; whatever it says of them it asks Docker, HTTP or cdconf."""

import http.client
import json
import subprocess
import tempfile
import textwrap
import time
import urllib.request
from pathlib import Path

from tests.conftest import CDCONF, cdconf, git, write
from tests.hosts.conftest import FILES

ASK = 3.0  # seconds
BOOT = 60.0
PARTS = 40  # files of a release; an answer tells the versions of all of them

SERVE = f"""
    import http.server, socketserver
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = {{open("VERSION").read().strip()}} | {{open("part%d" % n).read().strip() for n in range({PARTS})}}
            answer = "+".join(sorted(found)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        def log_message(self, *words):
            pass
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer(("", 8000), Answer).serve_forever()
"""
BUILD = f"""
    #!/bin/sh -e
    rm -rf out dist && mkdir -p out/app dist
    cp serve.py out/app/ && echo "$CDCONF_VERSION" > out/app/VERSION
    for n in $(seq 0 {PARTS - 1}); do echo "$CDCONF_VERSION" > out/app/part$n; done
    tar -C out/app -czf "dist/app-$CDCONF_VERSION.tar.gz" .
"""
SMOKE = """
    def test_it_serves_its_own_version(host):
        wanted = host.file("/srv/app/current/VERSION").content_string.strip()
        assert host.check_output("curl -fsS http://127.0.0.1:8000/") == wanted
"""


class World:
    """Docker hosts with one app, and cdconf's commands on them.

    Args:
        count: How many hosts.
        within: Their `confirm_within` and lease, in seconds.
    """

    def __init__(self, count, within):
        self._folder = tempfile.TemporaryDirectory(prefix="cdconf-chaos-")
        self.root = Path(self._folder.name)
        self.within = within
        self.hosts = [f"web{number + 1}" for number in range(count)]
        lines = "".join(f"  {name}: {{groups: [web], publish: [8000]}}\n" for name in self.hosts)
        config = textwrap.dedent(FILES["cdconf.yml"]).replace("project: e2e", "project: chaos")
        config = "".join(line for line in config.splitlines(True) if "migrate:" not in line)
        config = config.replace("ttl: 8s", f"ttl: {within}s").replace("batches: [1, 100%]", "batches: [1, 50%, 100%]")
        config = config.rstrip() + f"\n    confirm_within: {within}s\n"
        own = {"cdconf.yml": config, "inventories/dev/hosts.yml": f"provider: docker\nhosts:\n{lines}"}
        write(self.root, FILES | {"serve.py": SERVE, "build.sh": BUILD, "roles/app/smoke/test_app.py": SMOKE} | own)
        (self.root / "build.sh").chmod(0o755)
        git(self.root, "init", "-q")
        self._commits = 0

    def __enter__(self):
        self.must("provision", "dev")
        checkout = (self.root / ".cdconf/checkout").read_text().strip()
        self._network = f"cdconf-chaos-dev-{checkout}"
        self._containers = {name: f"cdconf-chaos-dev-{name}-{checkout}" for name in self.hosts}
        return self

    def __exit__(self, *_):
        cdconf(self.root, "destroy", "dev", "--yes")
        self._folder.cleanup()

    def must(self, *arguments):
        """Runs cdconf, which must succeed."""
        result = cdconf(self.root, *arguments)
        assert result.returncode == 0, f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def build(self):
        """A new version of the app, in the artifact store."""
        self._commits += 1
        write(self.root, {"note": str(self._commits)})
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", "change")
        self.must("build", "app")
        return git(self.root, "describe", "--always", "--tags", "--abbrev=10")

    def deploying(self, version, log):
        """A deployment that runs; what it says goes to the open file `log`."""
        command = [*CDCONF, "deploy", f"app@{version}", "--to", "dev"]
        return subprocess.Popen(
            command,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def status(self):
        """What `cdconf status` says, as data."""
        return json.loads(cdconf(self.root, "status", "dev", "--json").stdout)

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

    def cut(self, host):
        """Cuts the host's network off."""
        docker("network", "disconnect", self._network, self._containers[host])

    def mend(self, host):
        """Brings its network back."""
        docker("network", "connect", "--alias", host, self._network, self._containers[host])

    def stop(self, host):
        """As if its power failed."""
        docker("kill", self._containers[host])

    def start(self, host):
        """Boots it, and waits until it's up."""
        docker("start", self._containers[host])
        deadline = time.monotonic() + BOOT
        while docker(
            "exec", self._containers[host], "systemctl", "is-system-running", check=False
        ).stdout.strip() not in (
            "running",
            "degraded",
        ):
            assert time.monotonic() < deadline, f"{host} doesn't boot"
            time.sleep(0.3)


def docker(*words, check=True):
    return subprocess.run(["docker", *words], check=check, capture_output=True, text=True, timeout=120)
