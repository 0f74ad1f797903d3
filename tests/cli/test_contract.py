"""What `cdconf contract` refuses before it asks any host."""

import json

import pytest

from tests.conftest import cdconf, write


@pytest.fixture
def app(project):
    return write(
        project,
        {
            "cdconf.yml": """
                project: demo
                groups: {web: [base], db: [base]}
                apps:
                  app:
                    groups: [web]
                    path: /srv/app
                    migrate: {expand: ./migrate expand, within: 5m}
            """
        },
    )


def test_an_app_without_a_contract_says_where_to_name_it(app):
    result = cdconf(app, "contract", "app", "--env", "dev")
    assert (result.returncode, result.stdout) == (1, "web1  not attempted\n")
    assert "error: cdconf.yml:4: app 'app' has no contract migration" in result.stderr
    assert "hint: name its command in `migrate: {contract: …}`" in result.stderr


def test_unknown_names_are_errors_with_a_hint(app):
    result = cdconf(app, "contract", "ap", "--env", "dev")
    assert result.returncode == 1
    assert "did you mean 'app'?" in result.stderr
    assert cdconf(app, "contract", "app", "--env", "nowhere").returncode == 1
    assert "--env" in cdconf(app, "contract", "app").stderr


def test_a_check_is_not_recorded_and_json_is_one_document(app):
    document = json.loads(cdconf(app, "contract", "app", "--env", "dev", "--check", "--json").stdout)
    assert (document["command"], document["app"], document["exit_code"]) == ("contract", "app", 1)
    assert json.loads(cdconf(app, "history", "--json").stdout)["runs"] == []
    cdconf(app, "contract", "app", "--env", "dev")
    (run,) = json.loads(cdconf(app, "history", "--json").stdout)["runs"]
    assert (run["command"], run["app"], run["exit_code"]) == ("contract", "app", 1)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("within: soon", "within"),
        ("expand: [a, b]", "expand"),
        ("contarct: x", "did you mean 'contract'?"),
    ],
)
def test_a_migrate_section_that_breaks_a_rule_is_an_error_with_its_line(app, key, said):
    text = (app / "cdconf.yml").read_text().replace("within: 5m", key).replace("expand: ./migrate expand, ex", "ex")
    (app / "cdconf.yml").write_text(text)
    result = cdconf(app, "lint")
    assert result.returncode == 1
    assert said in result.stdout + result.stderr
    assert "cdconf.yml:7" in result.stdout + result.stderr


def test_resuming_never_migrates(app):
    result = cdconf(app, "deploy", "app", "--to", "dev", "--resume", "--forget-migrations")
    assert result.returncode == 1
    assert "--resume never migrates" in result.stderr
