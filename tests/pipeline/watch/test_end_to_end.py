"""A watch with the pipeline's real runs: commits pass, are red, wait for a person, and go on by themselves."""

import json
import time

import pytest

from tests.conftest import begun, cdconf, git, write
from tests.pipeline.board.conftest import home  # noqa: F401  a fixture

FILES = {
    "cdconf.yml": """
        project: demo
        groups: {web: [base]}
        apps:
          app: {groups: [web], path: /srv/app, build: sh build.sh, artifact: "dist/app-*.tar.gz"}
        pipeline:
          - {stage: commit, run: sh check.sh, inputs: [check.sh], build: app}
          - {stage: acceptance, run: sh accept.sh, inputs: [accept.sh]}
    """,
    "inventories/dev/hosts.yml": "hosts: {web1: {address: 192.0.2.1, groups: [web]}}\n",
    "roles/base/role.yml": "resources:\n  - directory: /srv/base\n",
    "build.sh": 'mkdir -p out dist && cp note out/ && tar -C out -czf "dist/app-$CDCONF_VERSION.tar.gz" .\n',
    "check.sh": "echo checked\n",
    "accept.sh": "echo accepted\n",
    ".gitignore": ".cdconf/\ndist/\nout/\n",
}


class Watched:
    """The project, and its watch."""

    def __init__(self, root):
        self.root = write(root, FILES)
        git(root, "init", "-q", "-b", "main")
        for stage in ("commit", "acceptance"):
            assert self("key", "new", "--office", f"stage:{stage}").returncode == 0
        self.log = root / ".cdconf/log"

    def __call__(self, *arguments):
        return cdconf(self.root, *arguments)

    def commit(self, what, **files):
        write(self.root, {"note": what, **files})
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", what)
        return git(self.root, "rev-parse", "HEAD")

    def start(self):
        with self.log.open("w") as log:
            self.process = begun(self.root, "pipeline", "watch", "--every", "1s", stderr=log)

    def until(self, words):
        for _ in range(1800):
            if words in self.log.read_text():
                return
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def states(self):
        board = json.loads(self("pipeline", "status", "--json").stdout)["pipeline"]
        return {one["commit"]: [cell["state"] for cell in one["stages"].values()] for one in board["artifacts"]}


@pytest.fixture
def watched(tmp_path, home, monkeypatch):  # noqa: F811
    for name in ("CDCONF_SIGNERS", "CDCONF_SIGNING_KEY_DIR"):
        monkeypatch.delenv(name, raising=False)
    made = Watched(tmp_path / "project")
    yield made
    made.process.kill()
    made.process.wait()


def test_commits_pass_are_red_wait_and_go_on(watched):
    first = watched.commit("one")
    watched.start()
    watched.until(f"{first[:10]} has passed")
    red = watched.commit("two", **{"accept.sh": "echo no; exit 1\n"})
    watched.until(f"{red[:10]} has failed: stage 'acceptance' is red")
    assert watched("pipeline", "stop", "app", "--note", "nothing goes out").returncode == 0
    third = watched.commit("three", **{"accept.sh": "echo accepted\n"})
    watched.until(f"{third[:10]} waits: ")
    assert "nothing goes out" in watched.log.read_text()
    states = watched.states()
    assert (states[first], states[red], states[third]) == (
        ["passed", "passed"],
        ["passed", "failed"],
        ["stopped", "pending"],
    )
    assert watched("pipeline", "resume", "app", "--note", "seen").returncode == 0
    watched.until(f"{third[:10]} has passed")
    assert watched.states()[third] == ["passed", "passed"]
    assert watched.log.read_text().count(f"==> {red[:10]}") == 1  # what was red isn't tried again by itself
