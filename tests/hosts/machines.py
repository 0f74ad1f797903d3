"""Machines that something else has made: containers with a user `deploy`, reached through a bastion by SSH alone."""

import json
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.host_image import base_image
from tests.inside import inside

# Everything that a container needs for systemd, and no published port.
RUN = [
    *("--cap-add=SYS_ADMIN", "--cap-add=NET_ADMIN"),
    *("--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"),
    *("--tmpfs=/run", "--tmpfs=/run/lock", "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw", "--cgroupns=host"),
    "--stop-signal=SIGRTMIN+3",
]
UP = """
set -e
for i in $(seq 300); do systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded' && break; sleep 0.1; done
[ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
person() {
    useradd -m -s "$2" "$1"
    install -d -o "$1" -m 700 "/home/$1/.ssh"
    cat > "/home/$1/.ssh/authorized_keys"
    chown "$1" "/home/$1/.ssh/authorized_keys"
}
"""
HOST = 'echo "$KEY" | person deploy /bin/bash\necho "deploy ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/deploy\n'
# Channels to other hosts aren't sessions: a bastion may allow none of these.
BASTION = 'echo "$KEY" | person ops /usr/sbin/nologin\necho "MaxSessions 0" > /etc/ssh/sshd_config.d/bastion.conf\n'


def docker(*arguments, data=None):
    """Runs docker; its stdout."""
    done = subprocess.run(["docker", *arguments], input=data, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"docker {arguments} {data}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


class Machines:
    """Some machines, and the bastion before them.

    Args:
        folder: For the key and known_hosts.
        names: The machines'.
    """

    def __init__(self, folder, names):
        self.tag = f"machines-{uuid.uuid4().hex[:8]}"
        self.names = ["bastion", *names]
        self.key, self.known = folder / "id_ed25519", folder / "known_hosts"
        self.addresses = {}

    def make(self):
        """Starts them; only the bastion lets this machine log in."""
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        image = base_image()
        docker("network", "create", self.tag)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda name: self._start(name, image), self.names))
            self.addresses = dict(zip(self.names, pool.map(self._address, self.names), strict=True))
            keys = list(pool.map(self._prepare, self.names))
        lines = [f"{self.addresses[name]} {key}\n" for name, key in zip(self.names, keys, strict=True)]
        self.known.write_text("".join(lines))

    def container(self, name):
        return f"{self.tag}-{name}"

    def _start(self, name, image):
        docker("run", "-d", "--name", self.container(name), "--hostname", name, "--network", self.tag, *RUN, image)

    def _address(self, name):
        found = json.loads(docker("inspect", self.container(name)))[0]
        return found["NetworkSettings"]["Networks"][self.tag]["IPAddress"]

    def _prepare(self, name):
        public = self.key.with_suffix(".pub").read_text().strip()
        limit = "" if name == "bastion" else f'from="{self.addresses["bastion"]}" '
        script = BASTION if name == "bastion" else HOST
        return self.shell(
            name,
            f"KEY='{limit}{public}'\n{UP}{script}systemctl reset-failed ssh; systemctl restart ssh\n"
            "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub",
        )

    def shell(self, name, script):
        """Runs a script as root on a machine, past SSH; its stdout."""
        command = [*inside(self.container(name)), "sh"]
        done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def logins(self):
        """How often someone has logged in on the bastion."""
        return int(self.shell("bastion", "journalctl -u ssh -o cat | grep -c 'Accepted publickey' || true"))

    def remove(self):
        for name in self.names:
            subprocess.run(["docker", "rm", "-fv", self.container(name)], capture_output=True, timeout=60, check=False)
        subprocess.run(["docker", "network", "rm", self.tag], capture_output=True, timeout=60, check=False)
