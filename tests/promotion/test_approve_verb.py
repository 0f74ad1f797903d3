"""`cdconf approve`: what it shows and asks, with whose key it signs, and each way in which it can't."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import git
from tests.promotion.crew import Crew, key_pair, line_of
from tests.terminal import Terminal


@pytest.fixture
def crew(tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return Crew(tmp_path, tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("keys"))


@pytest.fixture
def agent(tmp_path_factory, monkeypatch):
    """An ssh-agent; returns what adds keys to it."""
    socket = tmp_path_factory.mktemp("agent") / "socket"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    while not socket.exists():
        assert process.poll() is None
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    yield lambda path: subprocess.run(["ssh-add", "-q", str(path)], check=True, capture_output=True)
    process.terminate()
    process.wait()


def test_it_shows_what_is_approved(crew):
    crew.release(crew.artifact)
    old = crew.head
    crew.commit("anna", "Fix the till\n\nCo-authored-by: Zoe <zoe@example.com>")
    crew.commit("ben", "Count faster", files={"roles/site/role.yml": "resources:\n  - directory: /srv/new\n"})
    crew.artifact = crew.built("6")
    smoke, parity = {"passed": 12, "failed": 0}, {"with": ["production"], "alike": True}
    statement = crew.prove(smoke=smoke, parity=parity, acceptance={"passed": 3, "failed": 0})
    done = crew.run("approve", "app@6", "--to", "production", "--yes", "--key", crew.keys["carl"])
    assert done.returncode == 0, done.stderr
    for text in (
        "app@6 to production\n",
        f"artifact   sha256 {crew.artifact.archive}\n",
        f"built from {crew.head[:10]}\n",
        "replaces   app@5, released ",
        "2 commits since app@5:\n",
        "Count faster\n    by ben <ben@example.com> (ben)\n",
        "Fix the till\n    by anna <anna@example.com> (anna), Zoe <zoe@example.com> (unknown to the policy)\n",
        f"  ~ role roles/site/role.yml\n  `cdconf procedure app --from {old[:10]} --to {crew.head[:10]}`\n",
        "what `provision` would change on hosts: 1 added, 1 removed; on 1 of 1 host (`cdconf plan production "
        f"--from {old[:10]} --to {crew.head[:10]}`)\n",
        "  manual: passed in staging at ",
        "; smoke 12 passed, 0 failed; acceptance 3 passed, 0 failed; parity with production: alike\n",
        f"    {statement}\n",
        "  there       after manual: passed in staging",
        "  MISSING     approvals: 0 of 1",
    ):
        assert text in done.stdout, done.stdout
    assert "carl has approved app@6 for production (approval-" in done.stderr
    assert "approvals: 1 of 1: carl" in done.stderr


def test_all_of_it_is_data_too(crew):
    statement = crew.prove()
    told = crew.approve("anna", "--note", "why not")
    assert told["since"] is None
    assert told["commits"][0]["authors"] == [{"name": "test", "address": "test@example.com", "person": "tess"}]
    assert statement in [one["statement"] for one in told["results"]]
    assert (told["decision"], told["person"], told["note"]) == ("approved", "anna", "why not")
    assert told["seen"]
    assert [one["state"] for one in told["gates"]] == ["there"] * 3
    name = told["approval"]
    assert crew.world.place.read([name])[name]


def test_what_is_signed_can_be_verified_by_openssh_alone(crew, tmp_path_factory):
    """With what the guide says: nothing of cdconf's is needed."""
    guide = (Path(__file__).parents[2] / "docs/guides/promotion.md").read_text()
    script = guide.split("sh verify-approval.sh")[1].split("```sh\n")[1].split("```")[0]
    folder = tmp_path_factory.mktemp("stranger")
    (folder / "verify-approval.sh").write_text(script)
    name = crew.approve("anna")["approval"]
    data = crew.world.place.read([name])[name]
    (folder / "good").write_bytes(data)
    made = json.loads(data)
    made["payload"] = made["payload"][:-8] + ("A" * 4) + made["payload"][-4:]
    (folder / "bad").write_text(json.dumps(made))
    line = line_of(crew.keys["anna"])
    for file, code in (("good", 0), ("bad", 255)):
        done = subprocess.run(
            ["sh", "verify-approval.sh", file, line], cwd=folder, capture_output=True, text=True, check=False
        )
        assert (done.returncode == 0) == (code == 0), (done.stdout, done.stderr)
    assert (
        '"decision": "approved"'
        in subprocess.run(
            ["sh", "verify-approval.sh", "good", line], cwd=folder, capture_output=True, text=True, check=True
        ).stdout
    )


def test_without_a_key_the_first_one_that_the_policy_knows_is_taken(crew, agent):
    agent(crew.keys["stranger"])
    agent(crew.keys["ben"])
    assert crew.approve(None)["person"] == "ben"


def test_keys_of_two_people_are_not_mixed_up(crew, agent):
    for name in ("anna", "ben"):
        agent(crew.keys[name])
    told = crew.approve(None, code=1)
    assert told["error"]["message"] == "the SSH keys here are those of anna and ben"
    assert told["error"]["hint"] == "say with which one to sign: --key FILE"
    assert crew.approve("ben")["person"] == "ben"


def test_keys_in_the_home_are_found(crew):
    folder = Path.home() / ".ssh"
    folder.mkdir()
    for name in ("carl", "carl.pub"):
        shutil.copy(crew.folder / name, folder / name.replace("carl", "id_ed25519"))
    assert crew.approve(None)["person"] == "carl"


def test_a_public_file_stands_for_the_agent_s_key(crew, agent):
    agent(crew.keys["anna"])
    alone = crew.folder / "alone.pub"
    alone.write_text(line_of(crew.keys["anna"]))
    crew.keys["alone"] = alone
    assert crew.approve("alone")["person"] == "anna"


class TestErrors:
    def refused(self, crew, *arguments, code=1, **environment):
        done = crew.run("approve", crew.artifact.label, "--to", "production", "--json", *arguments, **environment)
        found = json.loads(done.stdout)
        assert done.returncode == code, (done.stdout, done.stderr)
        assert not list(crew.world.root.rglob("approval-*"))
        return f"{found['error']['message']} | {found['error']['hint']}"

    def test_no_key_at_all(self, crew):
        text = self.refused(crew, "--yes")
        assert "there's no SSH key to sign with: none in an ssh-agent, none in ~/.ssh" in text
        assert "ssh-add" in text

    def test_only_keys_that_the_policy_does_not_know(self, crew, agent):
        agent(crew.keys["stranger"])
        text = self.refused(crew, "--yes")
        assert "the policy doesn't know any of the SSH keys here: the ssh-agent's stranger SHA256:" in text

    def test_a_key_that_the_policy_does_not_know(self, crew):
        text = self.refused(crew, "--yes", "--key", crew.keys["stranger"])
        assert "the policy doesn't say whose key" in text
        assert " ".join(line_of(crew.keys["stranger"]).split()[:2]) in text

    def test_a_key_that_is_not_there(self, crew):
        assert "can't read the key /nowhere" in self.refused(crew, "--yes", "--key", "/nowhere")

    def test_a_passphrase_in_a_pipe(self, crew):
        closed = key_pair(crew.folder, "closed", passphrase="secret")
        crew.people["anna"]["keys"].append(line_of(closed))
        crew.write_policy()
        began = time.monotonic()
        text = self.refused(crew, "--yes", "--key", closed)
        assert "incorrect passphrase supplied to decrypt private key" in text
        assert f"`ssh-add {closed}` gives the key to your ssh-agent" in text
        assert time.monotonic() - began < 60

    def test_an_agent_that_has_lost_the_key(self, crew, agent):
        alone = crew.folder / "alone.pub"
        alone.write_text(line_of(crew.keys["anna"]))
        assert "ssh-add" in self.refused(crew, "--yes", "--key", alone)

    def test_nobody_is_there_to_say_yes(self, crew):
        text = self.refused(crew, "--key", crew.keys["anna"])
        assert "there is no terminal" in text

    def test_a_rejection_says_why(self, crew):
        assert "--reject needs a --note" in self.refused(crew, "--yes", "--reject", "--key", crew.keys["anna"])

    def test_a_time_that_is_none(self, crew):
        for length in ("soon", "0s", "9999999999999d", f"{'9' * 400}d"):
            text = self.refused(crew, "--yes", "--expires", length, "--key", crew.keys["anna"])
            assert f"'{length}' isn't a length of time" in text

    def test_without_git(self, crew, tmp_path_factory):
        """The commits can't be shown, and nobody should approve what they can't see."""
        folder = tmp_path_factory.mktemp("bin")
        for name in ("ssh-keygen", "ssh-add"):
            (folder / name).symlink_to(shutil.which(name))
        text = self.refused(crew, "--yes", "--key", crew.keys["anna"], PATH=str(folder))
        assert "git isn't installed" in text

    def test_with_changes_that_no_commit_has(self, crew):
        (crew.world.root / "roles/site/role.yml").write_text("resources: []\n")
        text = self.refused(crew, "--yes", "--key", crew.keys["anna"])
        assert "app@5 can't be approved: " in text
        assert "roles/site/role.yml" in text

    def test_a_policy_that_can_not_be_read(self, crew):
        crew.write_policy().write_text("version: 1\npeople: {anna: {kyes: x}}\n")
        assert "unknown key 'kyes'" in self.refused(crew, "--yes", "--key", crew.keys["anna"])

    def test_somebody_of_whom_no_approval_is_asked(self, crew):
        crew.people["ben"]["groups"] = ["security"]
        crew.asks(**{"from": ["security"]})
        text = self.refused(crew, "--yes", "--key", crew.keys["anna"], code=3)
        assert "anna can't approve app@5 for production: " in text
        assert "asks for security, and anna isn't of them" in text


def test_without_a_policy_a_named_key_signs_and_it_says_what_that_is_worth(crew):
    crew.write_policy().unlink()
    done = crew.run("approve", "app@5", "--to", "production", "--yes", "--key", crew.keys["anna"])
    assert done.returncode == 0, done.stderr
    assert "no policy here says whose key this is; the approval counts only where a policy does" in done.stderr
    assert "production requires no approval here" in done.stderr
    crew.write_policy()
    assert crew.is_open()


def test_on_a_terminal_it_asks_and_a_passphrase_is_asked_for(crew):
    closed = key_pair(crew.folder, "closed", passphrase="secret")
    crew.people["anna"]["keys"].append(line_of(closed))
    crew.write_policy()
    terminal = Terminal(crew.world.root, "approve", "app@5", "--to", "production", "--key", str(closed), columns=200)
    terminal.until("[y/N]:")
    terminal.type("y\n")
    terminal.until("Enter passphrase")
    terminal.type("secret\n")
    assert terminal.end() == 0, terminal.text()
    assert "approve app@5 for production as anna, with " in terminal.text()
    assert "anna has approved app@5 for production" in terminal.text()
    assert "secret" not in terminal.text()
    assert crew.is_open()


def test_a_no_signs_nothing(crew):
    key = str(crew.keys["anna"])
    terminal = Terminal(crew.world.root, "approve", "app@5", "--to", "production", "--key", key, columns=200)
    terminal.until("[y/N]:")
    terminal.type("n\n")
    assert terminal.end() == 1
    assert not list(crew.world.root.rglob("approval-*"))


def test_a_revoked_person_s_key_is_told_by_its_line(crew):
    crew.approve("anna")
    done = crew.run("key", "revoke", line_of(crew.keys["anna"]), "--office", "approve")
    assert done.returncode == 0, done.stderr
    assert "is signed by a revoked key" in crew.why()


def test_gc_keeps_approvals(crew):
    name = crew.approve("anna")["approval"]
    os.utime(next(crew.world.root.rglob(name)), (0, 0))
    from cdconf.artifacts.leftovers import sweep

    sweep(crew.world.project, crew.world.store)
    assert crew.is_open()


def test_the_history_knows_who_approved(crew):
    crew.approve("anna", "--note", "looked at it")
    told = json.loads(crew.run("history", "--json").stdout)
    assert [(one["command"], one["detail"]) for one in told["runs"][:1]] == [
        ("approve", "approved for production by anna: looked at it")
    ]
    assert git(crew.world.root, "status", "--porcelain") == ""
