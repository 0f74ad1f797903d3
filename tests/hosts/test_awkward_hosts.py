"""Old, new and awkward hosts: each works, or there's one clear error."""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time

import pytest

from cdconf.inventory import load_environment, load_project
from cdconf.session import Connector
from tests.conftest import CDCONF, cdconf, git, write
from tests.host_image import furnished
from tests.hosts.awkward import FILES, PASSWORD, Awkward

pytestmark = pytest.mark.hosts
SHELLS = ("fishy", "csher", "tcsher", "chatty")


@pytest.fixture(scope="module")
def awkward(tmp_path_factory):
    root = write(tmp_path_factory.mktemp("awkward"), furnished(FILES))
    git(root, "init", "-q")
    one = Awkward(root)
    try:
        one("provision", "made")
        one.prepare()
        yield one
    finally:
        cdconf(root, "destroy", "made", "--yes")
        shutil.rmtree(root, ignore_errors=True)


# --- login shells and what they print


def test_every_login_shell_starts_the_agent_whatever_it_prints(awkward):
    awkward.far({name: awkward.ssh(name) for name in SHELLS})
    result = awkward("plan", "far")
    assert [line.split()[1] for line in result.stdout.splitlines()] == ["ok=4"] * 4


def test_logins_that_run_no_commands_are_one_clear_error_each(awkward):
    awkward.far({name: awkward.ssh(name) for name in ("nologin", "forced")})
    errors = awkward.errors("plan", "far", code=1)
    assert "the login said: This account is currently not available." in errors["nologin"]
    assert "the login said: go away" in errors["forced"]
    assert "without ForceCommand or nologin: try `ssh forced@" in errors["forced"]


def test_modes_are_the_catalog_s_whatever_the_umask(awkward):
    awkward.far({"chatty": awkward.ssh("chatty")})
    awkward.shell("odd", "rm -rf /etc/awkward /var/lib/cdconf/awkward")
    awkward("provision", "far")
    modes = awkward.shell("odd", "stat -c '%a %n' /etc/awkward /etc/awkward/*").splitlines()
    assert modes == ["755 /etc/awkward", *(f"{mode} /etc/awkward/{name}" for mode, name in MODES)]
    awkward.shell("odd", "rm -rf /var/lib/cdconf/awkward")


MODES = [("644", "grün"), ("644", "plain"), ("640", "secret")]


# --- sudo


def test_sudo_gets_its_password_from_the_environment(awkward):
    users = ("asked", "ttyed", "ptyed", "lectured", "target")
    awkward.far({name: awkward.ssh(name) for name in users})
    result = awkward("plan", "far", CDCONF_SUDO_PASSWORD=PASSWORD)
    assert result.stdout.count("ok=4") == 5
    assert PASSWORD not in result.stdout + result.stderr


def test_sudo_gets_its_password_from_a_secret(awkward, tmp_path):
    awkward.far({"asked": awkward.ssh("asked", sudo_password="root_word")})
    identity = {"CDCONF_AGE_IDENTITY": str(tmp_path / "age.txt")}
    awkward("secret", "key", **identity)
    key = next(line for line in (tmp_path / "age.txt").read_text().splitlines() if "public" in line).split()[-1]
    write(awkward.root, {"inventories/far/recipients.txt": key + "\n"})
    missing = awkward("plan", "far", code=1, **identity).stderr
    assert "sudo's password is to come from the secret 'root_word', which isn't there" in missing
    assert "hint: set it with `cdconf secret set far root_word`" in missing
    command = [*CDCONF, "secret", "set", "far", "root_word"]
    env = {**os.environ, **identity}
    subprocess.run(command, cwd=awkward.root, input=PASSWORD, text=True, env=env, check=True, capture_output=True)
    assert "ok=4" in awkward("plan", "far", **identity).stdout
    (awkward.root / "inventories/far/secrets.yml").unlink()


def at_the_prompt(awkward, typed):
    """Runs `cdconf plan far` on a terminal and types at sudo's prompt; the exit code, and what was on the screen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(awkward.root)
        os.execvp(CDCONF[0], [*CDCONF, "plan", "far"])
    said, answered, deadline = b"", False, time.monotonic() + 60
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1)
        try:
            said += os.read(terminal, 65536) if ready else b""
        except OSError:
            break
        if b"sudo password of asked on the hosts of far:" in said and not answered:
            os.write(terminal, typed)
            answered = True
    else:
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode()


def test_sudo_s_password_is_asked_for_once_on_the_terminal(awkward):
    awkward.far({"asked": awkward.ssh("asked"), "again": awkward.ssh("asked")})
    code, said = at_the_prompt(awkward, f"wrong\x15{PASSWORD}ü\x7f\n".encode())
    assert code == 0, said
    assert said.count("sudo password of asked") == 1
    assert said.count("ok=4") == 2
    assert PASSWORD not in said


def test_ctrl_c_at_the_prompt_ends_the_run_at_once(awkward):
    awkward.far({"asked": awkward.ssh("asked"), "again": awkward.ssh("asked")})
    began = time.monotonic()
    code, said = at_the_prompt(awkward, b"half a pass\x03")
    assert code == 130, said
    assert said.count("sudo password of asked") == 1
    assert time.monotonic() - began < 30


def test_what_sudo_refuses_is_one_clear_error_each(awkward):
    awkward.far({name: awkward.ssh(name) for name in ("asked", "ptyed", "lectured")})
    errors = awkward.errors("plan", "far", code=1, CDCONF_SUDO_PASSWORD="wrong-word")
    for name in ("asked", "ptyed", "lectured"):
        assert errors[name].startswith(f"failed: sudo doesn't accept {name}'s password"), errors
    assert awkward.shell("odd", "journalctl -t sudo -o cat").count("3 incorrect password attempts") == 0
    errors = awkward.errors("plan", "far", code=1)
    assert "sudo asks for asked's password, and there is none" in errors["asked"]
    assert "CDCONF_SUDO_PASSWORD" in errors["asked"]
    awkward.shell("odd", f"echo 'outsider:{PASSWORD}' | chpasswd")
    awkward.far({"outsider": awkward.ssh("outsider")})
    errors = awkward.errors("plan", "far", code=1, CDCONF_SUDO_PASSWORD=PASSWORD)
    assert "outsider may not become root with sudo there" in errors["outsider"]


@pytest.mark.parametrize("user", ["asked", "ttyed", "ptyed", "lectured"])
def test_bytes_pass_unharmed_and_the_password_shows_nowhere(awkward, user, monkeypatch):
    awkward.far({user: awkward.ssh(user)})
    monkeypatch.setenv("CDCONF_SUDO_PASSWORD", PASSWORD)
    project = load_project(awkward.root)
    environment = load_environment(project, "far")
    connector = Connector(project, environment, lambda event: None)
    session = connector.connect(environment.hosts[user], print)
    try:
        blob = bytes(range(256)) * 16384
        began = time.monotonic()
        assert session.run("cat", data=blob)["stdout"] == blob
        assert time.monotonic() - began < 10
        assert session.run("cat", data=b"\x03\x04\x11\x13\x1a\x1c\x7f\r\n\xff")["stdout"].endswith(b"\r\n\xff")
        seen = session.run("ps -eo args; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; journalctl -o cat; id -u")
        assert seen["stdout"].endswith(b"\n0\n")
        assert PASSWORD.encode() not in seen["stdout"]
    finally:
        session.close()
        connector.close()


def test_the_password_is_masked_in_output_and_history(awkward):
    awkward.far({"asked": awkward.ssh("asked")})
    awkward.shell("odd", "rm -rf /var/lib/cdconf/awkward")
    result = awkward("run", "far", "--", f"echo '<{PASSWORD}>'; cat /etc/shadow | wc -l", CDCONF_SUDO_PASSWORD=PASSWORD)
    assert "asked: <***>" in result.stdout
    text = "".join(path.read_text() for path in awkward.root.glob(".cdconf/*") if path.is_file())
    assert "run" in text
    awkward.shell("odd", "rm -rf /var/lib/cdconf/awkward")


# --- file systems


def test_tmp_may_be_noexec_and_the_cache_must_be_writable(awkward):
    awkward.far({"root": awkward.ssh("root")})
    awkward.shell("odd", "mount -t tmpfs -o noexec,mode=1777 tmpfs /tmp")
    awkward.shell("odd", "rm -rf /var/lib/cdconf/.agent")
    awkward("plan", "far")
    awkward.shell("odd", "umount /tmp; mount -t tmpfs -o ro tmpfs /var/lib/cdconf")
    try:
        errors = awkward.errors("plan", "far", code=1)
        assert "the agent can't be kept on the host: /var/lib/cdconf/.agent: Read-only file system" in errors["root"]
        assert "must be writable and nobody else's" in errors["root"]
    finally:
        awkward.shell("odd", "umount /var/lib/cdconf")


def test_a_read_only_root_is_enough_where_var_is_writable(awkward):
    awkward.far({"root": awkward.ssh("root", port=2203)})
    awkward.shell("odd", "rm -rf /var/lib/cdconf/.agent /var/lib/cdconf/awkward")
    awkward("plan", "far")
    awkward.shell("odd", "echo other > /etc/awkward/plain")
    error = awkward("provision", "far", code=1).stderr
    assert "can't write '/etc/awkward/plain': Read-only file system" in error
    awkward.shell("odd", "echo plain > /etc/awkward/plain; rm -rf /var/lib/cdconf/awkward")


def test_bytes_that_are_not_utf_8_are_shown_and_do_no_harm(awkward):
    awkward.far({"root": awkward.ssh("root")})
    awkward.shell("odd", r"printf 'caf\351\n' > /etc/awkward/plain")
    for locale in ("POSIX", "de_DE.ISO-8859-1"):
        result = awkward("plan", "far", code=2, LC_ALL=locale, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
        assert "file /etc/awkward/plain: would change" in result.stderr
    awkward.shell("odd", "echo plain > /etc/awkward/plain")


# --- ssh


def test_ssh_s_own_configuration_is_kept(awkward, tmp_path):
    """Aliases with HostName, Port, User, IdentityFile, UserKnownHostsFile, ProxyJump."""
    home = awkward.home(
        tmp_path,
        f"""
        Host alias
            HostName {awkward.address("odd")}
            Port 2201
            User root
        Host behind
            HostName {awkward.address("odd")}
            User root
            ProxyJump root@{awkward.address("bastion")}:22
        Host *
            IdentityFile {awkward.key}
            UserKnownHostsFile {awkward.known}
        """,
    )
    awkward.far({name: f"{{address: {name}}}" for name in ("alias", "behind")})
    assert awkward("plan", "far", **home).stdout.count("ok=4") == 2
    write(tmp_path, {".ssh/config": "Match nonsense\n  Port 1\n"})
    assert "ssh's configuration" in awkward("plan", "far", code=1, **home).stderr


def test_keys_may_be_in_the_agent_and_locked_ones_must_be(awkward, tmp_path):
    locked = tmp_path / "locked"
    shutil.copy(awkward.key, locked)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "open sesame", "-f", locked], check=True, capture_output=True)
    home = {"HOME": str(tmp_path), "SSH_AUTH_SOCK": ""}
    awkward.far({"one": awkward.ssh("root", identity_file=locked)})
    error = awkward.errors("plan", "far", code=4, **home)["one"]
    assert f"needs the key {locked}, which has a passphrase" in error
    assert f"unlock it in the ssh agent: ssh-add {locked}" in error
    awkward.far({"two": awkward.ssh("root", identity_file=None)})
    assert "there is no key to try" in awkward.errors("plan", "far", code=4, **home)["two"]
    awkward.far({"three": awkward.ssh("root", identity_file=tmp_path / "nowhere")})
    assert "the ssh identity_file of 'three' isn't there" in awkward("plan", "far", code=1, **home).stderr
    sock = str(tmp_path / "agent.sock")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", sock], stdout=subprocess.DEVNULL)
    try:
        for _ in range(50):
            if os.path.exists(sock):  # noqa: PTH110
                break
            time.sleep(0.1)
        env = {**os.environ, "SSH_AUTH_SOCK": sock}
        subprocess.run(["ssh-add", "-q", awkward.key], env=env, check=True)
        awkward.far({"one": awkward.ssh("root", identity_file=locked), "two": awkward.ssh("root", identity_file=None)})
        assert awkward("plan", "far", **{**home, "SSH_AUTH_SOCK": sock}).stdout.count("ok=4") == 2
    finally:
        agent.terminate()
        agent.wait()


def test_a_changed_host_key_is_refused(awkward, tmp_path):
    wrong = tmp_path / "known"
    key = awkward.shell("bastion", "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").strip()
    wrong.write_text(f"{awkward.address('odd')} {key}\n")
    awkward.far({"odd": awkward.ssh("root", known_hosts=wrong)})
    error = awkward.errors("plan", "far", code=4)["odd"]
    assert "its ssh host key is not the one that is known" in error
    assert f"ssh-keygen -R {awkward.address('odd')}" in error


def test_an_old_server_that_signs_with_sha_1_alone_is_reached_where_that_is_said(awkward, tmp_path):
    """A real sshd, which offers nothing else; the user's key is an RSA one, too."""
    key, known = tmp_path / "id_rsa", tmp_path / "known"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", key], check=True)
    public = key.with_suffix(".pub").read_text().strip()
    awkward.shell("odd", f"echo '{public}' >> /home/chatty/.ssh/authorized_keys")
    theirs = awkward.shell("odd", "cut -d' ' -f1,2 /etc/ssh/old_rsa_key.pub").strip()
    known.write_text(f"[{awkward.address('odd')}]:2204 {theirs}\n")
    about = {"port": 2204, "identity_file": key, "known_hosts": known}
    awkward.far({"old": awkward.ssh("chatty", **about)})
    assert "ssh_rsa: true" in awkward("plan", "far", code=4).stderr
    awkward.far({"old": awkward.ssh("chatty", **about, ssh_rsa=True)})
    assert "ok=4" in awkward("plan", "far").stdout
    assert awkward("ssh", "far", "old", "--", "id", "-un").stdout.split()[-1] == "chatty"


def test_hosts_behind_a_jump_host_share_one_connection(awkward):
    jump = f"root@{awkward.address('bastion')}:22"
    awkward.far({f"h{number}": awkward.ssh("root", jump=jump) for number in range(4)})
    count = "journalctl -u ssh -o cat | grep -c 'Accepted publickey' || true"
    before = int(awkward.shell("bastion", count))
    assert awkward("plan", "far").stdout.count("ok=4") == 4
    assert int(awkward.shell("bastion", count)) == before + 1


def test_a_jump_host_that_does_not_help_is_named(awkward):
    odd = awkward.address("odd")
    jumps = {"refusing": f"root@{odd}:2202", "dead": f"root@{odd}:9", "dead2": f"root@{odd}:9"}
    hosts = {name: awkward.ssh("root", host="bastion", jump=jump) for name, jump in jumps.items()}
    hosts["nowhere"] = awkward.ssh("root", jump=f"root@{awkward.address('bastion')}", port=9)
    awkward.far(hosts)
    errors = awkward.errors("plan", "far", code=4)
    assert f"the jump host root@{odd}:2202 refuses to forward to" in errors["refusing"]
    assert "AllowTcpForwarding" in errors["refusing"]
    for name in ("dead", "dead2"):
        assert f"the jump host root@{odd}:9: {odd} port 9 refused the connection" in errors[name]
    assert "can't reach" in errors["nowhere"]


def test_a_server_that_drops_connections_is_given_time(awkward):
    awkward.far({f"h{number}": awkward.ssh("root", port=2201) for number in range(10)})
    assert awkward("plan", "far").stdout.count("ok=4") == 10


# --- no Python


def test_python_is_installed_by_provision_alone_and_only_where_hosts_yml_says_so(awkward):
    purge = "apt-get -qq purge -y --allow-remove-essential libpython3.11-minimal </dev/null >/dev/null 2>&1"
    awkward.shell("bare", f"{purge}; rm -rf /etc/awkward /var/lib/cdconf; ! command -v python3")
    awkward.far({"bare": awkward.ssh("root", host="bare")})
    error = awkward("provision", "far", code=1).stderr
    assert "there is no Python 3 on this host" in error
    assert "set `bootstrap: true` in hosts.yml and run `cdconf provision`" in error
    awkward.far({"bare": awkward.ssh("root", host="bare")}, top="bootstrap: true\n")
    for verb in ("plan", "drift", "status"):
        result = awkward(verb, "far", code=1)
        assert "there is no Python 3 on this host" in result.stderr
        assert "hint: run `cdconf provision`, which installs it" in result.stderr
    assert result.stdout.splitlines()[1].split() == ["bare", "-", "failed"]
    awkward.shell("bare", "! command -v python3")
    result = awkward("provision", "far")
    assert "bare: installing python3, because there is no Python" in result.stderr
    assert "bare  ok=0 changed=4 failed=0" in result.stdout
    assert "installing" not in awkward("provision", "far").stderr


def test_a_python_without_its_library_gets_it(awkward):
    """As Debian's python3-minimal leaves it. This apt-get needs no network."""
    awkward.far({"bare": awkward.ssh("root", host="bare")}, top="bootstrap: true\n")
    fake = "#!/bin/sh\\necho unpacking\\ntest -e /root/json && mv /root/json /usr/lib/python3.11/\\n"
    awkward.shell("bare", f"printf '{fake}' > /usr/local/sbin/apt-get; chmod 755 /usr/local/sbin/apt-get")
    awkward.shell("bare", "mv /usr/lib/python3.11/json /root/; rm -rf /var/lib/cdconf/.agent")
    try:
        error = awkward("plan", "far", code=1).stderr
        assert "its Python lacks a part of the standard library (the module 'json')" in error
        result = awkward("provision", "far")
        assert "bare: installing python3, because its Python has no module 'json'" in result.stderr
    finally:
        awkward.shell("bare", "rm /usr/local/sbin/apt-get")


@pytest.mark.parametrize(
    ("manager", "arguments"),
    [("dnf", "-y -q install python3"), ("yum", "-y -q install python3"), ("apk", "add -q --no-progress python3")],
)
def test_other_package_managers_are_asked_in_their_own_words(awkward, manager, arguments):
    """Stand-ins, which bring a Python back: no host of theirs can be had here."""
    awkward.far({"bare": awkward.ssh("root", host="bare")}, top="bootstrap: true\n")
    fake = f'#!/bin/sh\\ntest "$*" = "{arguments}" && mv /opt/away/python3* /usr/bin/\\n'
    awkward.shell("bare", f"printf '{fake}' > /usr/local/bin/{manager}; chmod 755 /usr/local/bin/{manager}")
    awkward.shell("bare", "mkdir -p /opt/away; mv /usr/bin/python3* /usr/bin/apt-get /opt/away/")
    try:
        assert "bare: installing python3" in awkward("provision", "far").stderr
    finally:
        awkward.shell("bare", f"rm /usr/local/bin/{manager}; mv /opt/away/* /usr/bin/")


def test_a_python_that_can_not_be_installed_is_one_clear_error(awkward):
    awkward.far({"bare": awkward.ssh("root", host="bare")}, top="bootstrap: true\n")
    awkward.shell("bare", "mkdir -p /opt/away; mv /usr/bin/python3* /usr/bin/apt-get /opt/away/")
    try:
        error = awkward("provision", "far", code=1).stderr
        assert "python3 couldn't be installed" in error
        assert "no apt-get, dnf, yum or apk here" in error
        awkward.shell("bare", "mkdir -p /usr/libexec; ln -s /opt/away/python3.11 /usr/libexec/platform-python")
        awkward("plan", "far")
    finally:
        awkward.shell("bare", "mv /opt/away/* /usr/bin/; rm -f /usr/libexec/platform-python")


# --- people's own scripts


SCRIPT = r"""
import cdconf.fabric
with cdconf.fabric.group("far") as hosts:
    said = hosts.sudo("id -un", hide=True)
    print(sorted((one.host, one.user, result.stdout) for one, result in said.items()))
    line = 'echo "$WORD"; printf %.4s "$WORD"; sleep 0.3; echo "$WORD" | cut -c5-'
    hosts.run(line, env={"WORD": "'s3cret,W\u00f6rd $x'"})
"""


def ended(awkward, command, env):
    pipes = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    return subprocess.run(command, cwd=awkward.root, env=env, timeout=120, check=False, **pipes)


def test_a_script_gets_sudo_s_password_and_goes_through_jump_hosts(awkward):
    """MaxSessions is 1 there; nobody gives the script a terminal or an input; the secret isn't shown."""
    jump = f"root@{awkward.address('bastion')}"
    awkward.far({"asked": awkward.ssh("asked", jump=jump), "bastion": awkward.ssh("root", "bastion")})
    for host in ("odd", "bastion"):
        awkward.shell(host, "rm -rf /var/lib/cdconf/awkward")
    command = [sys.executable, "-c", SCRIPT]
    env = {**os.environ, "CDCONF_SUDO_PASSWORD": PASSWORD}
    done = ended(awkward, command, env)
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first == "[('asked', 'asked', 'root\\n'), ('bastion', 'root', 'root\\n')]"
    assert lines == ["***"] * 4
    assert PASSWORD not in done.stdout + done.stderr
    env["CDCONF_SUDO_PASSWORD"] = "wrong-word"
    done = ended(awkward, command, env)
    assert "sudo doesn't accept asked's password" in done.stderr
    assert "direct cause" not in done.stderr
