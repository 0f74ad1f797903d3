"""One environment of containers for the tests of awkward hosts, and projects whose hosts are users on them.

`odd` has every awkward user, no SFTP, a banner, MaxSessions 1; `bastion` is a jump host; `bare` lost its Python.
On `odd`, sshd also listens on 2201 (MaxStartups 1:100:1), 2202 (no forwarding), 2203
(a read-only root, /var alone is writable) and 2204 (which signs with SHA-1 alone, as old servers).
"""

import json
import os
import shlex
import subprocess

from tests.conftest import cdconf, write
from tests.inside import inside

PASSWORD = "s3cret,Wörd $x"
FILES = {
    "cdconf.yml": """
        project: awkward
        groups: {web: [base]}
    """,
    "inventories/made/hosts.yml": """
        provider: docker
        hosts:
          odd: {groups: [web]}
          bastion: {groups: [web]}
          bare: {groups: [web]}
    """,
    "roles/base/role.yml": """
        resources:
          - directory: /etc/awkward
          - file: /etc/awkward/plain
            content: "plain\\n"
          - file: /etc/awkward/secret
            content: "secret\\n"
            mode: "0640"
          - file: /etc/awkward/grün
            content: "ä\\n"
    """,
    ".gitignore": ".cdconf/\n",
}
SETUP = r"""
set -e
export DEBIAN_FRONTEND=noninteractive
test -n "$(find /var/lib/apt/lists/partial -maxdepth 0 -mmin -720)" || apt-get -qq update
apt-get -qq install --no-install-recommends tcsh csh fish >/dev/null </dev/null
user() {
    useradd -m -s "$2" "$1"
    install -d -o "$1" -m 700 "/home/$1/.ssh"
    install -o "$1" -m 600 ~/.ssh/authorized_keys "/home/$1/.ssh/authorized_keys"
}
user fishy /usr/bin/fish
user csher /bin/bsd-csh
user tcsher /bin/tcsh
user chatty /bin/bash
user nologin /usr/sbin/nologin
user forced /bin/sh
for name in asked ttyed ptyed lectured target outsider; do user $name /bin/bash; done
chpasswd
echo 'echo hello from fish; set -g x 1' > /tmp/config.fish
install -D -o fishy /tmp/config.fish /home/fishy/.config/fish/config.fish
echo 'echo welcome to csh' | tee /home/csher/.cshrc > /home/tcsher/.cshrc
printf 'umask 077\nset -x\necho chatter; echo noise >&2\nexport LANG=de_DE.ISO-8859-1 LC_ALL=POSIX\n' > /tmp/rc
cat /tmp/rc /home/chatty/.bashrc > /tmp/bashrc && cp /tmp/bashrc /home/chatty/.bashrc
sed -i 's/^UMASK.*/UMASK 077/' /etc/login.defs
cat > /etc/sudoers.d/awkward <<'X'
Defaults lecture=always, mail_badpass, timestamp_timeout=0, passwd_tries=3
fishy,csher,tcsher,chatty,nologin,forced ALL=(ALL) NOPASSWD: ALL
Defaults:ttyed requiretty
Defaults:ptyed use_pty, requiretty, log_output
Defaults:lectured use_pty
Defaults:target targetpw
asked,ttyed,ptyed,lectured,target ALL=(ALL) ALL
X
chmod 440 /etc/sudoers.d/awkward; visudo -cq
echo 'STAY OUT, this is a banner' > /etc/issue.net
sed -i '/^Subsystem/d' /etc/ssh/sshd_config
cat > /etc/ssh/sshd_config.d/awkward.conf <<'X'
Banner /etc/issue.net
MaxSessions 1
Match User forced
    ForceCommand echo go away
X
systemctl reload ssh
/usr/sbin/sshd -p 2201 -o MaxStartups=1:100:1 -o PidFile=/run/sshd1.pid
/usr/sbin/sshd -p 2202 -o AllowTcpForwarding=no -o PidFile=/run/sshd2.pid
systemd-run -q -p ReadOnlyPaths=/ -p 'ReadWritePaths=/var /run /tmp /dev /proc' \
    /usr/sbin/sshd -D -p 2203 -o PidFile=/run/sshd3.pid
ssh-keygen -q -t rsa -b 2048 -N '' -f /etc/ssh/old_rsa_key
/usr/sbin/sshd -p 2204 -h /etc/ssh/old_rsa_key -o HostKeyAlgorithms=ssh-rsa -o PidFile=/run/sshd4.pid
"""


class Awkward:
    """The containers that were made, and an `existing` environment `far` that a test writes."""

    def __init__(self, root):
        self.root = root
        self.folder = root / ".cdconf/environments/made"
        self.key = self.folder / "id_ed25519"
        self.known = root / "known_hosts"

    def prepare(self):
        """Makes the awkward users, and known_hosts for every address and port."""
        passwords = "".join(f"{user}:{PASSWORD}\n" for user in ("asked", "ttyed", "ptyed", "lectured", "root"))
        self.shell("odd", SETUP.replace("chpasswd\n", f"chpasswd <<'X'\n{passwords}X\n"))
        lines = []
        for host in ("odd", "bastion", "bare"):
            key = self.shell(host, "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").strip()
            lines += [f"{name} {key}\n" for name in self._names(self.address(host))]
            self.shell(host, "rm /var/lib/cdconf/awkward/identity.json")  # they're `far`'s from now on
        self.known.write_text("".join(lines))

    def _names(self, address):
        return [address, *(f"[{address}]:{port}" for port in (2201, 2202, 2203))]

    def container(self, host):
        checkout = (self.root / ".cdconf/checkout").read_text().strip()
        return f"cdconf-awkward-made-{host}-{checkout}"

    def shell(self, host, script, *, check=True):
        """Runs a script as root in a container, past ssh; its stdout."""
        command = [*inside(self.container(host)), "sh"]
        done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=150, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def address(self, host):
        """The container's own, which this machine can reach."""
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        command = ["docker", "inspect", "-f", template, self.container(host)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def ssh(self, user, host="odd", **more):
        """An ssh section; `None` leaves a default out."""
        fields = {"address": self.address(host), "user": user, "identity_file": self.key, "known_hosts": self.known}
        if user != "root":
            fields["become"] = "sudo"
        chosen = {name: value for name, value in {**fields, **more}.items() if value is not None}
        return "{" + ", ".join(f"{name}: {json.dumps(value if isinstance(value, int) else str(value))}"
                               for name, value in chosen.items()) + "}"  # fmt: skip

    def far(self, hosts, top=""):
        """Writes the environment `far`: host's name -> its ssh section."""
        lines = "".join(f"  {name}: {{groups: [web], ssh: {ssh}}}\n" for name, ssh in hosts.items())
        write(self.root, {"inventories/far/hosts.yml": f"{top}hosts:\n{lines}"})

    def __call__(self, *arguments, code=0, **environment):
        """Runs cdconf; its exit code must be `code`."""
        result = cdconf(self.root, *arguments, **environment)
        shown = f"{shlex.join(arguments)}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        assert result.returncode == code, shown
        assert "Traceback" not in shown
        assert "bug" not in result.stderr, shown
        return result

    def errors(self, *arguments, code, **environment):
        """Runs cdconf with --json; the error text of each host."""
        result = self(*arguments, code=code, **environment)
        blocks = ("\n" + result.stderr).split("\n! ")[1:]
        return {block.partition(":")[0]: block.partition(": ")[2] for block in blocks}

    def home(self, folder, config):
        """A home directory with an ~/.ssh/config; returns the environment variables that make it the user's."""
        write(folder, {".ssh/config": config})
        return {"HOME": str(folder), "SSH_AUTH_SOCK": os.environ.get("SSH_AUTH_SOCK", "")}
