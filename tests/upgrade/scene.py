"""The scene of an upgrade: a project with one host of its own, whatever version works on it."""

import json
import os
import subprocess
from pathlib import Path

from tests.conftest import git, write
from tests.hosts.machines import docker

FIXTURES = Path(__file__).parent / "recorded"
HOST, ENVIRONMENT = "web1", "production"
# On the host, all that a version has left of a project; {name} is the project's.
LEFT = ("var/lib/cdconf/{name}", "srv/{name}", "etc/{name}", "etc/systemd/system/{name}.service")
FILES = {
    "cdconf.yml": """
        project: {name}
        store: ../store
        groups:
          web: [app]
        apps:
          app:
            groups: [web]
            build: ./build
            artifact: dist/app-*.tar.gz
            path: /srv/{name}
            services: [{name}]
            migrate: {{expand: "cat VERSION >> /srv/{name}/migrated"}}
            toggles:
              newer: {{doc: The newer checkout}}
    """,
    "build": """
        #!/bin/sh -e
        rm -rf out dist && mkdir -p out dist
        echo "$CDCONF_VERSION" > out/VERSION
        tar -C out -czf "dist/app-$CDCONF_VERSION.tar.gz" .
    """,
    "roles/app/role.yml": """
        resources:
          - directory: /srv/{name}
          - directory: /etc/{name}
          - file: /etc/{name}/plain
            content: "port=8000\\n"
            mode: "0640"
          - file: /etc/{name}/secret
            content: "nobody shows this\\n"
            mode: "0600"
            sensitive: true
          - systemd_unit: {name}.service
            content: |
              [Service]
              WorkingDirectory=/srv/{name}/current
              ExecStart=/bin/sleep infinity
              [Install]
              WantedBy=multi-user.target
          - service: {name}
            enabled: true
    """,
    "roles/app/smoke/test_app.py": """
        def test_it_runs(host):
            assert host.service("{name}").is_running
    """,
    ".gitignore": ".cdconf/\nout/\ndist/\n",
}


class Scene:
    """A checkout, a home, a store and a host.

    Args:
        folder: Holds `checkout`, `home` and `store`.
        machines: The host is one of them.
        name: The project's.
        run: Runs a command line in a directory, with an environment; see `Prepared.run`.
        env: What the environment says beside this process's own.
    """

    def __init__(self, folder, machines, name, run, env):
        self.folder = folder
        self.root = folder / "checkout"
        self.machines = machines
        self.name = name
        self.run = run
        self.env = {**os.environ, **env, "HOME": str(folder / "home")}

    def write(self):
        """The project as anybody would write it."""
        for name in ("checkout", "home", "store"):
            (self.folder / name).mkdir()
        write(self.root, {path: text.format(name=self.name) for path, text in FILES.items()})
        (self.root / "build").chmod(0o755)
        git(self.root, "init", "-q", "-b", "main")

    def reach(self):
        """Where the host is."""
        fields = {"user": "deploy", "become": "sudo", "jump": f"ops@{self.machines.addresses['bastion']}"}
        fields |= {"identity_file": str(self.machines.key), "known_hosts": str(self.machines.known)}
        hosts = {HOST: {"address": self.machines.addresses[HOST], "groups": ["web"]}}
        text = json.dumps({"ssh": fields, "hosts": hosts})
        write(self.root, {f"inventories/{ENVIRONMENT}/hosts.yml": text})

    def commit(self, text):
        """Commits, builds, and returns the version."""
        write(self.root, {"note": f"{text}\n"})
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", text)
        self("build", "app")
        return git(self.root, "describe", "--always", "--tags", "--abbrev=10")

    def __call__(self, *arguments, code=0):
        """Runs cdconf; its exit code must be `code`, or one of them."""
        result = self.run([str(one) for one in arguments], self.root, self.env, timeout=120)
        shown = f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        assert result.returncode in (code if isinstance(code, tuple) else (code,)), shown
        assert "bug in cdconf" not in shown, shown
        return result

    def document(self, *arguments, code=0):
        return json.loads(self(*arguments, "--json", code=code).stdout)

    def migrated(self):
        """The migrations that were ever run."""
        return self.machines.shell(HOST, f"cat /srv/{self.name}/migrated").splitlines()

    def current(self):
        """The version that the host runs."""
        return self.machines.shell(HOST, f"cat /srv/{self.name}/current/VERSION")

    def told(self):
        """What a version says of all that there is."""
        page = self.document("status", ENVIRONMENT)["status"][HOST]["apps"]["app"]
        runs = self.document("history", "--limit", "1000")["runs"]
        artifacts = self.document("artifact", "list")["artifacts"]
        return {
            "status": {name: page[name] for name in STATUS if name in page},
            "history": [{name: one[name] for name in ROW} for one in runs],
            "artifacts": {f"app@{one['version']}": one["archive"] for one in artifacts},
            "keys": [one["id"] for one in self.document("key", "list")["keys"]],
            "migrated": self.migrated(),
        }


STATUS = ("linked", "verified", "pinned", "releases", "deployed")  # older versions don't know all of them
ROW = ("id", "run", "command", "environment", "app", "version", "artifact", "exit_code", "user", "commit", "hosts")


def packed(container, name):
    """The host's part, as a tar file's bytes."""
    places = [place.format(name=name) for place in LEFT]
    script = f"cd / && tar -czf - {' '.join(places)}"
    command = ["docker", "exec", container, "sh", "-c", script]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def unpack(container, data, name):
    """Puts the host's part onto a machine that knows nothing of it."""
    command = ["docker", "exec", "-i", container, "tar", "-C", "/", "-xpzf", "-"]
    subprocess.run(command, input=data, check=True, timeout=60, capture_output=True)
    unit = f"{name}.service"
    docker(
        "exec",
        container,
        "sh",
        "-c",
        f"chmod 700 /var/lib/cdconf; systemctl daemon-reload; systemctl enable -q --now {unit}",
    )
