"""SARIF 2.1.0 as code hosts take it in."""

import json

from tests.conftest import cdconf, git, write


def sarif(root, *arguments, code):
    result = cdconf(root, "lint", "--sarif", *arguments)
    assert result.returncode == code, result.stderr
    document = json.loads(result.stdout)
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    for one in run["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        assert one["message"]["text"]
    return run["results"]


def place(result):
    location = result["locations"][0]["physicalLocation"]
    return location["artifactLocation"]["uri"], location.get("region", {}).get("startLine")


def test_errors_and_warnings_have_rules_levels_and_places(project):
    write(
        project,
        {
            "roles/base/role.yml": """
                resources:
                  - file: /etc/motd
                    modes: "0644"
            """,
            "inventories/dev/group_vars/all.yml": "a_token: x\nb_token: y\n",
        },
    )
    error, clear, other = sarif(project, code=1)
    assert (error["ruleId"], error["level"], place(error)) == ("invalid_file", "error", ("roles/base/role.yml", 3))
    assert "did you mean 'mode'?" in error["message"]["text"]
    assert (clear["ruleId"], clear["level"]) == ("secret_in_clear", "warning")
    assert place(other) == ("inventories/dev/group_vars/all.yml", 2)
    assert clear["partialFingerprints"] != other["partialFingerprints"]


def test_a_rule_is_described_by_the_kind_of_error_that_it_is(project):
    write(project, {"roles/base/role.yml": "resources:\n  - {file: /x, mode: 0644}\n"})
    (rule,) = json.loads(cdconf(project, "lint", "--sarif").stdout)["runs"][0]["tool"]["driver"]["rules"]
    assert (rule["id"], rule["shortDescription"]["text"]) == ("invalid_file", "A project file breaks a rule.")


def test_a_good_project_has_no_results(project):
    assert sarif(project, code=0) == []


def test_warnings_fail_only_when_strict(project):
    write(project, {"templates/a b.j2": ""})
    (only,) = sarif(project, code=0)
    assert place(only) == ("templates/a%20b.j2", None)
    sarif(project, "--strict", code=1)


def test_a_project_that_cannot_be_read_is_a_result_too(project):
    write(project, {"cdconf.yml": "project: [\n"})
    (only,) = sarif(project, code=1)
    assert (only["ruleId"], place(only)[0]) == ("invalid_file", "cdconf.yml")


def test_places_are_relative_to_the_repository(project, tmp_path_factory):
    repository = tmp_path_factory.mktemp("repository")
    git(repository, "init", "-q")
    inner = repository / "ops"
    inner.mkdir()
    for path in project.iterdir():
        path.rename(inner / path.name)
    write(inner, {"templates/old.j2": ""})
    assert place(sarif(inner, code=0)[0])[0] == "ops/templates/old.j2"


def test_json_and_sarif_exclude_each_other(project):
    assert cdconf(project, "lint", "--sarif", "--json").returncode == 1
