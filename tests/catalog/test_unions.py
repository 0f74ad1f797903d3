"""One resource that two roles declare: each in its place, with the fields that it gives."""

import pytest

from cdconf.catalog.unions import unions
from cdconf.errors import InvalidFile
from tests.catalog.test_compiler import compiled
from tests.conftest import write

HANDLERS = "handlers:\n  one: {command: 'true'}\n  two: {command: 'true'}\n"


def declared(project, first, second, handlers=""):
    """The catalog of two roles, with a file in between."""
    config = (project / "cdconf.yml").read_text().replace("web: [base]", "web: [base, second]")
    between = "  - file: /between\n    content: ''\n"
    roles = {"base": f"resources:\n{first}{between}", "second": f"resources:\n{second}{handlers}"}
    write(project, {"cdconf.yml": config, **{f"roles/{name}/role.yml": text for name, text in roles.items()}})
    return compiled(project)[1]


def service(*fields, title="nginx"):
    return "".join([f"  - service: {title}\n", *(f"    {one}\n" for one in fields)])


def test_each_stays_in_its_place_and_brings_the_fields_that_it_gives(project):
    catalog = declared(project, service("running: true"), service("running: true", "enabled: true"))
    assert [one.id for one in catalog.resources] == ["service:nginx", "file:/between", "service:nginx"]
    first, _, second = (one.fields for one in catalog.resources)
    assert first == {"name": "nginx", "running": True}
    assert second == {"name": "nginx", "running": True, "enabled": True}


def test_it_is_one_resource_with_all_fields_to_whoever_compares_hosts(project):
    catalog = declared(
        project, service("running: true", "notify: one"), service("enabled: true", "notify: two"), HANDLERS
    )
    union, _ = unions(catalog.resources)
    assert union.fields == {"name": "nginx", "running": True, "enabled": True}
    assert union.notify == ("one", "two")
    assert union.source == "roles/base/role.yml:2"
    assert [one.notify for one in catalog.resources] == [("one",), (), ("two",)]


def test_equal_declarations_are_one_with_the_handlers_of_both(project):
    catalog = declared(
        project, service("running: true", "notify: one"), service("running: true", "notify: two"), HANDLERS
    )
    assert [one.id for one in catalog.resources] == ["service:nginx", "file:/between"]
    assert catalog.resources[0].notify == ("one", "two")


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (service("enabled: true"), service("enabled: false", "running: true"), "'enabled' isn't the same"),
        (
            "  - user: app\n    groups: [a, b]\n",
            "  - user: app\n    groups: [a, c]\n    shell: /bin/sh\n",
            "'groups' isn't the same",
        ),
        (
            "  - user: app\n    groups: [a, b]\n",
            "  - user: app\n    groups: [a]\n",
            "'groups' isn't the same",
        ),
        ("  - user: app\n    shell: /bin/sh\n", "  - user: app\n    absent: true\n", "one of them wants it absent"),
        (
            service("running: true", "when: host.name"),
            service("enabled: true"),
            "under another `when`",
        ),
        (
            "  - container: app\n    image: 'x:1'\n",
            "  - container: app\n    image: 'x:1'\n    user: '1'\n",
            "made of one declaration alone",
        ),
        (
            "  - file: /x\n    content: a\n",
            "  - file: /x\n    content: b\n    mode: '0600'\n",
            "'content' isn't the same",
        ),
    ],
)
def test_what_contradicts_is_one_error_that_names_both_places(project, first, second, why):
    with pytest.raises(InvalidFile, match=r"is declared differently at roles/base/role\.yml:2") as caught:
        declared(project, first, second)
    assert why in str(caught.value)
    assert str(caught.value).startswith("roles/second/role.yml:2:")


def test_the_same_condition_on_both_is_no_contradiction(project):
    when = "when: host.name == 'web1'"
    catalog = declared(project, service("running: true", when), service("enabled: true", when))
    assert len(catalog.resources) == 3


def test_a_default_gives_way_to_what_the_other_role_gives(project):
    catalog = declared(
        project, "  - sysctl: vm.x\n    value: 1\n", "  - sysctl: vm.x\n    value: 1\n    at_boot: false\n"
    )
    assert [one.fields["at_boot"] for one in catalog.resources if one.type == "sysctl"] == [False, False]


def test_a_flush_stays_before_what_follows_it(project):
    second = "  - flush: [one]\n" + service("enabled: true") + "  - file: /after\n    content: ''\n"
    catalog = declared(project, service("running: true", "notify: one"), second, HANDLERS)
    assert [one.flush for one in catalog.resources] == [(), (), ("one",), ()]


def test_a_secret_in_one_declaration_makes_all_of_them_sensitive(project):
    catalog = declared(
        project, "  - user: app\n    shell: /bin/sh\n", "  - user: app\n    comment: x\n    sensitive: true\n"
    )
    assert [one.sensitive for one in catalog.resources] == [True, False, True]
