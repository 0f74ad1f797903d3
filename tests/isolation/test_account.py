"""Running as somebody else: what that one has, sees, leaves, and what's taken out of its hands."""

import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cdconf.errors import CdconfError
from cdconf.isolation import account, sight, users
from cdconf.isolation.account import private
from tests.conftest import cdconf, write

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run something as another user")


def said(who, text, **variables):
    """What a shell's command line prints, run by an account."""
    process = who.start(
        ["/bin/sh", "-c", text], who.home, variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return process.communicate(timeout=60)[0]


@root
def test_it_is_somebody_without_rights_and_with_a_place_of_its_own(monkeypatch):
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    with account("test") as who:
        assert who.isolated
        assert said(who, "id -u; id -G").split() == [str(who.user)] * 2
        assert "NoNewPrivs:\t1" in said(who, "cat /proc/self/status")
        assert "CapEff:\t0000000000000000" in said(who, "cat /proc/self/status")
        assert (
            said(who, "echo mine >file && cat file; echo $HOME; echo $SSH_AUTH_SOCK$X", X="-")
            == f"mine\n{who.home}\n-\n"
        )
        folder = who.folder
    assert not folder.exists()


@root
def test_a_cdconf_that_it_starts_says_why_it_fails(project):
    with account("test") as who:
        text = said(who, f"{sys.executable} -P -m cdconf status dev --project /")
    assert "hint: CDCONF_ISOLATION=off, set where you run cdconf, lets it" in text
    assert "CDCONF_ISOLATION" not in cdconf(project, "status", "nosuch").stderr


@root
def test_two_at_once_are_two_and_cannot_touch_one_another():
    with account("one") as one, account("two") as two:
        assert one.user != two.user
        (one.home / "secret").write_text("x")
        assert "Permission denied" in said(two, f"cat {one.home}/secret; ls {one.home}")


@root
def test_what_it_leaves_running_is_ended():
    stubborn = "trap '' TERM HUP; setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 100; done' >/dev/null 2>&1 &"
    with account("test") as who:
        said(who, stubborn)
        assert users._processes(who.user)
        user = who.user
    assert not users._processes(user)


@root
def test_python_and_cdconf_can_be_used_though_they_lie_in_a_closed_directory(tmp_path):
    with account("test") as who:
        text = said(who, f"{sys.executable} -c 'import cdconf, pytest; print(cdconf.__file__)'")
    assert text.strip().endswith("cdconf/__init__.py")


@root
def test_what_is_closed_to_others_stays_so_and_what_is_shown_cannot_be_changed(tmp_path):
    closed = tmp_path / "closed"
    write(closed, {"tools/deep/tool": "echo used\n", "secret": "key\n"})
    (closed / "secret").chmod(0o644)
    (closed / "tools/deep").chmod(0o777)
    closed.chmod(0o700)
    tmp_path.chmod(0o755)
    plan = sight.hidden([closed / "tools/deep"])
    above = next(iter(plan))
    assert closed.is_relative_to(above)
    with account("test") as who:
        who._closed = sight.hidden([who.folder, *sight.python_paths(), closed / "tools/deep"])
        text = said(who, f"sh {closed}/tools/deep/tool; cat {closed}/secret; echo x >{closed}/tools/deep/tool")
    assert text.splitlines()[0] == "used"
    assert "No such file" in text
    assert "Read-only file system" in text
    assert (closed / "tools/deep/tool").read_text() == "echo used\n"


@root
@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("ln -s /etc/shadow out", "link"),
        ("mkdir real; echo x >real/file; ln -s real dir", "link"),
        ("mkfifo out", "isn't a file"),
        ("mkdir out", "isn't a file"),
        ("ln -s /etc dir", "link"),
    ],
)
def test_only_a_file_of_its_own_is_taken_out(made, why):
    with account("test") as who:
        said(who, made)
        name = "dir/file" if "dir" in made and "out" not in made else "out"
        with pytest.raises(CdconfError, match=why):
            who.take(who.home / name)


@root
def test_a_second_name_of_somebody_elses_file_is_not_taken_out():
    with account("test") as who:
        secret = who.folder / "secret"
        secret.write_text("key")
        os.link(secret, who.home / "out")
        with pytest.raises(CdconfError, match="isn't a file that was made here"):
            who.take(who.home / "out")


@root
def test_what_is_taken_out_cannot_be_changed_any_more():
    with account("test") as who:
        said(who, "echo one >out")
        taken = who.take(who.home / "out")
        said(who, f"echo two >out; echo three >{taken}")
        assert taken.read_text() == "one\n"


@root
def test_giving_does_not_follow_links(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("x")
    with account("test") as who:
        write(who.home, {"tree/file": "x"})
        (who.home / "tree/link").symlink_to(victim)
        who.give(who.home / "tree")
        assert (who.home / "tree/file").stat().st_uid == who.user
    assert victim.stat().st_uid == 0


@root
def test_an_ordinary_user_works_too_and_says_that_nothing_is_isolated():
    """cdconf itself, run by somebody who isn't root."""
    script = (
        "import os, subprocess\nfrom pathlib import Path\nfrom cdconf.isolation import account\n"
        "with account('inner') as who:\n"
        "    command = ['/bin/sh', '-c', 'id -u; echo $AWS_PROFILE; echo x >y']\n"
        "    process = who.start(command, who.home, {}, stdout=subprocess.PIPE)\n"
        "    print(who.isolated, who.why, process.communicate()[0].split() == [str(os.getuid()).encode()])\n"
        "    print(who.take(who.home / 'y') == who.home / 'y')\n"
    )
    with account("test") as who:
        (who.home / "script.py").write_text(script)
        who.give(who.home / "script.py")
        text = said(who, f"{sys.executable} script.py", AWS_PROFILE="production")
    first, last = text.splitlines()
    assert first.startswith("False only root can run something as another user, and no container can be made: ")
    assert first.endswith(" True")
    assert last == "True"


@pytest.mark.parametrize(
    ("rights", "ids", "why"),
    [
        ("000001ffffffffff", "0 0 4294967295", None),
        ("00000000a80425fb", "0 100000 65536", None),
        ("00000000a8042500", "0 0 4294967295", "root lacks CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_KILL"),
        ("000001ffffffffff", "0 1000 1", "there are no user ids 60578 to 60705 here"),
    ],
)
def test_a_root_without_rights_or_ids_is_noticed(tmp_path, rights, ids, why):
    """Containers: docker's default, one without capabilities, a rootless one with a single id."""
    write(tmp_path, {"status": f"Name:\tx\nCapEff:\t{rights}\n", "uid_map": f"{ids}\n", "gid_map": f"{ids}\n"})
    found = users.lacking(tmp_path)
    assert found is None if why is None else found.startswith(why)


def test_an_operator_can_switch_it_off(monkeypatch):
    monkeypatch.setenv("CDCONF_ISOLATION", "off")
    with account("test") as who:
        assert (who.isolated, who.why) == (False, "CDCONF_ISOLATION is off")
        assert said(who, "id -u").strip() == str(os.geteuid())


@root
def test_it_cannot_reach_a_socket_that_is_not_its_own(tmp_path):
    place = Path("/tmp") / f"cdconf-test-{os.getpid()}"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(place))
    place.chmod(0o600)
    server.listen(1)
    try:
        with account("test") as who:
            text = said(who, f"{sys.executable} -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{place}\")'")
    finally:
        server.close()
        place.unlink()
    assert "PermissionError" in text


@root
def test_places_are_left_as_they_were():
    def look():
        home = Path("/root")
        return stat.S_IMODE(home.stat().st_mode), sorted(home.iterdir()), threading.active_count()

    before = look()
    with account("test") as who:
        said(who, "true")
    assert look() == before


def test_a_checkout_of_a_commit_hides_the_directory_whose_data_it_borrows(tmp_path):
    home = tmp_path / "home"
    checkout = home / ".cdconf/pipeline/1/checkout"
    elsewhere = tmp_path / "elsewhere"
    for one in (checkout, elsewhere, tmp_path / "linked"):
        one.mkdir(parents=True)
    (checkout / ".cdconf").symlink_to(home / ".cdconf")
    (tmp_path / "linked/.cdconf").symlink_to(elsewhere)
    assert private([home]) == [home]
    assert private([checkout]) == [checkout, home]
    assert private([tmp_path / "linked"]) == [tmp_path / "linked", elsewhere]
