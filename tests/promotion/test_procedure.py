"""The procedure's digest: what it's made of, what it isn't, and when there's none."""

import ast
import shutil
import subprocess
from pathlib import Path

import pytest

import cdconf.resources
from cdconf.errors import InvalidFile, UsageError
from cdconf.promotion.commit import CommitReader
from cdconf.promotion.errors import NotProvable
from cdconf.promotion.procedure import procedure, procedure_of
from cdconf.promotion.reach import FILES, TEMPLATES
from cdconf.session import bundle
from tests.conftest import git, write
from tests.promotion.conftest import commit


def digest(root, revision="HEAD"):
    return procedure(root, revision, "shop").digest


def changed(before, after):
    """Kind and name of each part that differs."""
    return {(one.kind, one.name) for one in set(before.parts) ^ set(after.parts)}


COUNTED = [
    ("role", "roles/web/role.yml", "/etc/web", "/etc/wab"),
    ("role", "roles/proxy/role.yml", "[]", "[] "),
    ("role", "roles/other/role.yml", "restart}", "reload}"),
    ("template", "roles/web/templates/web.j2", "\n", " \n"),
    ("template", "roles/web/templates/part.j2", "}\n", "}!\n"),
    ("template", "roles/other/templates/hidden.j2", "hidden", "hiddan"),
    ("template", "templates/shared.j2", "}\n", "} \n"),
    ("template", "templates/frame.j2", "frame", "frome"),
    ("template", "templates/macros/one.j2", "1", "2"),
    ("template", "templates/default.j2", "default", "defoult"),
    ("template", "templates/text.j2", "text", "taxt"),
    ("template", "templates/by_variable.j2", "by", "bi"),
    ("file", "roles/web/files/own.txt", "own", "awn"),
    ("file", "files/tree/a/b.txt", "b", "c"),
    ("smoke test", "roles/web/smoke/test_web.py", "pass", "poss"),
    ("smoke test", "roles/web/smoke/data.json", "{}", "[]"),
    ("smoke test", "roles/proxy/smoke/test_proxy.py", "pass", "poss"),
    ("smoke test", "roles/conftest.py", "all", "oll"),
    ("smoke test", "shared_checks.py", "\n", " \n"),
    ("smoke test", "checks/deep.py", "pass", "poss"),
    ("smoke test", "beside.py", "0", "1"),
    ("attributes", ".gitattributes", "lf", "crlf"),
    ("attributes", "roles/web/.gitattributes", "lf", "crlf"),
    ("type", "resources/thing/spec.py", "A thing.", "A think."),
    ("type", "resources/thing/agent.py", "{}", "[]"),
]


@pytest.mark.parametrize(("kind", "path", "old", "new"), COUNTED, ids=[f"{one[0]} {one[1]}" for one in COUNTED])
def test_one_byte_of_a_file_changes_the_digest(repository, kind, path, old, new):
    before = procedure(repository, "HEAD", "shop")
    change(repository, path, old, new)
    after = procedure(repository, "HEAD", "shop")
    assert after.digest != before.digest
    assert changed(before, after) == {(kind, path)}


BLOCKS = [
    ("app", "shop", "keep: 5", "keep: 6"),
    ("app", "shop", "command: drain", "command: drane"),
    ("group", "web", "web: [web]", "web: [web, web]"),
    ("group", "lb", "lb: [proxy]", "lb: [proxy, proxy]"),
    ("stage", "commit", "make test", "make tast"),
    ("stage", "manual", "environment: staging", "environment: stoging"),
]


@pytest.mark.parametrize(("kind", "name", "old", "new"), BLOCKS)
def test_one_byte_of_a_block_changes_the_digest(repository, kind, name, old, new):
    before = procedure(repository, "HEAD", "shop")
    change(repository, "cdconf.yml", old, new)
    after = procedure(repository, "HEAD", "shop")
    assert after.digest != before.digest
    assert changed(before, after) == {(kind, name)}


def test_a_stages_input_changes_the_digest(repository):
    before = procedure(repository, "HEAD", "shop")
    change(repository, "src/shop.py", "shop", "shep")
    assert changed(before, procedure(repository, "HEAD", "shop")) == {("input", "commit: src/shop.py")}


def test_the_order_of_groups_and_stages_counts(repository):
    before = digest(repository)
    change(repository, "cdconf.yml", "lb: [proxy], web: [web]", "web: [web], lb: [proxy]")
    after = digest(repository)
    pipeline = "  - {stage: manual, environment: staging}\n"
    text = (repository / "cdconf.yml").read_text()
    (repository / "cdconf.yml").write_text(text.replace(pipeline, "").replace("pipeline:\n", f"pipeline:\n{pipeline}"))
    commit(repository, "stages")
    assert len({before, after, digest(repository)}) == 3


def test_the_agents_code_counts(repository, monkeypatch, tmp_path):
    before = procedure(repository, "HEAD", "shop")
    package = tmp_path / "installed"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(cdconf.resources.__file__).parent.parent / "agent", package / "agent", ignore=ignored)
    agent = package / "agent" / "files" / "__init__.py"
    agent.write_text(f"{agent.read_text()}# one line more\n")
    monkeypatch.setattr(bundle, "_PACKAGE", package)
    bundle._own_sources.cache_clear()
    bundle.sources_digest.cache_clear()
    after = procedure(repository, "HEAD", "shop")
    bundle._own_sources.cache_clear()
    bundle.sources_digest.cache_clear()
    assert changed(before, after) == {("agent", "cdconf")}


def test_that_a_file_can_be_run_counts(repository):
    before = digest(repository)
    (repository / "files/tree/a/b.txt").chmod(0o755)
    commit(repository, "executable")
    assert digest(repository) != before


UNRELATED = [
    ("roles/third/role.yml", "resources", "# third\nresources"),
    ("roles/third/templates/third.j2", "third", "thirt"),
    ("roles/third/files/third.txt", "third", "thirt"),
    ("roles/third/smoke/test_third.py", "pass", "poss"),
    ("templates/nobody.j2", "nobody", "nobedy"),
    ("files/nobody.txt", "nobody", "nobedy"),
    ("files/own.txt", "own", "awn"),
    ("lib/unrelated.py", "0", "1"),
    ("docs/.gitattributes", "text", "-text"),
    ("blog/blog.py", "blog", "blig"),
    ("docs/guide.md", "Guide", "Guido"),
    ("inventories/staging/group_vars/web.yml", "blue", "bluo"),
    ("inventories/staging/hosts.yml", "192.0.2.1", "192.0.2.2"),
    ("cdconf.yml", "project", "# a comment\nproject"),
    ("cdconf.yml", "make blog", "make blag"),
    ("cdconf.yml", "path: /srv/blog", "path: /srv/blag"),
]


@pytest.mark.parametrize(("path", "old", "new"), UNRELATED)
def test_what_has_nothing_to_do_with_the_app_changes_nothing(repository, path, old, new):
    before = digest(repository)
    change(repository, path, old, new)
    assert digest(repository) == before


ANY_TEMPLATE = [
    ("roles/web/templates/part.j2", "{% include which %}\n"),
    ("roles/web/templates/part.j2", "{% include 'no' ~ 'body.j2' %}\n"),
    ("roles/web/templates/part.j2", "{% import which as one %}\n"),
    ("roles/web/templates/part.j2", "{% from which import one %}\n"),
    ("roles/web/templates/part.j2", "{% extends which %}\n"),
    ("roles/web/templates/part.j2", "{% include ['part.j2', which] %}\n"),
    ("roles/web/templates/part.j2", "{%- include which -%}\n"),
    ("roles/proxy/role.yml", "resources:\n  - {file: /etc/any, template: '{{ which }}'}\n"),
    ("roles/proxy/role.yml", "resources:\n  - {file: /etc/any, content: '{% include which %}'}\n"),
    ("roles/proxy/role.yml", "resources:\n  - {file: /etc/any, template: 'nobody.j2{# it was #}'}\n"),
    ("roles/proxy/role.yml", "handlers:\n  any: {thing: any}\n"),
    ("roles/proxy/role.yml", "resources:\n  - {thing: any}\n"),
    ("inventories/staging/group_vars/web.yml", "banner: '{% include which %}'\n"),
    ("inventories/staging/group_vars/web.yml", 'banner: "\\x7b% includ\\x65 which %}"\n'),
]


@pytest.mark.parametrize(("path", "text"), ANY_TEMPLATE)
def test_a_name_that_is_not_constant_brings_in_every_template(repository, path, text):
    (repository / path).write_text(text)
    commit(repository, "any")
    before = digest(repository)
    change(repository, "templates/nobody.j2", "nobody", "nobedy")
    assert digest(repository) != before


def test_an_unknown_name_in_a_text_brings_in_every_roles_templates(repository):
    (repository / "roles/proxy/role.yml").write_text("resources:\n  - {file: /etc/any, content: '{% include it %}'}\n")
    commit(repository, "any")
    before = digest(repository)
    change(repository, "roles/third/templates/third.j2", "third", "thirt")
    assert digest(repository) != before


def test_a_file_whose_name_is_not_constant_brings_in_every_file(repository):
    (repository / "roles/proxy/role.yml").write_text("resources:\n  - {file: /etc/any, source: '{{ which }}'}\n")
    commit(repository, "any")
    before = digest(repository)
    change(repository, "files/nobody.txt", "nobody", "nobedy")
    assert digest(repository) != before


def test_the_fields_that_name_files_are_those_of_the_types():
    """Whatever cdconf's own types ask their context for stands in a field that the procedure looks at."""
    asked = set()
    for path in Path(cdconf.resources.__file__).parent.glob("*/spec.py"):
        for one in ast.walk(ast.parse(path.read_text())):
            name = one.func.attr if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) else ""
            if name in ("template", "source_file", "source_directory"):
                fields = {each.value for each in ast.walk(one.args[0]) if isinstance(each, ast.Constant)}
                asked |= {("template" if name == "template" else "file", each) for each in fields}
    assert asked == {*(("template", one) for one in TEMPLATES), *(("file", one) for one in FILES)}


def test_two_clones_and_packed_objects_make_the_same_digest(repository, tmp_path):
    before = procedure(repository, "HEAD", "shop")
    git(tmp_path, "clone", "-q", str(repository), "other")
    git(repository, "gc", "-q", "--prune=now", "--aggressive")
    assert procedure(repository, "HEAD", "shop") == before
    assert procedure(tmp_path / "other", "main", "shop") == before


def test_a_project_below_the_repositorys_directory_has_the_same_digest(repository, tmp_path):
    whole = tmp_path / "whole"
    shutil.copytree(repository, whole / "below" / "shop", ignore=shutil.ignore_patterns(".git"))
    git(whole, "init", "-q")
    commit(whole, "moved")
    assert digest(whole / "below" / "shop") == digest(repository)


def test_what_is_read_through_links_counts(repository):
    write(repository, {"common/web/own.txt": "own\n"})
    shutil.rmtree(repository / "roles/web/files")
    (repository / "roles/web/files").symlink_to("../../common/web")
    commit(repository, "through a link")
    before = digest(repository)
    change(repository, "common/web/own.txt", "own", "awn")
    assert digest(repository) != before


def test_links_out_of_the_project_are_followed_within_the_repository(repository, tmp_path):
    whole = tmp_path / "whole"
    shutil.copytree(repository, whole / "shop", ignore=shutil.ignore_patterns(".git"))
    write(whole, {"common/frame.j2": "frame\n"})
    (whole / "shop/templates/frame.j2").unlink()
    (whole / "shop/templates/frame.j2").symlink_to("../../common/frame.j2")
    git(whole, "init", "-q")
    commit(whole, "moved")
    assert digest(whole / "shop") == digest(repository)
    change(whole, "common/frame.j2", "frame", "frome")
    assert digest(whole / "shop") != digest(repository)


@pytest.mark.parametrize("target", ["/etc/hostname", "../../../../outside", "nothing", "own.txt"])
def test_a_link_to_something_else_makes_no_proof(repository, target):
    link = repository / "roles/web/files/own.txt"
    link.unlink()
    link.symlink_to(target)
    commit(repository, "a link")
    with pytest.raises(NotProvable, match=r"roles/web/files/own\.txt"):
        digest(repository)


DIRTY = [
    ("roles/web/role.yml", "# more\n"),
    ("docs/guide.md", "more\n"),
    ("inventories/staging/hosts.yml", "# more\n"),
    ("roles/web/templates/new.j2", "new\n"),
    ("roles/new/role.yml", "resources: []\n"),
    ("templates/new/one.j2", "new\n"),
    ("files/new.txt", "new\n"),
    ("resources/new/spec.py", "new\n"),
    ("inventories/staging/group_vars/lb.yml", "color: red\n"),
    ("helpers.py", "new\n"),
]


@pytest.mark.parametrize(("path", "text"), DIRTY)
def test_a_changed_work_tree_makes_no_proof(repository, path, text):
    (repository / path).parent.mkdir(parents=True, exist_ok=True)
    with (repository / path).open("a") as stream:
        stream.write(text)
    with pytest.raises(NotProvable) as caught:
        digest(repository)
    told = caught.value.message
    assert path in told or f"{Path(path).parent}/ (not in git)" in told
    assert caught.value.exit_code == 3
    assert procedure_of(repository, "HEAD", "shop").digest.startswith("sha256:")


@pytest.mark.parametrize("path", ["roles/web/templates/local.j2", "files/local.txt", "local.py"])
def test_what_gitignore_hides_makes_no_proof_either(repository, path):
    (repository / ".gitignore").write_text("local*\n")
    commit(repository, "ignored")
    (repository / path).write_text("hidden\n")
    with pytest.raises(NotProvable, match=r"local\S* \(ignored by git\)"):
        digest(repository)


@pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
def test_changes_that_git_is_told_to_overlook_make_no_proof(repository, mark):
    before = digest(repository)
    git(repository, "update-index", mark, "roles/web/role.yml", "docs/guide.md")
    (repository / "roles/web/role.yml").write_text("resources: []\n")
    with pytest.raises(NotProvable, match=r"roles/web/role\.yml \(git is told to overlook changes\)$"):
        digest(repository)
    git(repository, "update-index", mark.replace("--", "--no-"), "roles/web/role.yml")
    git(repository, "checkout", "roles/web/role.yml")
    assert digest(repository) == before


@pytest.mark.parametrize("path", ["junit.xml", "dist/shop.tar.gz", "roles/web/smoke/__pycache__/x.pyc", "docs/new.md"])
def test_what_cdconf_does_not_read_may_lie_about(repository, path):
    before = digest(repository)
    write(repository, {path: "something\n"})
    assert digest(repository) == before


def test_a_changed_work_tree_says_nothing_about_another_commit(repository):
    before = digest(repository)
    change(repository, "roles/web/role.yml", "/etc/web", "/etc/wab")
    (repository / "roles/web/role.yml").write_text("broken: [\n")
    assert digest(repository, "HEAD~1") == before


def test_variables_of_the_command_line_make_no_proof(repository):
    with pytest.raises(NotProvable, match="-e sets color, size, which no commit says"):
        procedure(repository, "HEAD", "shop", extra=["size", "color"])


def test_a_command_without_inputs_makes_no_proof(repository):
    change(repository, "cdconf.yml", ", inputs: [src]", "")
    with pytest.raises(InvalidFile, match=r"cdconf.yml:\d+: stage 'commit' has a `run`, but no `inputs`"):
        digest(repository)


@pytest.mark.parametrize("path", ["/etc", "../other", "src/../../x"])
def test_inputs_stay_in_the_project(repository, path):
    change(repository, "cdconf.yml", "inputs: [src]", f"inputs: [{path}]")
    with pytest.raises(InvalidFile, match="must be a path below the project"):
        digest(repository)


def test_an_input_that_is_not_there_makes_no_proof(repository):
    change(repository, "cdconf.yml", "inputs: [src]", "inputs: [source]")
    with pytest.raises(NotProvable, match=r"'inputs' of stage 'commit' names source, which commit .* doesn't have"):
        digest(repository)


def test_a_pipeline_with_settings_of_its_own_is_the_same(repository):
    before = digest(repository)
    text = (repository / "cdconf.yml").read_text()
    head, _, stages = text.partition("pipeline:\n")
    indented = "".join(f"  {line}\n" for line in stages.splitlines())
    (repository / "cdconf.yml").write_text(f"{head}pipeline:\n  branch: main\n  stages:\n{indented}")
    commit(repository, "a mapping")
    assert digest(repository) == before


def test_a_submodule_in_a_stages_inputs_counts_by_its_commit(repository, tmp_path):
    other = tmp_path / "library"
    other.mkdir()
    git(other, "init", "-q")
    commit(other, "one")
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "src/library")
    commit(repository, "a submodule")
    parts = procedure(repository, "HEAD", "shop").parts
    found = [one.digest for one in parts if one.name == "commit: src/library"]
    assert found == [f"gitCommit:{git(other, 'rev-parse', 'HEAD').strip()}"]


def test_without_a_repository_nothing_is_provable(repository):
    shutil.rmtree(repository / ".git")
    with pytest.raises(NotProvable, match="isn't in a git repository"):
        digest(repository)


@pytest.mark.parametrize("revision", ["mein", "", "-x", "main\nHEAD"])
def test_what_is_no_revision_is_said_so(repository, revision):
    with pytest.raises(UsageError, match="is no revision of this repository"):
        digest(repository, revision)


def test_an_app_that_is_not_there_is_said_so(repository):
    with pytest.raises(UsageError, match="has no app 'shup'"):
        procedure(repository, "HEAD", "shup")


def change(root, path, old, new):
    """Replaces a text in a file, and commits that."""
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new, 1))
    commit(root, f"change {path}")


def test_git_that_ended_before_it_was_asked_is_no_bug(tmp_path, monkeypatch):
    """Without a repository it ends at once, and what was written to it can't be flushed any more."""
    started = subprocess.Popen

    def late(*arguments, **options):
        process = started(*arguments, **options)
        process.wait()
        return process

    monkeypatch.setattr("cdconf.promotion.commit.subprocess.Popen", late)
    with pytest.raises(NotProvable, match="isn't in a git repository"):
        CommitReader(tmp_path, "HEAD")


def test_groups_around_the_apps_own_count_and_so_do_the_packages_of_smoke_tests(repository):
    before = procedure(repository, "HEAD", "shop")
    file = repository / "cdconf.yml"
    text = file.read_text()
    outer = "groups: {outer: {groups: [web], roles: [around]}, "
    file.write_text(text.replace("groups: {", outer, 1) + "smoke: {packages: packages.txt}\n")
    write(repository, {"roles/around/role.yml": "resources: []\n", "packages.txt": "# none\n"})
    commit(repository, "around")
    after = procedure(repository, "HEAD", "shop")
    assert changed(before, after) == {
        ("group", "outer"),
        ("order", "groups"),
        ("role", "roles/around/role.yml"),
        ("smoke packages", "packages.txt"),
    }
    change(repository, "roles/around/role.yml", "[]", "[] ")
    assert changed(after, procedure(repository, "HEAD", "shop")) == {("role", "roles/around/role.yml")}
