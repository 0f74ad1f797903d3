"""Hosts that start from snapshots: what they have in common, and what they mustn't."""

import base64
import json
import signal
import subprocess
import time

import pytest

from cdconf.environments.docker.snapshots import REPOSITORY, remove_snapshots
from cdconf.inventory import load_project
from tests.conftest import begun, cdconf, write

pytestmark = pytest.mark.hosts

FILES = {
    "cdconf.yml": "project: snapped\ngroups: {db: [base, sql], web: [base]}\n",
    "inventories/alpha/hosts.yml": """
        provider: docker
        hosts:
          db1: {groups: [db]}
          web1: {groups: [web]}
    """,
    "inventories/beta/hosts.yml": "copy_of: alpha\nprovider: docker\n",
    "inventories/alpha/group_vars/all.yml": "banner: welcome-to-alpha\n",
    "inventories/beta/group_vars/all.yml": "banner: welcome-to-beta\n",
    "roles/base/role.yml": """
        variables:
          banner: {type: string, per_environment: true, doc: x}
          password: {secret: {generate: 32}, doc: x}
        resources:
          - group: app
          - user: app
            group: app
          - file: /etc/app.common
            content: "the same for all\\n"
            group: app
            mode: "0640"
          - file: /etc/app.env
            content: "{{ banner }} {{ password }} {{ password | b64encode }}\\n"
            mode: "0600"
          - command: date > /etc/app.made
            creates: /etc/app.made
    """,
    "roles/sql/role.yml": """
        variables:
          password: {secret: {generate: 32}, doc: x}
        resources:
          - package: [postgresql]
          - file: /etc/postgresql/15/main/conf.d/own.conf
            content: "max_connections = 33\\n"
            notify: restart postgresql
          - service: postgresql@15-main
            running: true
          - postgres_role: app
            password: "{{ password }}"
        handlers:
          restart postgresql: {service: postgresql@15-main, action: restart}
    """,
}
IDENTITY = {
    "web1": [
        "cat /etc/machine-id",
        "cat /etc/ssh/ssh_host_ed25519_key",
        "cat /etc/app.env",
        "cat /root/.ssh/authorized_keys",
    ],
    "db1": [
        "cat /etc/machine-id",
        "cat /etc/ssh/ssh_host_ed25519_key",
        "cat /etc/ssl/private/ssl-cert-snakeoil.key",
        "cat /var/lib/cdconf/snapped/identity.json",
        "runuser -u postgres -- psql -Atc 'SELECT system_identifier FROM pg_control_system()'",
        "runuser -u postgres -- psql -Atc \"SELECT rolpassword FROM pg_authid WHERE rolname = 'app'\"",
    ],
}


def docker(*arguments):
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, timeout=60).stdout.split()


class Snapped:
    """The project, and what its runs said."""

    def __init__(self, root):
        self.root = root
        self.checkout = load_project(root).checkout
        self.said = {}

    def begin(self, environment, limit):
        arguments = ("provision", environment, "--limit", limit, "--from-snapshot")
        return begun(self.root, *arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def provision(self, limit):
        """Both environments at once."""
        for environment, run in [(name, self.begin(name, limit)) for name in ("alpha", "beta")]:
            _, errors = run.communicate(timeout=240)
            assert run.returncode == 0, errors
            assert "warning" not in errors
            self.said[environment, limit] = errors

    def on(self, environment, host, command):
        result = cdconf(self.root, "ssh", environment, host, "--", command)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def builders(self):
        return docker("ps", "-aq", "--filter", f"label=cdconf.builder={self.checkout}")

    def snapshots(self):
        return docker("images", "--format", "{{.Tag}}", "--filter", "label=cdconf.project=snapped", REPOSITORY)


@pytest.fixture(scope="module")
def snapped(tmp_path_factory):
    root = write(tmp_path_factory.mktemp("snapped"), FILES)
    remove_snapshots(load_project(root), lambda event: None)  # of an earlier run that was killed
    one = Snapped(root)
    try:
        yield one
    finally:
        for environment in ("alpha", "beta"):
            cdconf(root, "destroy", environment, "--yes")
        remove_snapshots(load_project(root), lambda event: None)


def test_what_a_killed_run_leaves_is_no_snapshot_and_goes_with_the_next_one(snapped):
    killed = snapped.begin("alpha", "web")
    for _ in range(600):
        if snapped.builders():
            break
        time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stderr.close()
    assert snapped.builders()
    assert snapped.snapshots() == []
    snapped.provision("web")
    assert snapped.builders() == []


def test_two_that_need_the_same_snapshot_make_it_once(snapped):
    snapped.provision("db")
    assert len(snapped.snapshots()) == 2
    for limit in ("web", "db"):
        texts = [snapped.said[environment, limit] for environment in ("alpha", "beta")]
        assert sum("making snapshots" in text for text in texts) == 1
        assert all(f"from the snapshot of {limit} on debian-12" in text for text in texts)


def test_hosts_are_converged_and_have_nothing_in_common(snapped):
    for environment in ("alpha", "beta"):
        assert cdconf(snapped.root, "plan", environment).returncode == 0
        assert snapped.on(environment, "web1", "cat /etc/app.made")
    for host, commands in IDENTITY.items():
        for command in commands:
            ours, others = (snapped.on(environment, host, command) for environment in ("alpha", "beta"))
            assert ours
            assert ours != others, command
    assert snapped.on("beta", "db1", "runuser -u postgres -- psql -Atc 'SHOW max_connections'") == "33"
    assert snapped.on("beta", "db1", "systemctl is-system-running; ls /etc/systemd/system/*renew* || true") == "running"


def test_no_layer_of_a_snapshot_holds_what_belongs_to_an_environment(snapped):
    passwords = [snapped.on(one, "web1", "cat /etc/app.env").split()[1] for one in ("alpha", "beta")]
    assert len(set(passwords)) == 2
    forbidden = [b"welcome-to-", b"SCRAM-SHA-256$4096", *(word.encode() for word in passwords)]
    forbidden += [base64.b64encode(word.encode()).rstrip(b"=") for word in passwords]
    expected = {b"the same for all": 0}
    for tag in snapped.snapshots():
        with subprocess.Popen(["docker", "save", f"{REPOSITORY}:{tag}"], stdout=subprocess.PIPE) as saved:
            before = b""
            while block := saved.stdout.read(1 << 20):
                text = before + block
                assert [word for word in forbidden if word in text] == []
                for word in expected:
                    expected[word] += word in text
                before = text[-100:]
    assert all(expected.values())


def test_a_snapshot_knows_no_host(snapped):
    listed = "ls -A /etc/ssh /root /var/lib/cdconf /tmp /var/log/journal; cat /etc/machine-id /etc/app.env"
    for tag in snapped.snapshots():
        command = [
            "docker",
            "run",
            "--rm",
            "--network",
            "none",
            "--entrypoint",
            "sh",
            f"{REPOSITORY}:{tag}",
            "-c",
            listed,
        ]
        said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60).stdout.split()
        assert "sshd_config" in said
        assert [word for word in said if "host" in word or "snapped" in word or len(word) >= 32] == []
        (image,) = json.loads("".join(docker("image", "inspect", f"{REPOSITORY}:{tag}")))
        assert image["Config"]["Labels"]["cdconf.builder"] == ""
        assert image["Config"]["Cmd"] == ["/sbin/init"]


def test_destroy_removes_builders_and_hosts_that_exist_are_left_alone(snapped):
    before = docker("ps", "-q", "--filter", "label=cdconf.project=snapped")
    again = snapped.begin("alpha", "web")
    _, errors = again.communicate(timeout=120)
    assert again.returncode == 0
    assert "snapshot" not in errors
    assert docker("ps", "-q", "--filter", "label=cdconf.project=snapped") == before
    docker("create", "--label", f"cdconf.builder={snapped.checkout}", f"{REPOSITORY}:{snapped.snapshots()[0]}")
    assert cdconf(snapped.root, "destroy", "beta", "--yes").returncode == 0
    assert snapped.builders() == []
