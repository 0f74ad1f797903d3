"""The example's script that takes web hosts out of nginx and puts them back, on files of a temp directory."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "roles/nginx/files/shop-upstream"
PLACES = ("/etc/nginx/shop-servers", "/etc/nginx/shop-upstream.conf", "/var/lib/shop-upstream")
KNOWN = """#!/bin/sh
grep -q "^$2 " names || exit 2
sed -n "s/^$2 //p" names
"""


@pytest.fixture
def run(tmp_path):
    """The script, with `names` for what the resolver knows."""
    text = SCRIPT.read_text()
    for place in PLACES:
        text = text.replace(place, str(tmp_path / Path(place).name))
    for name, content in (("script", text), ("getent", KNOWN), ("systemctl", "#!/bin/sh\nexit 1\n")):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "shop-upstream").mkdir()
    (tmp_path / "shop-servers").write_text("web1 web1:8000\nweb2 10.0.0.2:8000\n")
    (tmp_path / "names").write_text("web1 10.0.0.1 STREAM web1\n10.0.0.2 10.0.0.2 STREAM 10.0.0.2\n")
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def ran(*arguments):
        done = subprocess.run([tmp_path / "script", *arguments], cwd=tmp_path, env=environment, check=False)
        return done.returncode

    return ran


def lines(folder):
    return (folder / "shop-upstream.conf").read_text().splitlines()


def test_drained_hosts_are_marked_as_down(run, tmp_path):
    assert (run("write"), run("check")) == (0, 0)
    assert run("drain", "web2") == 0
    serves, down = lines(tmp_path)
    assert serves == "server 10.0.0.1:8000 max_fails=1 fail_timeout=2s; # web1"
    assert down == "server 10.0.0.2:8000 max_fails=1 fail_timeout=2s down; # web2"
    assert run("undrain", "web2") == run("undrain", "nobody") == 0
    assert not any("down" in line for line in lines(tmp_path))
    assert run("drain", "nobody") == 1


def test_a_host_that_is_down_and_has_no_address_now_keeps_its_last_one(run, tmp_path):
    assert run("write") == 0
    (tmp_path / "names").write_text("10.0.0.2 10.0.0.2 STREAM 10.0.0.2\n")
    assert run("check") == 0
    assert run("drain", "web1") == 0
    assert lines(tmp_path)[0] == "server 10.0.0.1:8000 max_fails=1 fail_timeout=2s down; # web1"
    (tmp_path / "names").write_text("web1 10.0.0.9 STREAM web1\n10.0.0.2 10.0.0.2 STREAM 10.0.0.2\n")
    assert run("check") == 1, "it has another one"


def test_a_host_that_never_had_an_address_is_left_out(run, tmp_path):
    (tmp_path / "names").write_text("10.0.0.2 10.0.0.2 STREAM 10.0.0.2\n")
    assert (run("write"), run("check")) == (0, 0)
    assert len(lines(tmp_path)) == 1
