"""Completion: what shells are offered, without errors and without heavy imports."""

import json
import shutil
import subprocess
import sys

import pytest

from cdconf.cli.main import PURPOSES, VERBS
from tests.conftest import CDCONF, cdconf, write

HEAVY = ("rich", "jinja2", "sqlalchemy", "fabric", "paramiko", "docker", "pytest", "cryptography", "pyrage", "invoke")


@pytest.fixture
def shop(project):
    write(
        project,
        {
            "cdconf.yml": """
                project: demo
                groups: {db: [base], web: [base]}
                apps:
                  shop: {groups: [web], path: /srv/shop, services: [shop, shop.socket]}
                  admin: {groups: [web], path: /srv/admin}
            """,
            "inventories/copy/hosts.yml": "copy_of: dev\nprovider: docker\nhosts: {web9: {groups: [web]}}\n",
            ".cdconf/artifacts/abc.json": json.dumps({"app": "shop", "version": "1.4"}),
        },
    )
    return project


def completed(root, line):
    words = line.split(" ")
    result = cdconf(root, _CDCONF_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert (result.returncode, result.stderr) == (0, "")
    return [word.partition(",")[2] for word in result.stdout.splitlines() if word]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cdconf ", list(VERBS)),
        ("cdconf dr", ["drift"]),
        ("cdconf plan ", ["copy", "dev"]),
        ("cdconf plan c", ["copy"]),
        ("cdconf plan dev --limit ", ["all", "db", "db1", "web", "web1"]),
        ("cdconf plan copy --limit web,!w", ["web,!web", "web,!web1", "web,!web9"]),
        ("cdconf plan dev --role ", ["base"]),
        ("cdconf deploy sh", ["shop", "shop@1.4"]),
        ("cdconf deploy shop --to ", ["copy", "dev"]),
        ("cdconf rollback dev a", ["admin"]),
        ("cdconf ssh dev ", ["db1", "web1"]),
        ("cdconf rollback dev shop --to ", ["1.4"]),
        ("cdconf rollback dev admin --to ", []),
        ("cdconf toggle shop new_checkout ", ["off", "on"]),
        ("cdconf toggle shop new_checkout of", ["off"]),
        ("cdconf logs dev --unit ", ["shop.service", "shop.socket"]),
        ("cdconf secret set d", ["dev"]),
        ("cdconf vars copy ", ["db1", "web1", "web9"]),
        ("cdconf logs dev --app ", ["admin", "shop"]),
        ("cdconf lock ", ["release", "status", "take"]),
        ("cdconf lock status ", ["copy", "dev"]),
        ("cdconf completion ", ["bash", "zsh", "fish"]),
        ("cdconf plan --lim", ["--limit"]),
        ("cdconf nonsense ", []),
    ],
)
def test_what_is_offered(shop, line, words):
    found = completed(shop, line)
    assert sorted(found) == sorted(words) if words else set(found) <= set(VERBS)


def test_throw_away_environments_are_offered_wherever_environments_are_but_not_as_originals(shop):
    write(shop, {".cdconf/throwaway/try-1/hosts.yml": "copy_of: copy\nprovider: docker\n"})
    assert completed(shop, "cdconf deploy shop --to ") == ["copy", "dev", "try-1"]
    assert completed(shop, "cdconf destroy t") == ["try-1"]
    assert completed(shop, "cdconf ssh try-1 ") == ["db1", "web1", "web9"]
    assert completed(shop, "cdconf provision --copy-of ") == ["copy", "dev"]


def test_a_broken_project_and_no_project_offer_nothing(shop, tmp_path_factory):
    write(shop, {"cdconf.yml": "project: [\n", "inventories/dev/hosts.yml": "hosts: 5\n"})
    assert completed(shop, "cdconf rollback dev ") == []
    assert completed(shop, "cdconf ssh dev ") == []
    assert completed(tmp_path_factory.mktemp("empty"), "cdconf plan ") == []


@pytest.mark.parametrize("line", ["cdconf plan dev --limit ", "cdconf deploy ", "cdconf logs dev --app ", "cdconf "])
def test_nothing_heavy_is_imported(shop, line):
    code = "import sys, cdconf.cli\ntry:\n    cdconf.cli.main()\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=shop,
        env={
            "PYTHONPATH": ":".join(sys.path),
            "_CDCONF_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(line.count(" ")),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0
    assert result.stdout
    assert {name.partition(".")[0] for name in result.stderr.split()} & set(HEAVY) == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_printed_and_can_be_read_by_their_shell(tmp_path, shell):
    result = cdconf(tmp_path, "completion", shell)
    assert result.returncode == 0
    assert "_CDCONF_COMPLETE" in result.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=result.stdout, text=True, check=True, capture_output=True)


def test_bash_itself_completes(shop, tmp_path):
    script = cdconf(shop, "completion", "bash").stdout
    wrapper = write(tmp_path, {"bin/cdconf": f'#!/bin/sh\nexec {" ".join(CDCONF)} "$@"\n'}) / "bin/cdconf"
    wrapper.chmod(0o755)
    words = (
        f'{script}\nCOMP_WORDS=(cdconf ssh dev w) COMP_CWORD=3\n_cdconf_completion cdconf\necho "${{COMPREPLY[@]}}"\n'
    )
    result = subprocess.run(
        ["bash", "-c", words],
        cwd=shop,
        env={"PATH": f"{wrapper.parent}:/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.strip().splitlines()[-1] == "web1", result.stderr


@pytest.mark.skipif(not shutil.which("fish"), reason="there is no fish here")
def test_fish_itself_completes_lists_of_hosts(shop, tmp_path):
    wrapper = write(tmp_path, {"bin/cdconf": f'#!/bin/sh\nexec {" ".join(CDCONF)} "$@"\n'}) / "bin/cdconf"
    wrapper.chmod(0o755)
    script = cdconf(shop, "completion", "fish").stdout
    result = subprocess.run(
        ["fish", "--no-config", "-c", f'{script}\ncomplete --do-complete "cdconf plan dev --limit db,w"'],
        cwd=shop,
        env={"PATH": f"{wrapper.parent}:/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.split() == ["db,web", "db,web1"], result.stderr


def test_an_unknown_shell_is_an_error(tmp_path):
    assert cdconf(tmp_path, "completion", "csh").returncode == 1


def test_help_shows_each_verb_with_others_of_its_purpose(tmp_path):
    shown = [name for names in PURPOSES.values() for name in names]
    assert sorted(shown) == sorted(VERBS)
    text = cdconf(tmp_path, "--help").stdout
    assert [text.index(f"\n{purpose}:\n") for purpose in PURPOSES] == sorted(
        text.index(f"\n{purpose}:\n") for purpose in PURPOSES
    )
    assert all(f"\n  {name} " in text for name in VERBS)
