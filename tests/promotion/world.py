"""A project with a pipeline, an artifact, and the keys of everybody who may say something."""

import io
import tarfile
import time
from dataclasses import replace
from types import SimpleNamespace

from cdconf.artifacts import ArtifactStore
from cdconf.artifacts.attestations import STATEMENT, attest
from cdconf.artifacts.backends import place_of
from cdconf.events import Collector
from cdconf.inventory import load_environment, load_project
from cdconf.promotion import office_keys, signers
from cdconf.promotion.gates import gate_of
from cdconf.promotion.offices import named
from cdconf.promotion.said import Proof, Subject
from cdconf.promotion.saying import say
from cdconf.promotion.stage_run import StageRun, stage_for
from tests.conftest import git, write

PROCEDURE, OTHER_PROCEDURE = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
ABOUT = {"commit": "c" * 40, "commit_time": 0.0, "built_at": 0.0, "duration_s": 0.0, "builder": "x", "dirty": False}
FILES = {
    "cdconf.yml": """
        project: demo
        {store}
        groups: {{web: [base, site]}}
        apps:
          app: {{groups: [web], path: /srv/app, artifact: "app-*.tar.gz"}}
        pipeline:
          - {{stage: acceptance, copy_of: production}}
          - {{stage: manual, environment: staging}}
          - {{stage: release, environment: production}}
    """,
    "inventories/production/hosts.yml": """
        hosts:
          web1: {address: 192.0.2.1, groups: [web]}
        require:
          - after: [manual]
    """,
    "inventories/staging/hosts.yml": "copy_of: production\nprovider: docker\n",
    "roles/base/role.yml": "resources:\n  - directory: /srv/base\n",
    "roles/site/role.yml": "resources:\n  - directory: /srv/site\n",
    ".gitignore": ".cdconf/\n",
}


def archive(path, content=b"1"):
    with tarfile.open(path, "w:gz") as tar:
        entry = tarfile.TarInfo("file")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return path


class World:
    """See the module; `procedure` is what the fake says, `told` the events."""

    def __init__(self, root, folder, store=None):
        files = {**FILES, "cdconf.yml": FILES["cdconf.yml"].format(store=f"store: {store}" if store else "")}
        write(root, files)
        git(root, "init", "-q")
        self.root = root
        self.commit("one")
        self.told = []
        self.procedure = PROCEDURE
        self.artifact = self.store.add("app", "1", archive(folder / "app-1.tar.gz"), **ABOUT)
        self.other = self.store.add("app", "2", archive(folder / "app-2.tar.gz", b"2"), **ABOUT)
        for office in ("stage:acceptance", "stage:manual", "stage:release", "override"):
            self.hire(office)

    def commit(self, what):
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", what)

    def made(self, project_root, revision, app):
        """In place of the procedure that git's blobs make."""
        return SimpleNamespace(digest=self.procedure, commit="c" * 40)

    @property
    def project(self):
        return load_project(self.root)

    @property
    def store(self):
        return ArtifactStore(self.project)

    @property
    def place(self):
        return place_of(self.project)

    def environment(self, name="production"):
        return load_environment(self.project, name)

    def hire(self, office):
        """Makes an office's key and trusts it."""
        key = office_keys.new(self.project, named(office))
        signers.trust(self.project, named(office), key)
        return key

    def key(self, office):
        return office_keys.needed(self.project, named(office))

    def proof(self, **changes):
        """What the stage manual says of the artifact."""
        said = Proof(
            subject=Subject.of(self.artifact),
            project="demo",
            app="app",
            version="1",
            stage="manual",
            environment="staging",
            copy_of="production",
            result="passed",
            procedure=PROCEDURE,
            tool="sha256:0",
            commit="c" * 40,
            started=time.time() - 10,
            finished=time.time() - 5,
            hosts={},
            smoke={"passed": 1, "failed": 0},
            acceptance=None,
            parity=None,
            run="r",
            isolated=True,
        )
        return replace(said, **changes)

    def prove(self, office="stage:manual", **changes):
        """Signs it and stores it; returns the object's name."""
        return say(self.place, self.proof(**changes), self.key(office))

    def attest(self, envelope, archive=None, kind=STATEMENT):
        """Puts an envelope of any kind beside the artifact."""
        return attest(self.place, kind, archive or self.artifact.archive, envelope)

    def gate(self, environment="production", artifact=None):
        self.told.clear()
        chosen = artifact or self.artifact
        return gate_of(self.project, self.environment(environment), chosen, self.told.append)

    def why(self, **about):
        """Why the gate is closed: the reason of its first missing link; None when it's open."""
        return next((one.why for one in self.gate(**about).missing), None)

    def stage_run(self, environment="staging", stage=None, **about):
        project, where = self.project, self.environment(environment)
        chosen = stage_for(project, where, stage)
        about = {"isolated": lambda: True, "demanded": stage is not None, **about}
        run = StageRun(project, where, chosen, Collector(), self.told.append, **about)
        run.begin("app")
        return run
