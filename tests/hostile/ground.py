"""A project with all the files that cdconf makes for itself, and with a host that answers: a real agent behind ssh."""

import base64
import json
import os
import shutil

import paramiko
import pyrage

from tests.conftest import git, write
from tests.hostile.between import BetweenServer, apart
from tests.prepared import prepared

COMMIT = "c" * 40
PROJECT = """
    project: shop
    groups:
      web: [base]
    apps:
      shop:
        groups: [web]
        build: mkdir -p dist && cp -r content site && tar czf dist/shop-$(cat content/version).tar.gz site && rm -r site
        artifact: dist/shop-*.tar.gz
        path: /srv/shop
        confirm_within: 0
        user: root
    pipeline:
      - {stage: commit, run: test -s content/version, inputs: [content], build: shop}
      - {stage: release, environment: twin}
    """
FILES = {
    "cdconf.yml": PROJECT,
    ".gitignore": "dist/\nplan.json\nold/\n",
    "content/version": "1\n",
    "roles/base/role.yml": """
        variables:
          token: {secret: {generate: 16}}
        resources:
          - file: /srv/hostile-kernel
            template: kernel.j2
          - file: /srv/hostile-token
            content: "{{ token }}"
            mode: "0600"
            owner: root
            sensitive: true
        """,
    "roles/base/templates/kernel.j2": "{{ facts.kernel }} {{ facts.hostname }}\n",
    "roles/base/smoke/test_base.py": """
        def test_it(host):
            assert host.file("/srv/hostile-kernel").exists
        """,
    "inventories/twin/hosts.yml": "hosts:\n  web1: {address: 127.0.0.1, ssh: {port: 9}, groups: [web]}\n",
    "inventories/copy/hosts.yml": "copy_of: dev\nprovider: docker\n",
    "inventories/machines/hosts.yml": "copy_of: dev\nprovider: vagrant\n",
    "old/hosts.ini": "[web]\nold1 ansible_host=192.0.2.1\n[web:vars]\ngreeting=hello\n",
}
HOSTS = """
    ssh: {{user: root, identity_file: {home}/id, known_hosts: {home}/known}}
    hosts:
      web1: {{address: 127.0.0.1, ssh: {{address: 127.0.0.1, port: {port}}}, groups: [web]}}
    """
POLICY = """
    version: 1
    environments:
      dev:
        require:
          - freeze: {from: 2020-01-01, to: 2020-01-02, zone: UTC, why: holidays}
    """
LIFETIME = "created: 2026-01-01T00:00:00Z\nexpires: 2026-01-02T00:00:00Z\n"


class Ground:
    """The project at `root`, its operator's home at `home`.

    Args:
        folder: Where all of it lies.
    """

    def __init__(self, folder):
        self.folder = folder
        self.root, self.home, self._kept = folder / "project", folder / "home", folder / "kept"
        self.home.mkdir()
        self.key = paramiko.RSAKey.generate(2048)
        self.server = BetweenServer(self.key, apart(folder / "web1"))
        paramiko.ECDSAKey.generate().write_private_key_file(str(self.home / "id"))  # checked in no time, unlike RSA's
        self.know()
        write(self.home, {".ssh/config": "Host nobody\n  User me\n"})
        write(self.root, FILES)
        write(self.root, {"inventories/dev/hosts.yml": HOSTS.format(home=self.home, port=self.server.port)})
        git(self.root, "init", "-q")
        self._fill()
        for one in (self.root, self.home):
            shutil.copytree(one, self._kept / one.name, symlinks=True)

    def know(self, *ports):
        """Pins the keys of the host, and of others at these ports."""
        kind, text = self.key.get_name(), self.key.get_base64()
        lines = "".join(f"[127.0.0.1]:{port} {kind} {text}\n" for port in (self.server.port, *ports))
        write(self.home, {"known": lines, ".ssh/known_hosts": lines})

    def run(self, *arguments, timeout=60, **more):
        """Runs cdconf in it; `more` are environment variables."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        environment |= {"CDCONF_ISOLATION": "off", "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
        environment |= more
        return prepared().run([str(one) for one in arguments], self.root, environment, timeout=timeout)

    def must(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _fill(self):
        """Runs what makes cdconf's own files, and writes those that a run alone would take too long for."""
        self.secret()
        self.commit()
        self.must("key", "new")
        self.must("key", "new", "--office", "stage:commit")
        write(self.home, {".config/cdconf/policy/shop.yml": POLICY})
        self.run("pipeline", "run")  # the last stage has no key here
        self.must("artifact", "sign", "shop@1")
        self.must("pipeline", "status")
        self.must("provision", "dev")
        self.must("deploy", "shop", "--to", "dev")
        self.must("history")
        self.must("plan", "dev", "--out", "plan.json")
        own = self.root / ".cdconf"
        about = {"environment": "dev", "command": "deploy", "owner": "ann", "started_at": 1.0, "reason": "deploy shop"}
        made = {
            "runs/0123456789ab-dead": json.dumps(about),
            "board.json": "head\ndigest\n{}",
            "events/0123456789ab-cafe.part": json.dumps({"at": 1.0, "event": "began", **about}) + "\n",
            "holds/thrown": "provision\nann@laptop\n",
            "environments/copy/secrets.json": json.dumps({"token": "sesame"}),
            "environments/copy/id_ed25519": (self.home / "id").read_text(),
            "environments/copy/id_ed25519.pub": "ssh-ed25519 AAAA x\n",
            "environments/copy/known_hosts": "",
            "environments/machines/vagrant.json": json.dumps(
                {"web1": {"id": "1", "key": "k", "address": "127.0.0.1", "port": 1, "user": "u", "identity_file": None}}
            ),
            "throwaway/thrown/hosts.yml": "copy_of: dev\nprovider: docker\n",
            "throwaway/thrown/lifetime.yml": LIFETIME,
            "throwaway/thrown/group_vars/all.yml": "greeting: hi\n",
            f"pipeline/copies/left-{'c' * 10}": COMMIT,
        }
        for name, text in made.items():
            write(own, {name: text})

    def secret(self):
        """Makes the operator's age key, and the secret that the role wants."""
        recipient = next(word for word in self.must("secret", "key").split() if word.startswith("age1"))
        secret = pyrage.encrypt(b"sesame", [pyrage.x25519.Recipient.from_str(recipient)])
        write(self.root, {"inventories/dev/recipients.txt": f"{recipient}\n"})
        write(self.root, {"inventories/dev/secrets.yml": f"token: age:{base64.b64encode(secret).decode()}\n"})

    def commit(self):
        """Commits all that's there."""
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", "change")

    def restore(self):
        """Brings back all as it was."""
        for one in (self.root, self.home):
            for path in one.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            shutil.copytree(self._kept / one.name, one, symlinks=True, dirs_exist_ok=True)

    def close(self):
        """Ends the host."""
        self.server.close()
