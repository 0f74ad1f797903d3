import pytest

from cdconf.catalog import Compiler
from cdconf.engine.reports import report
from cdconf.errors import InvalidFile
from cdconf.inventory import load_environment, load_project
from tests.conftest import cdconf, write


def with_more(project, text):
    config = project / "cdconf.yml"
    config.write_text(config.read_text() + text)
    return config.read_text().count("\n")


@pytest.mark.parametrize("path", ["/srv/shop", "/srv/shop/", "/srv/./shop", "/srv/shop/releases", "/srv//shop"])
def test_two_apps_cannot_share_a_directory(project, path):
    last = with_more(
        project,
        f"apps:\n  shop: {{groups: [web], path: /srv/shop}}\n  till: {{groups: [web], path: {path}}}\n",
    )
    with pytest.raises(InvalidFile, match="app 'till' lies at /srv/shop") as caught:
        load_project(project)
    assert (caught.value.file, caught.value.line) == ("cdconf.yml", last)


def test_names_that_begin_alike_are_two_directories(project):
    with_more(project, "apps:\n  a: {groups: [web], path: /srv/shop}\n  b: {groups: [web], path: /srv/shop2}\n")
    assert [app.path for app in load_project(project).apps.values()] == ["/srv/shop", "/srv/shop2"]


@pytest.mark.parametrize("keep", [0, -1])
def test_an_app_keeps_at_least_one_release(project, keep):
    with_more(project, f"apps:\n  shop: {{groups: [web], path: /srv/shop, keep: {keep}}}\n")
    with pytest.raises(InvalidFile, match=f"'keep' in app 'shop' must be 1 or more, not {keep}"):
        load_project(project)


def test_a_stage_s_environment_exists(project):
    last = with_more(project, "pipeline:\n  - {stage: one, environment: dev}\n  - {stage: two, environment: devv}\n")
    with pytest.raises(InvalidFile, match="stage 'two' names an unknown environment 'devv'") as caught:
        load_project(project)
    assert (caught.value.line, caught.value.hint) == (last, "did you mean 'dev'?")


@pytest.mark.parametrize("value", ["AAAA", "!"])
def test_lint_finds_a_damaged_secret_without_any_key(project, value, tmp_path):
    write(project, {"inventories/dev/secrets.yml": f"# mine\ntoken: age:{value}\n"})
    result = cdconf(project, "lint", CDCONF_AGE_IDENTITY=str(tmp_path / "none"))
    assert result.returncode == 1
    assert "inventories/dev/secrets.yml:2: the secret 'token' is damaged" in result.stdout


def test_an_error_in_a_variable_of_the_command_line_has_no_line(project):
    text = "variables:\n  many: {type: integer}\nresources:\n  - file: '/{{ many }}'\n"
    write(project, {"roles/base/role.yml": text})
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    with pytest.raises(InvalidFile) as caught:
        Compiler(loaded, environment, extra={"many": "lots"}).compile(environment.hosts["web1"], {})
    events = []
    report(events.append, "web1", caught.value)
    assert events[0].error.startswith("-e: 'many' must be of type integer")
    assert caught.value.as_dict()["line"] is None


def test_a_version_that_yaml_reads_as_a_number_is_refused_with_a_hint(project):
    write(project, {"roles/base/role.yml": "resources:\n  - package: x\n    version: 1.2\n"})
    result = cdconf(project, "lint")
    assert "roles/base/role.yml:3: 'version' must be text, not 1.2 (a number)" in result.stdout
    assert 'hint: quote it where it stands: "1.2"' in result.stdout


@pytest.mark.parametrize(("value", "seconds"), [("8s", 8.0), ("2m", 120.0), ("0", 0.0), (None, 120.0)])
def test_an_app_says_how_long_it_may_stay_unconfirmed(project, value, seconds):
    more = "" if value is None else f"    confirm_within: {value}\n    soak: 1m\n"
    text = (project / "cdconf.yml").read_text() + "apps:\n  app:\n    groups: [web]\n    path: /srv/app\n"
    (project / "cdconf.yml").write_text(text + more)
    app = load_project(project).apps["app"]
    assert (app.confirm_within, app.soak) == (seconds, 60.0 if more else 0.0)


@pytest.mark.parametrize(("value", "wrong"), [("4s", "must be at least 5s"), ("soon", "must be a duration")])
def test_a_switch_that_beats_could_not_hold_off_is_refused(project, value, wrong):
    text = (project / "cdconf.yml").read_text() + "apps:\n  app:\n    groups: [web]\n    path: /srv/app\n"
    (project / "cdconf.yml").write_text(f"{text}    confirm_within: {value}\n")
    with pytest.raises(InvalidFile, match=wrong) as caught:
        load_project(project)
    assert (caught.value.file, caught.value.line) == ("cdconf.yml", text.count("\n") + 1)
