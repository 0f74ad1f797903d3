"""The stages that a commit goes through, and what an environment requires of them."""

import pytest

from cdconf.errors import InvalidFile
from cdconf.inventory import load_environment, load_project
from cdconf.inventory.pipeline import Require, Stage
from tests.conftest import write

APPS = "apps:\n  shop: {groups: [web], path: /srv/shop}\n"


@pytest.fixture
def pipeline(project):
    """Reads a pipeline; gives it, and where the text begins in cdconf.yml."""
    write(project, {"inventories/staging/hosts.yml": "copy_of: dev\nprovider: docker\n"})
    config = project / "cdconf.yml"
    before = config.read_text() + APPS

    def read(text):
        config.write_text(before + text)
        return load_project(project).pipeline

    read.first = before.count("\n") + 1
    return read


def test_a_list_of_stages_is_a_pipeline(pipeline):
    found = pipeline(
        "pipeline:\n"
        "  - {stage: commit, run: make test, inputs: [tests, app/], build: shop}\n"
        "  - {stage: acceptance, copy_of: dev, scale: {web: 1}, needs: [commit]}\n"
        "  - {stage: release, environment: dev}\n"
    )
    assert (found.branch, found.concurrency, found.stop) == ("main", "queue", "artifact")
    commit, acceptance, release = found.stages
    assert (commit.run, commit.inputs, commit.build, commit.needs) == ("make test", ("tests", "app"), ("shop",), ())
    assert (acceptance.copy_of, acceptance.scale, acceptance.needs) == ("dev", {"web": 1}, ("commit",))
    assert release.needs == ("acceptance",)
    assert found.before("release") == ("commit", "acceptance")
    assert found.of_environment("dev") == release
    assert found.named("nothing") is None


def test_a_pipeline_may_say_how_it_runs(pipeline):
    found = pipeline("pipeline: {branch: trunk, concurrency: batch, stop: app, stages: [{stage: one}]}\n")
    assert (found.branch, found.concurrency, found.stop) == ("trunk", "batch", "app")
    assert found.stages[0] == Stage("one", line=found.stages[0].line)


def test_a_project_needs_none(pipeline):
    assert pipeline("").stages == ()


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("pipeline: 5\n", 0, "must be a list of stages", None),
        ("pipeline: {stages: []}\nstop: x\n", 1, "unknown key 'stop' in cdconf.yml", None),
        ("pipeline: {stages: [], stops: app}\n", 0, "unknown key 'stops' in pipeline", "did you mean"),
        ("pipeline: {stages: [], stop: all}\n", 0, "unknown stop 'all' in pipeline", "artifact, app"),
        ("pipeline: {branch: main}\n", 0, "pipeline has no 'stages'", None),
        ("pipeline: [a]\n", 0, "each stage of the pipeline must be a mapping", None),
        ("pipeline:\n  - {stage: 'a b'}\n", 1, "'a b' can't be a stage's name", None),
        ('pipeline:\n  - {stage: "a\\n"}\n', 1, "can't be a stage's name", None),
        ("pipeline:\n  - {stage: a}\n  - {stage: a}\n", 2, "there are two stages 'a'", None),
        ("pipeline:\n  - {stage: a, needs: [b]}\n  - {stage: b}\n", 1, "needs 'b', which isn't a stage above it", None),
        ("pipeline:\n  - {stage: a, run: make, inputs: [../x]}\n", 1, "must be a path below the project", None),
        ("pipeline:\n  - {stage: a, run: make, inputs: [/etc]}\n", 1, "must be a path below the project", None),
        ("pipeline:\n  - {stage: a, build: shp}\n", 1, "builds an unknown app", "did you mean 'shop'?"),
        ("pipeline:\n  - {stage: a, environment: dve}\n", 1, "unknown environment 'dve'", "did you mean 'dev'?"),
        ("pipeline:\n  - {stage: a, copy_of: dve}\n", 1, "unknown environment 'dve'", "did you mean 'dev'?"),
        ("pipeline:\n  - {stage: a, copy_of: dev, environment: dev}\n", 1, "both `environment` and `copy_of`", None),
        ("pipeline:\n  - {stage: a, scale: {web: 1}}\n", 1, "only a copy can be scaled", None),
        ("pipeline:\n  - {stage: a, ttl: 1h}\n", 1, "only a copy has a time to live", "copy_of"),
        ("pipeline:\n  - {stage: a, copy_of: dev, ttl: 31d}\n", 1, "at most 30d", None),
        ("pipeline:\n  - {stage: a, copy_of: dev, ttl: soon}\n", 1, "must be a duration", None),
        ("pipeline:\n  - {stage: a, url: 'http://x'}\n", 1, "deploys nothing", "environment"),
        ("pipeline:\n  - {stage: a, within: 5m}\n", 1, "has no `run`", None),
        ("pipeline:\n  - {stage: a, run: x, inputs: [x], within: 0}\n", 1, "no time at all", None),
        ("pipeline:\n  - {stage: a, build: [shop, shp]}\n", 1, "unknown app 'shp'", "did you mean 'shop'?"),
        ("pipeline:\n  - {stage: a, build: [1]}\n", 1, "must be a list of names", None),
        ("pipeline:\n  - {stage: a, copy_of: dev, scale: {wbe: 1}}\n", 1, "unknown group 'wbe'", "did you mean 'web'?"),
        ("pipeline:\n  - {stage: a, copy_of: dev, scale: {web: -1}}\n", 1, "must be a number of hosts", None),
        ("pipeline:\n  - {stage: a, approvals: 1}\n", 1, "'approvals' isn't a key of a stage", "hosts.yml"),
        ("pipeline:\n  - {stage: a, require: x}\n", 1, "'require' isn't a key of a stage", "hosts.yml"),
    ],
)
def test_what_is_wrong_with_a_pipeline_is_told_with_its_line(pipeline, text, line, message, hint):
    with pytest.raises(InvalidFile) as caught:
        pipeline(text)
    assert message in caught.value.message
    assert (caught.value.file, caught.value.line) == ("cdconf.yml", pipeline.first + line)
    assert hint is None or hint in (caught.value.hint or "")


STAGES = "pipeline: [{stage: one}, {stage: two, environment: staging}, {stage: three, environment: dev}]\n"


@pytest.fixture
def required(project, pipeline):
    """Reads what the environment dev requires."""
    pipeline(STAGES)
    hosts = project / "inventories/dev/hosts.yml"
    before = hosts.read_text()

    def read(text):
        hosts.write_text(before + text)
        return load_environment(load_project(project), "dev").require

    read.first = before.count("\n") + 1
    return read


def test_what_may_be_required(required):
    assert required("") is None
    assert required("require: []\n") == Require()
    found = required("require: [{after: [one, two]}, parity, {max_age: 7d}, {max_age: 2d}, {parity: staging}]\n")
    assert found == Require(("one", "two"), ("*", "staging"), 2 * 86400.0)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("require:\n  - {after: [on]}\n", "has no stage 'on'", "did you mean 'one'?"),
        ("require:\n  - {after: [three]}\n", "'three' can't come before dev", None),
        ("require:\n  - {max_age: soon}\n", "must be a duration", "such as"),
        ("require:\n  - {max_age: 0}\n", "must be more than 0", None),
        ("require:\n  - {max_age: 7d, after: [one]}\n", "an entry of require must have exactly one of", None),
        ("require:\n  - {aftr: [one]}\n", "unknown key 'aftr' in require", "did you mean 'after'?"),
        ("require:\n  - {}\n", "an entry of require must have exactly one of", None),
    ],
)
def test_what_is_wrong_with_a_requirement_is_told_with_its_line(required, text, message, hint):
    with pytest.raises(InvalidFile) as caught:
        required(text)
    assert message in caught.value.message
    assert (caught.value.file, caught.value.line) == ("inventories/dev/hosts.yml", required.first + 1)
    assert hint is None or hint in (caught.value.hint or "")
