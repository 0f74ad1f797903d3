"""`cdconf procedure`: what it tells, and with which exit code."""

import json

from cdconf.promotion.procedure import procedure_of
from tests.conftest import cdconf, git
from tests.promotion.conftest import commit


def told(root, *arguments):
    done = cdconf(root, "procedure", "shop", "--json", *arguments)
    return done.returncode, json.loads(done.stdout)


def test_it_tells_the_digest_and_all_parts(repository):
    found = procedure_of(repository, "HEAD", "shop")
    code, document = told(repository)
    assert (code, document["exit_code"], document["provable"]) == (0, 0, True)
    assert document["procedure"]["digest"] == found.digest
    assert document["procedure"]["commit"] == git(repository, "rev-parse", "HEAD")
    assert {(one["kind"], one["name"]) for one in document["procedure"]["parts"]} == {
        (one.kind, one.name) for one in found.parts
    }
    text = cdconf(repository, "procedure", "shop").stdout
    assert text.splitlines()[0] == f"shop: {found.digest}, of commit {found.commit[:10]}"
    assert "  template templates/frame.j2\n" in text
    assert "gitBlob:" not in text
    assert "gitBlob:" in cdconf(repository, "procedure", "shop", "-v").stdout


def test_it_tells_what_changed(repository):
    (repository / "templates/frame.j2").write_text("another frame\n")
    (repository / "roles/web/files/more.txt").write_text("more\n")
    (repository / "roles/web/smoke/data.json").unlink()
    commit(repository, "second")
    code, document = told(repository, "--from", "HEAD~1")
    assert code == document["exit_code"] == 2
    assert [(one["how"], one["kind"], one["name"]) for one in document["changes"]] == [
        ("added", "file", "roles/web/files/more.txt"),
        ("removed", "smoke test", "roles/web/smoke/data.json"),
        ("changed", "template", "templates/frame.j2"),
    ]
    assert document["procedure"]["digest"] != document["procedure_from"]["digest"]
    text = cdconf(repository, "procedure", "shop", "--from", "HEAD~1", "--to", "main").stdout
    assert text.splitlines()[2:] == [
        "  + file roles/web/files/more.txt",
        "  - smoke test roles/web/smoke/data.json",
        "  ~ template templates/frame.j2",
    ]


def test_nothing_that_counts_changed(repository):
    (repository / "docs/guide.md").write_text("# Another guide\n")
    commit(repository, "second")
    done = cdconf(repository, "procedure", "shop", "--from", "HEAD~1")
    assert done.returncode == 0
    assert done.stdout.startswith("the same procedure at ")


def test_a_changed_work_tree_is_explained_and_said_to_prove_nothing(repository):
    before = told(repository)[1]["procedure"]["digest"]
    (repository / "templates/frame.j2").write_text("another frame\n")
    code, document = told(repository)
    assert (code, document["provable"]) == (0, False)
    assert document["procedure"]["digest"] == before, "it's the commit's"
    said = cdconf(repository, "procedure", "shop").stderr
    assert "this run can't prove anything" in said
    assert "templates/frame.j2" in said


def test_a_stage_without_inputs_is_shown_as_such(repository):
    text = (repository / "cdconf.yml").read_text()
    (repository / "cdconf.yml").write_text(text.replace(", inputs: [src]", ""))
    commit(repository, "second")
    code, document = told(repository, "--from", "HEAD~1")
    assert code == 2
    changes = {(one["how"], one["kind"], one["name"]) for one in document["changes"]}
    assert ("added", "input", "commit: unknown, since `inputs` names nothing") in changes
    assert told(repository)[1]["provable"] is False


def test_bad_usage_is_said_so(repository):
    done = cdconf(repository, "procedure", "shup")
    assert (done.returncode, "did you mean 'shop'?" in done.stderr) == (1, True)
    done = cdconf(repository, "procedure", "shop", "--from", "mian")
    assert (done.returncode, "did you mean 'main'?" in done.stderr) == (1, True)
