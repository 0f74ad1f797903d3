"""Throw-away environments are defined, checked and prolonged; a provider on paper stands for Docker."""

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cdconf.catalog.scope import Raw, Scope
from cdconf.catalog.templating import Templating
from cdconf.environments.check import check_throwaway
from cdconf.environments.throwaway import prolong
from cdconf.errors import InvalidFile, ProviderError, UsageError
from cdconf.inventory import VariableFiles, load_environment
from cdconf.inventory.variables import AsIs
from cdconf.secrets import Mask
from tests.conftest import cdconf, git, write
from tests.environments.paper_copies import HOURS, ROLE, defined, names, paper, quiet, shop

__all__ = ["paper", "shop"]


def test_a_definition_is_private_and_says_all_that_was_asked_for(shop):
    made = defined(shop, scale={"web": 1}, variables={"server_name": "{{ environment.name }}.test", "threads": 2})
    assert (made.name, made.provider, made.copy_of, dict(made.scale)) == ("try-1", "docker", "dev", {"web": 1})
    assert abs(made.throwaway.expires - datetime.now(UTC) - HOURS) < timedelta(minutes=1)
    assert names(shop) == ["group_vars/all.yml", "hosts.yml", "lifetime.yml"]
    folder = shop.root / ".cdconf/throwaway"
    for path in (folder, *folder.rglob("*")):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    layer = VariableFiles(shop, made).layers(made.hosts["web1"])[-1]
    assert dict(layer.values) == {"server_name": "{{ environment.name }}.test", "threads": 2}


@pytest.mark.parametrize(
    "value", ["a: b # c", "x\ny: 1", '"', "'", "on", "22:22", "0644", "[1, 2", "é\u2028😀", "true"]
)
def test_a_value_is_remembered_as_it_was_given(shop, value):
    made = defined(shop, variables={"mail": value, "threads": [1, {"a": None}, 1.5, True]})
    values = VariableFiles(shop, made).layers(made.hosts["web1"])[-1].values
    assert dict(values) == {"mail": value, "threads": [1, {"a": None}, 1.5, True]}


@pytest.mark.parametrize("text", ["{{ 7*7 }}", "a {% b", "{# c #}\n'\"\\\\n", "{{ '}}' }} é😀 {% raw %}\n"])
def test_a_files_text_is_remembered_as_it_is(shop, text):
    """Nothing in it is rendered, neither now nor later."""
    made = defined(shop, variables={"mail": AsIs(text)})
    value = VariableFiles(shop, made).layers(made.hosts["web1"])[-1].values["mail"]
    scope = Scope(Templating(shop.root), {"mail": Raw(value, "x", 1)}, {}, {}, str, Mask())
    assert scope.lookup("mail", None) == text


@pytest.mark.parametrize("name", ["", "Try", "try_1", "try.1", "-try", "../dev", "a" * 64, "try 1", "try/1"])
def test_a_name_that_is_none_is_refused(shop, name):
    with pytest.raises(UsageError, match="can't be an environment's name"):
        defined(shop, name)
    assert shop.throwaways() == ()


def test_the_name_of_an_environment_with_a_file_is_taken(shop):
    with pytest.raises(UsageError, match=r"has a file: inventories/dev/hosts\.yml"):
        defined(shop, "dev")


def test_what_is_copied_must_be_there_and_have_a_file(shop):
    with pytest.raises(UsageError, match="no environment 'devv'") as caught:
        defined(shop, copy_of="devv")
    assert caught.value.hint == "did you mean 'dev'?"
    defined(shop)
    with pytest.raises(UsageError, match="'try-1' is a throw-away environment, which can't be copied"):
        defined(shop, "try-2", copy_of="try-1")


def test_it_gets_its_name_when_all_of_it_is_there(shop, monkeypatch):
    class Killed(BaseException):
        pass

    def rename(path, target):
        assert names(shop, path.name) == ["group_vars/all.yml", "hosts.yml", "lifetime.yml"]
        assert shop.throwaways() == ()
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with pytest.raises(Killed):
            defined(shop, variables={"mail": "a"})
    assert shop.throwaways() == ()
    defined(shop)  # what was left half-way is no part of it
    assert names(shop) == ["hosts.yml", "lifetime.yml"]


def test_what_cannot_be_leaves_nothing_behind(shop):
    def refuse(environment):
        raise ProviderError("no")

    with pytest.raises(ProviderError):
        defined(shop, check=refuse)
    with pytest.raises(UsageError, match="scale asks for 9 hosts in 'web', and dev has 1"):
        defined(shop, scale={"web": 9})
    assert list((shop.root / ".cdconf/throwaway").iterdir()) == []
    assert list((shop.root / ".cdconf/holds").iterdir()) == []


def test_hosts_that_another_environment_has_left_are_not_taken_over(shop, paper):
    paper.made["try-1"] = ["web1"]
    with pytest.raises(UsageError, match="hosts or keys of another environment 'try-1'"):
        defined(shop)
    paper.made.clear()
    write(shop.root, {".cdconf/environments/try-1/id_ed25519": "of another branch"})
    with pytest.raises(UsageError, match="hosts or keys of another environment 'try-1'"):
        defined(shop)
    assert shop.throwaways() == ()


def test_the_same_again_lives_on_and_learns_new_variables(shop, paper):
    first = defined(shop, ttl=timedelta(hours=1), variables={"mail": "a", "threads": 2}).throwaway
    paper.made["try-1"] = ["web1"]  # its own
    again = defined(shop, variables={"mail": "b"})
    assert again.throwaway.created == first.created
    assert again.throwaway.expires - first.expires >= timedelta(hours=2, minutes=59)
    values = VariableFiles(shop, again).layers(again.hosts["web1"])[-1].values
    assert dict(values) == {"mail": "b", "threads": 2}


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"copy_of": "other"}, "its copy_of is dev, not other"),
        ({"provider": "vagrant"}, "its provider is docker, not vagrant"),
        ({"scale": {"web": 0}}, "its scale is none, not web=0"),
    ],
)
def test_a_name_stands_for_one_environment(shop, wish, message):
    write(shop.root, {"inventories/other/hosts.yml": "copy_of: dev\nprovider: docker\n"})
    before = defined(shop).throwaway
    with pytest.raises(UsageError, match=message):
        defined(shop, **wish)
    assert load_environment(shop, "try-1").throwaway == before


def test_new_variables_that_cannot_be_are_forgotten(shop):
    def refuse(environment):
        raise UsageError("no")

    defined(shop)
    with pytest.raises(UsageError, match="no"):
        defined(shop, check=refuse, variables={"mail": "b"})
    assert names(shop) == ["hosts.yml", "lifetime.yml"]
    defined(shop, variables={"mail": "a"})
    with pytest.raises(UsageError, match="no"):
        defined(shop, check=refuse, variables={"mail": "b"})
    made = load_environment(shop, "try-1")
    assert dict(VariableFiles(shop, made).layers(made.hosts["web1"])[-1].values) == {"mail": "a"}


def test_only_what_is_thrown_away_can_be_prolonged(shop):
    defined(shop, ttl=timedelta(seconds=1))
    assert prolong(shop, "try-1", HOURS, quiet).throwaway.expires > datetime.now(UTC) + timedelta(hours=3)
    with pytest.raises(UsageError, match="dev has files, so it has no time to live"):
        prolong(shop, "dev", HOURS, quiet)
    with pytest.raises(UsageError, match="no environment 'try-2'"):
        prolong(shop, "try-2", HOURS, quiet)


def test_all_that_must_be_given_is_said_at_once(shop):
    with pytest.raises(UsageError, match="try-1 would have no value for server_name, mail") as caught:
        defined(shop, check=lambda made: check_throwaway(shop, made))
    assert "-e server_name=… -e mail=…" in caught.value.hint
    assert "inventories/dev/throwaway.yml" in caught.value.hint
    assert shop.throwaways() == ()


def test_what_the_original_gives_its_copies_is_enough_also_for_copies_of_copies(shop):
    write(
        shop.root,
        {
            "inventories/dev/throwaway.yml": 'server_name: "{{ environment.name }}.test"\nmail: none\n',
            "inventories/copy/hosts.yml": "copy_of: dev\nprovider: docker\n",
        },
    )
    for name, copy_of in (("try-1", "dev"), ("try-2", "copy")):
        defined(shop, name, copy_of, check=lambda made: check_throwaway(shop, made))
    result = cdconf(shop.root, "vars", "try-2", "web1", "--json")
    assert result.returncode == 0, result.stderr
    assert "try-2.test" in result.stdout
    assert not (shop.root / ".cdconf/environments/try-1").exists()  # secrets are made with the hosts


def test_a_secret_that_people_must_set_can_be_set_once_it_is_there(shop, tmp_path):
    write(shop.root, {"roles/base/role.yml": ROLE.replace("{{ password }}", "{{ token }}")})
    given = {"server_name": "a", "mail": "b"}
    defined(shop, variables=given, check=lambda made: check_throwaway(shop, made, given))
    identity = {"CDCONF_AGE_IDENTITY": str(tmp_path / "age.txt")}
    assert cdconf(shop.root, "secret", "get", "try-1", "token", **identity).returncode == 1
    command = [sys.executable, "-m", "cdconf", "secret", "set", "try-1", "token"]
    environment = {**os.environ, **identity}
    subprocess.run(command, cwd=shop.root, input="s3cret", env=environment, text=True, check=True, timeout=60)
    assert cdconf(shop.root, "secret", "get", "try-1", "token", **identity).stdout == "s3cret"
    assert "secrets.yml" in names(shop)
    assert "s3cret" not in (shop.root / ".cdconf/throwaway/try-1/secrets.yml").read_text()


def test_a_secret_is_not_remembered_in_the_clear(shop):
    given = {"server_name": "a", "mail": "b", "password": "hunter22"}
    with pytest.raises(UsageError, match="'password' is a secret") as caught:
        defined(shop, variables=given, check=lambda made: check_throwaway(shop, made, given))
    assert "cdconf secret set try-1 password" in caught.value.hint
    assert shop.throwaways() == ()


def test_a_value_of_another_type_is_said_of_what_was_given(shop):
    given = {"server_name": "a", "mail": "b", "threads": "many"}
    with pytest.raises(UsageError, match="-e: 'threads' must be of type integer, but is 'many'"):
        defined(shop, variables=given, check=lambda made: check_throwaway(shop, made, given))


@pytest.mark.parametrize(
    ("given", "kind", "place"),
    [
        ({"server_name": "a", "mail": "192.0.2.1"}, UsageError, ""),  # the file with -e's values is gone again
        ({"server_name": "a", "mail": "b"}, InvalidFile, "inventories/dev/group_vars/web.yml:1: "),
    ],
)
def test_a_copy_keeps_away_from_its_original(shop, given, kind, place):
    write(shop.root, {"inventories/dev/group_vars/web.yml": "relays: [192.0.2.1]\n"})
    role = ROLE.replace("{{ password }}", "{{ relays | default([]) }}")
    write(shop.root, {"roles/base/role.yml": role})
    with pytest.raises(kind, match=r"holds '192\.0\.2\.1', which is dev's web1") as caught:
        defined(shop, variables=given, check=lambda made: check_throwaway(shop, made, given))
    assert str(caught.value).startswith(place or "-e: try-1 is a copy")
    assert "in inventories/dev/throwaway.yml" in caught.value.hint
    assert shop.throwaways() == ()


def test_two_revisions_of_its_original_are_two_of_it(shop):
    write(shop.root, {".gitignore": ".cdconf/\n"})
    git(shop.root, "init", "-q")
    git(shop.root, "add", "-A")
    git(shop.root, "commit", "-qm", "one")
    defined(shop, variables={"server_name": "a.test", "mail": "b"})
    write(shop.root, {"inventories/dev/group_vars/web.yml": "threads: 9\n"})
    git(shop.root, "add", "-A")
    git(shop.root, "commit", "-qm", "two")
    result = cdconf(shop.root, "plan", "try-1", "--from", "HEAD~1", "--to", "HEAD", "--json")
    assert result.returncode == 2, result.stderr
    (change,) = json.loads(result.stdout)["changes"]
    assert (change["title"], change["hosts"]) == ("/etc/app", ["web1"])
    assert cdconf(shop.root, "plan", "try-1", "--from", "HEAD", "--to", ".").returncode == 0
    assert "no environment 'try-2' at either" in cdconf(shop.root, "plan", "try-2", "--from", "HEAD").stderr


def test_lint_looks_at_files_and_at_what_they_give_throw_away_copies(shop):
    files = {
        "inventories/dev/group_vars/web.yml": "greetings: misspelt\n",
        "inventories/dev/throwaway.yml": "server_nam: misspelt\n",
    }
    write(shop.root, files)
    defined(shop)  # lacks variables, which isn't an error of the project's
    result = cdconf(shop.root, "lint", "--json")
    warnings = {(one["kind"], one["file"]) for one in json.loads(result.stdout)["warnings"]}
    assert {("unread_variable", file) for file in files} <= warnings
    assert (result.returncode, "try-1" in result.stdout) == (0, False), result.stdout
