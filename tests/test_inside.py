"""What a project's files name is the project's: nothing is read from elsewhere, whatever they're called or lead to."""

import json
import subprocess
from types import SimpleNamespace

import pytest

from cdconf.artifacts.build import _result
from cdconf.catalog import Compiler
from cdconf.catalog.explain import explain_host
from cdconf.errors import CdconfError
from cdconf.inside import MARK, leads_outside, lend, top_of
from cdconf.inventory import load_environment, load_project
from cdconf.lint.examine import examine
from cdconf.resources.discovery import Types
from cdconf.roles import smoke_files
from cdconf.secrets import age
from cdconf.session.bundle import bundle
from tests.conftest import cdconf, git, write

KEY = "outside-4711"
ROLE = "roles/base/role.yml"
ASKS = "resources:\n  - file: /x\n    template: t.j2\n"
SPEC = "from cdconf.resources.spec import ResourceType, Field\nTYPE = ResourceType(name='own', doc='x', fields={})\n"


@pytest.fixture
def inner(project):
    """The project in a directory of a repository, beside a file that isn't in it."""
    root = project / "repository/deploy"
    root.mkdir(parents=True)
    for one in ("cdconf.yml", "inventories", "roles"):
        (project / one).rename(root / one)
    git(root.parent, "init", "-q")
    write(
        project,
        {
            "secret.yml": f"greeting: {KEY}\n",
            "secret.txt": f"{KEY}\n",
            "tree/secret.txt": f"{KEY}\n",
            "vars/all.yml": f"greeting: {KEY}\n",
            "smoke/test_x.py": f"# {KEY}\ndef test_x(host): pass\n",
            "type/spec.py": f"raise SystemExit('{KEY}')\n",
            "type/agent.py": "def observe(x): pass\ndef apply(x, y): pass\n",
            "role/role.yml": f"resources:\n  - file: /x\n    content: {KEY}\n",
            "role/templates/t.j2": KEY,
            "hosts/hosts.yml": "hosts: {web1: {groups: [web], address: outside-4711.example.com}}\n",
            "templates/x.j2": KEY,
        },
    )
    write(root, {"files/inner.txt": "inner", "../shared/x.txt": "shared"})
    write(root, {".cdconf/environments/dev/secrets.json": json.dumps({"pw": KEY})})
    (root.parent / ".git/config").write_text(f"[http]\nextraheader = {KEY}\n")
    return root


def link(root, name, target, *, text=None):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        subprocess.run(["rm", "-r", path], check=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    for file, content in (text or {}).items():
        write(root, {file: content})


def told(root):
    """All that cdconf makes of a project: catalogs, variables, findings, agent code, tests; and its errors."""
    parts = []

    def look(action):
        try:
            parts.append(repr(action()))
        except CdconfError as error:
            parts.extend((str(error), str(error.hint)))

    def compiled(action):
        project = load_project(root)
        environment = load_environment(project, "dev")
        host = environment.hosts["web1"]
        return host.address, action(Compiler(project, environment), host, {})

    look(lambda: compiled(explain_host))
    look(lambda: compiled(Compiler.compile))
    look(lambda: examine(load_project(root)))
    look(lambda: [path.read_text() for path in smoke_files(root, ["base"])])
    look(lambda: dict(Types(root)))
    look(lambda: age.recipients(load_project(root), "dev"))
    return "\n".join(parts)


INCLUDE = "{{% include '{}' %}}"
UP = "../../.."  # from deploy/roles/base to what's outside
WAYS = {
    "cdconf.yml": ("cdconf.yml", "../../cdconf-elsewhere.yml", {}),
    "hosts.yml": ("inventories/dev/hosts.yml", "../../../../hosts/hosts.yml", {}),
    "an environment": ("inventories/dev", "../../../hosts", {}),
    "inventories": ("inventories", "../../inventories-elsewhere", {}),
    "group_vars/all.yml": ("inventories/dev/group_vars/all.yml", "../../../../../secret.yml", {}),
    "group_vars": ("inventories/dev/group_vars", "../../../../vars", {}),
    "host_vars/web1.yml": ("inventories/dev/host_vars/web1.yml", "../../../../../secret.yml", {}),
    "toggles.yml": ("inventories/dev/toggles.yml", "../../../../secret.txt", {}),
    "secrets.yml": ("inventories/dev/secrets.yml", "../../../../secret.yml", {}),
    "recipients.txt": ("inventories/dev/recipients.txt", "../../../../secret.txt", {}),
    "role.yml": (ROLE, f"{UP}/../role/role.yml", {}),
    "a role": ("roles/base", "../../../role", {}),
    "roles": ("roles", "../../roles-elsewhere", {}),
    "a template": ("roles/base/templates/t.j2", "../../../../../secret.txt", {ROLE: ASKS}),
    "a role's templates": ("roles/base/templates", f"{UP}/../role/templates", {ROLE: ASKS}),
    "the project's templates": ("templates", "../../role/templates", {ROLE: ASKS}),
    "an absolute link": ("templates/t.j2", "OUTSIDE/secret.txt", {ROLE: ASKS}),
    "a link by a link": ("templates/t.j2", "other.j2", {ROLE: ASKS}),
    "an included template": (
        "templates/u.j2", "../../../secret.txt",
        {ROLE: ASKS, "templates/t.j2": "{% include 'u.j2' %}"},
    ),
    "an imported template": (
        "templates/u.j2", "../../../secret.txt",
        {ROLE: ASKS, "templates/t.j2": "{% import 'u.j2' as u %}{{ u }}"},
    ),
    "an extended template": (
        "templates/u.j2", "../../../secret.txt",
        {ROLE: ASKS, "templates/t.j2": "{% extends 'u.j2' %}"},
    ),
    "a source": ("files/s", "../../../secret.txt", {ROLE: "resources:\n  - file: /x\n    source: s\n"}),
    "a role's source": (
        "roles/base/files/s", "../../../../../secret.txt", {ROLE: "resources:\n  - file: /x\n    source: s\n"},
    ),
    "a directory's source": ("files/s", "../../../tree", {ROLE: "resources:\n  - directory: /x\n    source: s\n"}),
    "a file in a directory's source": (
        "files/s/x", "../../../../secret.txt", {ROLE: "resources:\n  - directory: /x\n    source: s\n"},
    ),
    "the files": ("files", "../../tree", {ROLE: "resources:\n  - file: /x\n    source: secret.txt\n"}),
    "an archive's source": (
        "files/s.tar", "../../../secret.txt", {ROLE: "resources:\n  - archive: /x\n    source: s.tar\n"},
    ),
    "a smoke test": ("roles/base/smoke/test_x.py", "../../../../../smoke/test_x.py", {}),
    "what lies beside a smoke test": (
        "roles/base/smoke/conftest.py", "../../../../../secret.txt", {"roles/base/smoke/test_x.py": ""},
    ),
    "the smoke tests": ("roles/base/smoke", f"{UP}/../smoke", {}),
    "a type": ("resources/own", "../../../type", {}),
    "a type's spec": ("resources/own/spec.py", "../../../../type/spec.py", {}),
    "a type's agent": ("resources/own/agent.py", "../../../../secret.txt", {"resources/own/spec.py": SPEC}),
    "what lies beside a type": ("resources/own/data.py", "../../../../secret.txt", {"resources/own/spec.py": SPEC}),
    "the types": ("resources", "../../types-elsewhere", {}),
    "a generated secret": ("templates/t.j2", "../.cdconf/environments/dev/secrets.json", {ROLE: ASKS}),
    "the credentials of git": ("templates/t.j2", "../../.git/config", {ROLE: ASKS}),
    "a source in .cdconf": (
        "files/s", "../.cdconf/environments/dev", {ROLE: "resources:\n  - directory: /x\n    source: s\n"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_link_out_of_the_work_tree_is_an_error(inner, way):
    name, target, files = WAYS[way]
    outside = inner.parent.parent
    for one in ("cdconf.yml", "inventories", "roles"):
        suffix = ".yml" if one.endswith(".yml") else ""
        subprocess.run(["cp", "-r", inner / one, outside / f"{one.removesuffix('.yml')}-elsewhere{suffix}"], check=True)
    write(outside, {"roles-elsewhere/base/role.yml": f"resources:\n  - file: /x\n    content: {KEY}\n"})
    write(outside, {"inventories-elsewhere/dev/group_vars/all.yml": f"greeting: {KEY}\n"})
    write(outside, {"types-elsewhere/own/spec.py": f"raise SystemExit('{KEY}')\n"})
    if way == "a link by a link":
        link(inner, "templates/other.j2", "../../../secret.txt")
    link(inner, name, target.replace("OUTSIDE", str(outside)), text=files)
    found = told(inner)
    assert KEY not in found
    said = (
        any(f"can't {what}: it leads" in found for what in ("be read", "read this file"))
        or "is a link, which isn't copied" in found
    )
    assert said, found


@pytest.mark.parametrize(
    "text",
    [
        *(INCLUDE.format(name) for name in ("../..//x.j2", "../../..//x.j2", "../../templates/x.j2", "./../../x.j2")),
        *(INCLUDE.format(name) for name in ("/etc/passwd", "//etc/passwd", "base//../../../x.j2", "..//x.j2", ".//x")),
        "{% import '../../..//x.j2' as x %}{{ x }}",
        "{% extends '../../..//x.j2' %}",
        "{% include ['../../..//x.j2', '../..//x.j2'] %}",
    ],
)
def test_no_template_is_named_that_lies_elsewhere(inner, text):
    write(inner.parent.parent, {"repository/templates/x.j2": KEY, "repository/x.j2": KEY})
    write(inner, {ROLE: ASKS, "templates/t.j2": text, "inventories/dev/group_vars/all.yml": f'x: "{text}"\n'})
    found = told(inner)
    assert KEY not in found
    assert "root:" not in found
    assert "there is no template" in found or "none of the templates" in found.lower(), found


def test_what_lies_elsewhere_in_the_repository_is_read(inner):
    write(inner, {ROLE: "resources:\n  - file: /x\n    source: s\n"})
    link(inner, "files/s", "../../shared/x.txt")
    assert "shared" in told(inner)
    assert leads_outside(inner / "files/s", inner) is None


def test_without_git_it_must_be_in_the_project(inner):
    write(inner, {ROLE: "resources:\n  - file: /x\n    source: s\n"})
    link(inner, "files/s", "../../shared/x.txt")
    subprocess.run(["rm", "-r", inner.parent / ".git"], check=True)
    assert "leads out of the project" in told(inner)
    assert top_of(inner)[0] == inner


def test_links_of_a_commit_lead_as_far_as_in_the_work_tree(inner):
    write(inner, {ROLE: "resources:\n  - file: /x\n    source: s\n", "../.gitignore": ".cdconf\n"})
    link(inner, "files/s", "../../shared/x.txt")
    (inner.parent / ".git/config").write_text("[core]\nrepositoryformatversion = 0\n")
    git(inner.parent, "add", "-A")
    git(inner.parent, "commit", "-qm", "x")
    write(inner, {"../shared/x.txt": "changed"})
    git(inner.parent, "commit", "-qam", "y")
    done = cdconf(inner, "plan", "dev", "--from", "HEAD~1", "--diff")
    assert done.returncode == 2, done.stderr
    assert "content: shared -> changed" in done.stdout


def test_a_commit_that_has_a_link_out_of_the_repository_shows_nothing_of_it(inner):
    write(inner, {ROLE: ASKS, "../.gitignore": ".cdconf\n"})
    link(inner, "templates/t.j2", str(inner.parent.parent / "secret.txt"))
    (inner.parent / ".git/config").write_text("[core]\nrepositoryformatversion = 0\n")
    git(inner.parent, "add", "-A")
    git(inner.parent, "commit", "-qm", "x")
    done = cdconf(inner, "plan", "dev", "--from", "HEAD", "--to", "HEAD", "--diff")
    assert KEY not in done.stdout + done.stderr


def test_an_own_type_is_not_packed_from_elsewhere(inner):
    link(inner, "resources/own/agent.py", inner.parent.parent / "type/agent.py", text={"resources/own/spec.py": SPEC})
    with pytest.raises(CdconfError, match="it leads out of the git work tree"):
        bundle(inner)


@pytest.mark.parametrize("pattern", ["dist/x-*.tar", "../../secret*.txt", "dist/../../../secret*.txt"])
def test_a_build_that_leaves_a_link_out_of_its_tree_makes_no_artifact(inner, pattern):
    link(inner, "dist/x-1.tar", "../../../secret.txt")
    app = SimpleNamespace(name="x", artifact=pattern, file="cdconf.yml", line=3)
    with pytest.raises(CdconfError, match="the artifact of 'x' can't be read: it leads out of the git work tree"):
        _result(app, inner, "1", 0.0)


def test_a_projects_directory_may_be_a_link_itself(inner, tmp_path):
    (tmp_path / "short").symlink_to(inner)
    assert "hello" in told(tmp_path / "short")
    assert leads_outside(tmp_path / "short/roles/base/role.yml", tmp_path / "short") is None


def test_a_mark_ends_the_tree(tmp_path):
    write(tmp_path, {"a/b/c": "", f"a/{MARK}": ""})
    assert top_of(tmp_path / "a/b")[0] == tmp_path / "a"


def test_a_checkout_reads_the_throw_away_copies_that_it_was_lent_and_nothing_else(project, tmp_path_factory):
    home = tmp_path_factory.mktemp("home") / ".cdconf"
    for name in ("throwaway/try-1/hosts.yml", "environments/dev/secrets.json"):
        write(home, {name: "x"})
    git(project, "init", "-q")
    (project / ".cdconf").symlink_to(home)
    path = project / ".cdconf/throwaway/try-1/hosts.yml"
    assert "leads out of the git work tree" in leads_outside(path, project)
    lend(project, home)
    assert leads_outside(path, project) is None
    assert "leads out of" in leads_outside(project / ".cdconf/environments/dev/secrets.json", project)
    link(project, ".cdconf/throwaway/try-1/other.yml", home / "environments/dev/secrets.json")
    assert "leads out of" in leads_outside(project / ".cdconf/throwaway/try-1/other.yml", project)
