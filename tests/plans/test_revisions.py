"""`plan --from`: what two revisions of the files would make of the hosts, with no host asked."""

import json
import os
import shutil
import subprocess
import sys
import time

import pyrage
import pytest

from tests.conftest import cdconf, git, write

ROLE = """
    variables:
      greeting: {type: string, default: hello, doc: what to say}
      password: {secret: true}
    resources:
      - file: /etc/motd
        template: motd.j2
        notify: say it
      - package: curl
      - file: /etc/secret
        content: "password={{ password }}\\n"
        mode: "0600"
    handlers:
      say it: {command: "wall < /etc/motd"}
"""
HOSTS = """
    hosts:
      web1: {address: 192.0.2.1, groups: [web]}
      web2: {address: 192.0.2.3, groups: [web]}
      db1: {address: 192.0.2.2, groups: [db]}
"""


@pytest.fixture
def key(tmp_path, monkeypatch):
    path = tmp_path / "age.txt"
    path.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(path))
    return path


@pytest.fixture
def repository(tmp_path, key):
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    make_project(root)
    commit(root, "first")
    return root


def make_project(root):
    write(
        root,
        {
            "cdconf.yml": "project: demo\ngroups: {db: [base], web: [base]}\n",
            "inventories/dev/hosts.yml": HOSTS,
            "inventories/dev/group_vars/db.yml": "greeting: data\n",
            "roles/base/role.yml": ROLE,
            "roles/base/templates/motd.j2": "This is {{ host.groups[0] }}.\n{{ greeting }}\n",
            ".gitignore": ".cdconf/\n",
        },
    )
    recipients = cdconf(root, "secret", "key").stdout
    (root / "inventories/dev/recipients.txt").write_text(recipients)
    set_secret(root, "correct-horse-battery")


def set_secret(root, value):
    import subprocess
    import sys

    command = [sys.executable, "-m", "cdconf", "secret", "set", "dev", "password"]
    subprocess.run(command, cwd=root, input=value, text=True, check=True, capture_output=True, timeout=60)


def commit(root, message):
    git(root, "add", "-A")
    git(root, "commit", "-qm", message)


def change(root, path, old, new):
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))


def plan(root, *arguments, **environment):
    done = cdconf(root, "plan", "dev", "--from", "HEAD~1", "--json", *arguments, **environment)
    return done.returncode, json.loads(done.stdout)


def only(document):
    (found,) = document["changes"]
    return found


def tree(root):
    """Every file outside of .git, and what git thinks of them."""
    files = {
        path.relative_to(root): (path.stat().st_mtime_ns, path.read_bytes())
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }
    index = root / ".git/index"
    return files, index.read_bytes() if index.exists() else None


def test_the_same_revision_has_no_differences(repository):
    done = cdconf(repository, "plan", "dev", "--from", "HEAD")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no differences" in done.stdout


def test_a_change_on_a_whole_group_is_shown_once_with_its_diff_and_places(repository):
    change(repository, "inventories/dev/group_vars/db.yml", "data", "databases")
    change(repository, "roles/base/role.yml", "resources:", "# one line more\nresources:")
    change(repository, "roles/base/templates/motd.j2", "This", "Here")
    commit(repository, "second")
    code, document = plan(repository, "--limit", "web")
    one = only(document)
    assert code == document["exit_code"] == 2
    assert (one["change"], one["type"], one["title"]) == ("changed", "file", "/etc/motd")
    assert (one["hosts"], one["groups"]) == (["web1", "web2"], ["web"])
    assert (one["source_from"], one["source_to"]) == ("roles/base/role.yml:5", "roles/base/role.yml:6")
    assert "-This is web.\n+Here is web.\n hello\n" in one["diff"]
    assert document["hosts"]["web1"]["changed"] == 1
    assert document["hosts"]["web1"]["ok"] == 2


def test_the_same_change_of_different_values_is_two_changes(repository):
    change(repository, "roles/base/templates/motd.j2", "This", "Here")
    commit(repository, "second")
    changes = plan(repository)[1]["changes"]
    assert sorted(one["groups"] for one in changes) == [["db"], ["web"]]


def test_lines_that_stay_do_not_tell_the_same_change_apart(repository):
    motd = repository / "roles/base/templates/motd.j2"
    motd.write_text("one\n{{ host.name }}\ntwo\nthree\n")
    commit(repository, "with names")
    motd.write_text("ONE\n{{ host.name }}\nTWO\nthree\n")
    commit(repository, "second")
    one = only(plan(repository)[1])
    assert one["hosts"] == ["db1", "web1", "web2"]
    assert one["diff"].split("\n", 2)[2] == "@@ -1,4 +1,4 @@\n-one\n+ONE\n db1\n-two\n+TWO\n three\n"


def test_people_read_groups_and_all_hosts_by_their_names(repository):
    change(repository, "roles/base/role.yml", "package: curl", "package: wget")
    change(repository, "roles/base/templates/motd.j2", "This", "Here")
    commit(repository, "second")
    text = cdconf(repository, "plan", "dev", "--from", "HEAD~1").stdout
    assert "+ package wget: on all 3 hosts  [roles/base/role.yml:8]" in text
    assert "- package curl: on all 3 hosts  [roles/base/role.yml:8]: hosts keep it as an orphan" in text
    assert "~ file /etc/motd: on web (2 hosts)" in text
    assert "~ file /etc/motd: on db1" in text
    assert "    +Here is web." in text
    assert "facts: never seen" in text


def test_nothing_is_written_and_nothing_is_left(repository, tmp_path):
    change(repository, "roles/base/templates/motd.j2", "This", "Here")
    commit(repository, "second")
    (repository / "roles/base/role.yml").write_text("this: [is broken")
    (tmp_path / "tmp").mkdir()
    before = tree(repository)
    code, _ = plan(repository, TMPDIR=str(tmp_path / "tmp"))
    assert code == 2
    assert tree(repository) == before
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_work_tree_can_be_compared_too(repository):
    change(repository, "roles/base/templates/motd.j2", "This", "Here")
    document = json.loads(cdconf(repository, "plan", "dev", "--from", "HEAD", "--to", ".", "--json").stdout)
    assert [one["title"] for one in document["changes"]] == ["/etc/motd"] * 2
    assert document["to"] == {"revision": ".", "commit": None}


def test_a_secret_that_differs_is_seen_and_never_shown(repository):
    set_secret(repository, "another-staple-entirely")
    commit(repository, "second")
    for arguments in (["--json"], ["--markdown"], []):
        done = cdconf(repository, "plan", "dev", "--from", "HEAD~1", *arguments)
        assert done.returncode == 2
        assert "/etc/secret" in done.stdout
        assert "staple" not in done.stdout + done.stderr
        assert "horse" not in done.stdout + done.stderr
    one = only(plan(repository)[1])
    assert (one["sensitive"], one["diff"]) == (True, "content: (sensitive)\n")


def test_a_secret_of_either_revision_is_masked_wherever_it_stands(repository):
    set_secret(repository, "another-staple-entirely")
    change(repository, "roles/base/templates/motd.j2", "This", "correct-horse-battery, once; This")
    commit(repository, "second")
    text = cdconf(repository, "plan", "dev", "--from", "HEAD~1").stdout
    assert "+***, once; This is web." in text


def test_encrypting_the_same_secret_again_is_no_difference(repository):
    old = (repository / "inventories/dev/secrets.yml").read_text()
    set_secret(repository, "correct-horse-battery")
    assert (repository / "inventories/dev/secrets.yml").read_text() != old
    commit(repository, "second")
    assert plan(repository)[0] == 0


def test_without_a_key_secrets_are_compared_by_what_is_encrypted(repository, tmp_path):
    nobody = str(tmp_path / "nobody.txt")
    change(repository, "roles/base/templates/motd.j2", "This", "Here")
    commit(repository, "second")
    done = cdconf(repository, "plan", "dev", "--from", "HEAD~1", CDCONF_AGE_IDENTITY=nobody)
    assert done.returncode == 2
    assert "/etc/secret" not in done.stdout
    assert "password can't be decrypted here" in done.stderr
    set_secret(repository, "another-staple-entirely")
    commit(repository, "third")
    assert only(plan(repository, CDCONF_AGE_IDENTITY=nobody)[1])["title"] == "/etc/secret"


def test_a_generated_secret_is_neither_made_nor_a_difference(repository):
    change(repository, "inventories/dev/hosts.yml", "hosts:", "provider: docker\nhosts:")
    for address in ("1", "2", "3"):
        change(repository, "inventories/dev/hosts.yml", f"address: 192.0.2.{address}, ", "")
    change(repository, "roles/base/role.yml", "secret: true", "secret: {generate: 20}")
    (repository / "inventories/dev/secrets.yml").unlink()
    commit(repository, "generated")
    change(repository, "roles/base/templates/motd.j2", "This", "Here")
    commit(repository, "second")
    assert {one["title"] for one in plan(repository)[1]["changes"]} == {"/etc/motd"}
    assert sorted(path.name for path in (repository / ".cdconf").iterdir()) == [
        ".gitignore",
        "checkout",
        "history.jsonl",
    ]


def test_what_reads_facts_that_were_never_seen_is_unknown(repository):
    change(repository, "roles/base/templates/motd.j2", "This", "{{ facts.os.id }}: This")
    commit(repository, "second")
    code, document = plan(repository)
    one = only(document)
    assert code == 2
    assert (one["change"], one["title"], one["groups"]) == ("unknown", "/etc/motd", ["db", "web"])
    assert one["message"] == "reads facts that were never seen: os"
    assert document["hosts"]["web1"]["unknown"] == 1
    # What's unknown at both revisions differs only if something that it's made of does.
    (repository / "README").write_text("nothing of the project's\n")
    commit(repository, "third")
    assert plan(repository)[0] == 0


def test_a_condition_on_unseen_facts_is_unknown_and_not_removed(repository):
    change(repository, "roles/base/role.yml", "- package: curl", "- package: curl\n        when: facts.os.id == 'x'")
    (repository / "roles/base/role.yml").write_text(
        (repository / "roles/base/role.yml").read_text().replace("        when", "    when")
    )
    commit(repository, "second")
    one = only(plan(repository)[1])
    assert (one["change"], one["type"], one["title"]) == ("unknown", "package", "curl")


def test_facts_that_were_seen_are_used_with_their_age(repository):
    from cdconf.facts import FactCache, sample

    cache = FactCache(repository / ".cdconf", "dev")
    os_id = sample()["os"]["id"]
    for host in ("web1", "web2", "db1"):
        cache.store(host, sample(), ["os"], keep=False)
    file = repository / ".cdconf/facts/dev/web1.json"
    seen = json.loads(file.read_text())
    for entry in seen["groups"].values():
        entry["seen"] = time.time() - 3 * 86400
    file.write_text(json.dumps(seen))
    change(repository, "roles/base/templates/motd.j2", "This", "{{ facts.os.id }}: This")
    commit(repository, "second")
    done = cdconf(repository, "plan", "dev", "--from", "HEAD~1")
    assert f"+{os_id}: This is web." in done.stdout
    assert "facts: last seen at most 3 days ago" in done.stdout


def test_hosts_and_groups_that_come_and_go(repository):
    change(repository, "inventories/dev/hosts.yml", "db1: {address: 192.0.2.2, groups: [db]}", "")
    change(repository, "inventories/dev/hosts.yml", "192.0.2.3, groups: [web]", "192.0.2.9, groups: [web, lb]")
    change(repository, "cdconf.yml", "web: [base]", "web: [base], lb: [base]")
    with (repository / "inventories/dev/hosts.yml").open("a") as stream:
        stream.write("  web3: {address: 192.0.2.4, groups: [web]}\n")
    commit(repository, "second")
    code, document = plan(repository)
    assert code == 2
    assert document["hosts_added"] == [{"host": "web3", "groups": ["web"], "resources": 3}]
    assert document["hosts_removed"] == [{"host": "db1", "groups": ["db"]}]
    (described,) = document["hosts_described"]
    assert described["fields"]["address"] == {"from": "192.0.2.3", "to": "192.0.2.9"}
    assert (document["groups_added"], document["groups_removed"]) == (["lb"], ["db"])
    text = cdconf(repository, "plan", "dev", "--from", "HEAD~1").stdout
    assert "+ host web3 (web): gets 3 resources  [inventories/dev/hosts.yml:5]" in text
    assert "- host db1 (db)" in text
    assert "+ group lb" in text


def test_another_order_is_a_difference(repository):
    text = (repository / "roles/base/role.yml").read_text()
    motd = "  - file: /etc/motd\n    template: motd.j2\n    notify: say it\n"
    moved = text.replace(motd, "").replace("handlers:", f"{motd}handlers:")
    assert moved != text
    (repository / "roles/base/role.yml").write_text(moved)
    commit(repository, "second")
    one = only(plan(repository)[1])
    assert (one["change"], one["message"]) == ("reordered", "applied at another place: file:/etc/motd")


def test_a_handler_that_does_something_else_is_a_difference(repository):
    change(repository, "roles/base/role.yml", "wall < /etc/motd", "wall /etc/motd")
    commit(repository, "second")
    one = only(plan(repository)[1])
    assert (one["type"], one["title"]) == ("handler", "say it")
    assert "wall < /etc/motd -> wall /etc/motd" in one["diff"].replace("run command ", "")


def test_a_role_selects_its_resources(repository):
    change(repository, "cdconf.yml", "web: [base]", "web: [base, more]")
    change(repository, "roles/base/templates/motd.j2", "This", "Here")
    write(repository, {"roles/more/role.yml": "resources:\n  - package: htop\n"})
    commit(repository, "second")
    assert only(plan(repository, "--role", "more")[1])["title"] == "htop"
    done = cdconf(repository, "plan", "dev", "--from", "HEAD~1", "--role", "mroe")
    assert (done.returncode, done.stderr.splitlines()[1]) == (1, "  hint: did you mean 'more'?")


@pytest.mark.parametrize(("at", "place"), [("second", "HEAD:"), ("first", "HEAD~1:")])
def test_a_revision_that_does_not_compile_is_named_with_file_and_line(repository, at, place):
    good = (repository / "roles/base/role.yml").read_text()
    bad = good.replace("package: curl", "packag: curl")
    (repository / "roles/base/role.yml").write_text(bad)
    commit(repository, "broken")
    if at == "first":
        (repository / "roles/base/role.yml").write_text(good)
        commit(repository, "mended")
    done = cdconf(repository, "plan", "dev", "--from", "HEAD~1")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {place}roles/base/role.yml:8: unknown resource type 'packag'\n")
    assert "did you mean 'package'" in done.stderr


def test_an_error_in_a_template_is_named_with_its_revision(repository):
    change(repository, "roles/base/templates/motd.j2", "greeting", "greting")
    commit(repository, "broken")
    code, document = plan(repository)
    assert code == 1
    assert document["error"]["file"] == "HEAD:roles/base/templates/motd.j2"
    assert document["error"]["line"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "mian"], "'mian' is no revision of this repository\n  hint: did you mean 'main'?"),
        (["--from", "--upload-pack=x"], "'--upload-pack=x' is no revision"),
        (["--from", ""], "'' is no revision"),
        (["--from", "HEAD:roles"], "'HEAD:roles' is no revision"),
        (["--from", "main", "--to", "nowhere"], "'nowhere' is no revision"),
        (["--to", "main"], "--to needs --from"),
        (["--markdown"], "--markdown needs --from"),
        (["--from", "main", "--prune"], "--prune can't be combined with --from"),
        (["--from", "main", "--take-over", "web1"], "--take-over can't be combined with --from"),
        (["--from", "main", "--json", "--markdown"], "exclude each other"),
        (["--from", "main", "--limit", "nothing"], "'nothing' isn't a host of dev"),
    ],
)
def test_what_makes_no_sense_is_one_clear_error(repository, arguments, message):
    done = cdconf(repository, "plan", "dev", *arguments)
    assert done.returncode == 1
    assert message in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_an_environment_may_be_new_or_nowhere(repository):
    shutil.copytree(repository / "inventories/dev", repository / "inventories/new")
    commit(repository, "second")
    done = cdconf(repository, "plan", "new", "--from", "HEAD~1", "--json")
    assert [one["host"] for one in json.loads(done.stdout)["hosts_added"]] == ["db1", "web1", "web2"]
    done = cdconf(repository, "plan", "nwe", "--from", "HEAD~1")
    assert (done.returncode, "did you mean 'new'?" in done.stderr) == (1, True)


def test_outside_of_git(tmp_path, key):
    root = tmp_path / "plain"
    root.mkdir()
    make_project(root)
    done = cdconf(root, "plan", "dev", "--from", "HEAD", GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert (done.returncode, "isn't in a git repository" in done.stderr) == (1, True)
    git(root, "init", "-q")
    done = cdconf(root, "plan", "dev", "--from", "HEAD", GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert (done.returncode, f"git doesn't trust {root}" in done.stderr) == (1, True)
    assert f"git config --global --add safe.directory {root}" in done.stderr


def test_a_project_in_a_subdirectory_with_links_beside_it(tmp_path, key):
    root = tmp_path / "mono"
    project = root / "ops/cd"
    project.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    make_project(project)
    (root / "shared").mkdir()
    shutil.move(project / "roles/base", root / "shared/base")
    (project / "roles/base").symlink_to("../../../shared/base")
    commit(root, "first")
    change(root, "shared/base/templates/motd.j2", "This", "Here")
    commit(root, "second")
    code, document = plan(project)
    assert (code, len(document["changes"])) == (2, 2)
    git(root, "rm", "-rqf", "ops/cd/cdconf.yml")
    commit(root, "third")
    (project / "cdconf.yml").write_text("project: demo\ngroups: {}\n")
    done = cdconf(project, "plan", "dev", "--from", "HEAD")
    assert "there is no cdconf.yml in ops/cd/ at HEAD" in done.stderr


def test_links_out_of_the_repository_are_left_out(repository, tmp_path):
    (tmp_path / "outside").write_text("not for a comment\n")
    files = repository / "roles/base/files"
    files.mkdir()
    (files / "up").symlink_to("../../../../outside")
    (files / "absolute").symlink_to("/etc/passwd")
    (files / "circle").symlink_to("circle")
    (files / "nowhere").symlink_to("nothing")
    (files / "inside").symlink_to("../templates/motd.j2")
    # By its name it stays inside; where it really leads depends on another link.
    deep = repository / "roles/base/files/a/b/c/d/e/f"
    deep.mkdir(parents=True)
    (deep / "top").symlink_to("../../../../../../../../..")
    (files / "sly").symlink_to("a/b/c/d/e/f/top/../../../../../../../../../etc/passwd")
    change(repository, "roles/base/role.yml", "- package: curl", "- file: /x\n    source: inside")
    commit(repository, "second")
    done = cdconf(repository, "plan", "dev", "--from", "HEAD~1")
    assert done.returncode == 2, done.stderr
    assert "+ file /x" in done.stdout
    left_out = {line.split()[1].rpartition("/")[2] for line in done.stderr.splitlines()}
    assert left_out >= {"up", "absolute", "circle", "sly"}
    change(repository, "roles/base/role.yml", "source: inside", "source: up")
    commit(repository, "third")
    done = cdconf(repository, "plan", "dev", "--from", "HEAD~1")
    assert done.returncode == 1
    assert "HEAD:roles/base/role.yml:" in done.stderr
    assert "there is no file 'up'" in done.stderr
    assert "not for a comment" not in done.stdout + done.stderr


def test_submodules_are_read_where_they_are_checked_out(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    other = tmp_path / "other"
    write(other, {"role.yml": "resources:\n  - package: htop\n"})
    git(other, "init", "-q", "-b", "main")
    commit(other, "role")
    git(repository, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "roles/more")
    change(repository, "cdconf.yml", "web: [base]", "web: [base, more]")
    commit(repository, "second")
    assert only(plan(repository)[1])["title"] == "htop"
    shutil.rmtree(repository / "roles/more/")
    done = cdconf(repository, "plan", "dev", "--from", "HEAD~1")
    assert done.returncode == 1
    assert "roles/more at" in done.stderr
    assert "no roles/more/role.yml" in done.stderr


def test_files_that_git_would_not_archive_are_read_as_committed(repository):
    write(repository, {".gitattributes": "roles/base/templates/* export-ignore\n*.yml export-subst\n"})
    change(repository, "roles/base/templates/motd.j2", "This", "$Format:%H$ Here")
    commit(repository, "second")
    code, document = plan(repository)
    assert (code, len(document["changes"])) == (2, 2)
    assert "+$Format:%H$ Here" in document["changes"][0]["diff"]


def test_markdown_is_bounded_and_quotes_what_it_shows(repository):
    write(
        repository,
        {
            "roles/base/templates/motd.j2": "```\n</details> @everyone <b>\n",
            "roles/base/role.yml": ROLE.replace(
                "      - package: curl\n",
                '      - package: curl\n      - file: "/srv/<b>@all"\n        content: ""\n'
                '      - file: "/srv/f{{ each }}"\n'
                '        for_each: "{{ range(400) | list }}"\n        content: "{{ \'x\' * 300 }}{{ each }}\\n"\n',
            ),
        },
    )
    commit(repository, "second")
    done = cdconf(repository, "plan", "dev", "--from", "HEAD~1", "--markdown")
    assert done.returncode == 2, done.stderr
    text = done.stdout
    assert 5_000 < len(text) < 65_000
    assert "more changes, for which a comment has no room." in text
    assert "````diff\n" in text
    assert "<code>file /srv/&lt;b&gt;@all</code>" in text
    assert text.count("<details") == text.count("</details>\n")


def test_a_pattern_of_one_revision_alone_is_enough(repository):
    with (repository / "inventories/dev/hosts.yml").open("a") as stream:
        stream.write("  web3: {address: 192.0.2.4, groups: [web]}\n")
    commit(repository, "second")
    code, document = plan(repository, "--limit", "web3")
    assert (code, [one["host"] for one in document["hosts_added"]]) == (2, ["web3"])


@pytest.mark.parametrize("blocks", [0, 40])
def test_a_disk_that_is_full_is_a_clear_error_and_leaves_nothing(repository, tmp_path, blocks):
    (repository / "roles/base/files").mkdir(exist_ok=True)
    (repository / "roles/base/files/large").write_text("x" * 100_000)
    commit(repository, "large")
    limited = f"ulimit -f {blocks}; exec {sys.executable} -m cdconf plan dev --from HEAD"
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {limited}"],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "the revision's files can't be written" in done.stderr, done.stderr
    assert "bug in cdconf" not in done.stderr
    assert not list(tmp_path.glob("cdconf-*"))


def test_a_large_fleet_is_compiled_by_several_processes_and_reads_as_if_by_one(repository):
    hosts = "".join(f"  n{number}: {{address: 192.0.2.5, groups: [web]}}\n" for number in range(150))
    with (repository / "inventories/dev/hosts.yml").open("a") as stream:
        stream.write(hosts)
    commit(repository, "large")
    change(repository, "roles/base/templates/motd.j2", "This", "Here")
    write(repository, {"inventories/dev/host_vars/n140.yml": "greeting: of its own\n"})
    commit(repository, "second")
    changes = plan(repository, "--limit", "web")[1]["changes"]
    assert [one["hosts"] for one in changes] == [
        ["web1", "web2", *(f"n{number}" for number in range(150) if number != 140)],
        ["n140"],
    ]
    write(repository, {"inventories/dev/host_vars/n140.yml": "greeting: [1]\n"})
    commit(repository, "third")
    done = cdconf(repository, "plan", "dev", "--from", "HEAD~1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: HEAD:inventories/dev/host_vars/n140.yml:1: 'greeting' must be of type string")
    done = cdconf(repository, "plan", "dev", "--from", "HEAD~2", "--to", "HEAD~1", "-e", "password=given-on-the-line")
    assert "given-on" not in done.stdout + done.stderr
