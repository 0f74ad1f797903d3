import pytest

from cdconf.catalog import Compiler
from cdconf.errors import CdconfError, InvalidFile
from cdconf.inventory import load_environment, load_project
from cdconf.secrets import is_tainted
from tests.conftest import write


def compiled(root, environment="dev", host="web1", facts=None, **options):
    project = load_project(root)
    loaded = load_environment(project, environment)
    compiler = Compiler(project, loaded, **options)
    return compiler, compiler.compile(loaded.hosts[host], facts or {})


def role(project, text):
    return write(project, {"roles/base/role.yml": text})


def test_a_catalog_holds_rendered_fields_and_its_handlers(project):
    _, catalog = compiled(project)
    (motd,) = catalog.document()["resources"]
    assert motd["fields"] == {"path": "/etc/motd", "content": "hello\n"}
    assert motd["source"] == "roles/base/role.yml:4"
    assert catalog.handlers["say it"].action == "run"


def test_the_same_input_gives_the_same_digest(project):
    assert compiled(project)[1].digest == compiled(project)[1].digest


def test_later_layers_win_and_extra_wins_over_all(project):
    write(
        project,
        {
            "inventories/dev/group_vars/all.yml": "greeting: all\n",
            "inventories/dev/host_vars/web1.yml": "greeting: host\n",
        },
    )
    assert compiled(project)[1].resources[0].fields["content"] == "host\n"
    assert compiled(project, host="db1")[1].resources[0].fields["content"] == "all\n"
    assert compiled(project, extra={"greeting": "extra"})[1].resources[0].fields["content"] == "extra\n"


def test_a_lone_expression_keeps_its_type_and_other_text_does_not(project):
    role(
        project,
        """
        variables:
          many: {type: integer, default: 3, doc: x}
        resources:
          - user: app
            uid: "{{ many }}"
            comment: "n{{ many }}"
    """,
    )
    assert compiled(project)[1].resources[0].fields == {"name": "app", "uid": 3, "comment": "n3"}


def test_for_each_when_and_lists_of_titles(project):
    role(
        project,
        """
        resources:
          - file: "/srv/{{ each }}"
            content: ""
            for_each: [a, b, c]
            when: each != 'b'
          - package: [curl, git]
    """,
    )
    assert [one.id for one in compiled(project)[1].resources] == [
        "file:/srv/a",
        "file:/srv/c",
        "package:curl",
        "package:git",
    ]


APP = "apps:\n  shop: {groups: [web], path: /srv/shop, services: [%s]}\n"


@pytest.mark.parametrize("owned", ["shop", "shop.service"])
@pytest.mark.parametrize("named", ["shop", "shop.service"])
def test_an_app_s_service_is_not_started_by_a_role_however_it_is_named(project, owned, named):
    config = project / "cdconf.yml"
    config.write_text(config.read_text() + APP % owned)
    role(project, f"resources:\n  - service: {named}\n    running: true\n")
    with pytest.raises(InvalidFile, match=r"role.yml:3: service '.*' is app 'shop's"):
        compiled(project)


@pytest.mark.parametrize("owned", ["shop", "shop.service"])
@pytest.mark.parametrize("named", ["shop", "shop.service"])
def test_a_handler_of_an_app_s_service_knows_the_app(project, owned, named):
    config = project / "cdconf.yml"
    config.write_text(config.read_text() + APP % owned)
    handlers = f"handlers:\n  again: {{service: {named}}}\n"
    role(project, "resources:\n  - file: /x\n    content: ''\n    notify: again\n" + handlers)
    assert compiled(project)[1].handlers["again"].app == {"name": "shop", "path": "/srv/shop"}


def test_what_is_removed_needs_no_required_fields(project):
    role(project, "resources:\n  - link: /x\n    absent: true\n")
    assert compiled(project)[1].resources[0].fields == {"path": "/x"}


def test_a_unit_s_two_names_are_one_service(project):
    role(project, "resources:\n  - service: a\n    enabled: true\n  - service: a.service\n    enabled: false\n")
    with pytest.raises(InvalidFile, match="declared differently"):
        compiled(project)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "resources:\n  - file: /x\n    modes: '1'\n",
            "roles/base/role.yml:3: unknown key 'modes'",
            "did you mean 'mode'?",
        ),
        ("resources:\n  - flie: /x\n", "roles/base/role.yml:2: unknown resource type 'flie'", "did you mean 'file'?"),
        ("resources:\n  - file: /x\n    content: '{{ gone }}'\n", "role.yml:3: the variable 'gone' is undefined", None),
        ("resources:\n  - file: x\n    content: ''\n", "'path' must be an absolute path, not 'x'", None),
        ("resources:\n  - file: /x/../y\n    content: ''\n", "'path' must be an absolute path without `..`, not", None),
        (
            "resources:\n  - file: /x\n    validate: nginx -t\n",
            "role.yml:3: 'validate' must have a {} in it",
            "without it the command never sees the new content",
        ),
        ("resources:\n  - file: /x\n    content: a\n    template: b\n", "exclude each other", None),
        ("resources:\n  - file: /x\n    template: gone.j2\n", "role.yml:3: there is no template 'gone.j2'", None),
        ("resources:\n  - command: ls\n", "has no guard", None),
        ("resources:\n  - link: /x\n", "role.yml:2: link '/x' has no 'target'", None),
        ("resources:\n  - link: /x\n    target:\n", "role.yml:3: 'target' is empty in resource link '/x'", None),
        ("resources:\n  - systemd_unit: x.service\n", "role.yml:2: the unit 'x.service' has neither", None),
        ("resources:\n  - file: /x\n    content: ''\n    notify: sya it\n", "no role has a handler 'sya it'", None),
        ("resources:\n  - service: x\n    running: maybe\n", "'running' must be true or false, not 'maybe'", None),
        ("resources:\n  - file: /x\n    content: a\n  - file: /x\n    content: b\n", "declared differently at", None),
        (
            "variables:\n  a: {type: integer, default: x}\nresources:\n  - file: /x\n    content: '{{ a }}'\n",
            "must be of type integer",
            None,
        ),
        (
            "variables:\n  a: {default: '{{ b }}'}\n  b: {default: '{{ a }}'}\nresources:\n  - file: '/{{ a }}'\n",
            "a -> b -> a",
            None,
        ),
    ],
)
def test_each_mistake_is_one_error_with_file_and_line(project, text, message, hint):
    role(project, text)
    with pytest.raises(InvalidFile) as caught:
        compiled(project)
    assert message in str(caught.value)
    assert caught.value.line
    if hint:
        assert caught.value.hint == hint


def test_an_error_in_a_template_names_the_template_s_line(project):
    role(project, "resources:\n  - file: /x\n    template: x.j2\n")
    write(project, {"roles/base/templates/x.j2": "one\ntwo {{ nothing }}\n"})
    with pytest.raises(InvalidFile, match=r"roles/base/templates/x.j2:2: the variable 'nothing'"):
        compiled(project)


def test_templates_cannot_reach_into_python(project):
    role(project, "resources:\n  - file: /x\n    content: \"{{ ''.__class__.__mro__ }}\"\n")
    with pytest.raises(InvalidFile):
        compiled(project)


SECRET_ROLE = """
    variables:
      password: {secret: {generate: 24}}
    resources:
      - file: /a
        content: "{{ password | upper | b64encode }}"
        mode: "0600"
      - file: /b
        content: "plain"
      - file: /c
        template: c.j2
        mode: "0600"
"""


@pytest.fixture
def secret_project(project):
    write(
        project,
        {
            "inventories/dev/hosts.yml": "provider: docker\nhosts:\n  web1: {groups: [web]}\n",
            "roles/base/templates/c.j2": "{{ 'a' ~ password }}",
        },
    )
    return role(project, SECRET_ROLE)


def test_a_secret_taints_what_it_touches_through_filters_and_templates(secret_project):
    compiler, catalog = compiled(secret_project)
    assert [one.sensitive for one in catalog.resources] == [True, False, True]
    assert is_tainted(catalog.resources[0].fields["content"])
    secret = catalog.resources[2].fields["content"][1:]
    assert len(secret) == 24
    assert compiler.mask(f"x {secret} y") == "x *** y"


def test_a_generated_secret_is_made_once_and_kept_private(secret_project):
    first = compiled(secret_project)[1].resources[2].fields["content"]
    assert compiled(secret_project)[1].resources[2].fields["content"] == first
    path = secret_project / ".cdconf/environments/dev/secrets.json"
    assert path.stat().st_mode & 0o077 == 0


def test_a_secret_is_not_made_up_for_hosts_that_exist_on_their_own(project):
    role(project, SECRET_ROLE)
    with pytest.raises(CdconfError) as caught:
        compiled(project)
    assert caught.value.hint.startswith(
        "set it with `cdconf secret set dev password`, or name a source that has it in "
    )


def test_a_copy_must_set_its_own_per_environment_variables(project):
    role(project, "variables:\n  relay: {type: string, per_environment: true}\nresources:\n  - file: '/{{ relay }}'\n")
    write(
        project,
        {
            "inventories/dev/group_vars/all.yml": "relay: real\n",
            "inventories/copy/hosts.yml": "copy_of: dev\nprovider: docker\n",
        },
    )
    assert compiled(project)[1].resources[0].title == "/real"
    with pytest.raises(InvalidFile, match="has no value in copy"):
        compiled(project, environment="copy")


def test_what_others_on_the_host_can_see_is_no_secret(secret_project):
    role(
        secret_project,
        """
        variables:
          password: {secret: {generate: 24}}
        resources:
          - git: /srv/x
            revision: main
            url: "https://example.com/{{ password }}"
    """,
    )
    with pytest.raises(InvalidFile, match="others on the host can see 'url'") as refused:
        compiled(secret_project)
    assert refused.value.line == 6


def test_what_needs_no_facts_is_compiled_ahead_once(project):
    loaded = load_environment(load_project(project), "dev")
    compiler = Compiler(load_project(project), loaded)
    compiler.compile_ahead(list(loaded.hosts.values()))
    role(project, "resources: []")
    catalog = compiler.compile(loaded.hosts["web1"], {})
    assert len(catalog.resources) == 1
    assert compiler.compile(loaded.hosts["web1"], {}) is not catalog  # a second time it's made anew


def test_what_needs_facts_waits_for_them_and_errors_of_others_do_not(project):
    write(project, {"inventories/dev/host_vars/db1.yml": 'greeting: "{{ facts.os.id }}"\n'})
    loaded = load_environment(load_project(project), "dev")
    compiler = Compiler(load_project(project), loaded)
    compiler.compile_ahead(list(loaded.hosts.values()))
    facts = {"os": {"id": "debian"}}
    assert compiler.compile(loaded.hosts["db1"], facts).resources[0].fields["content"] == "debian\n"
    write(project, {"inventories/dev/host_vars/web1.yml": 'greeting: "{{ nope }}"\n'})
    with pytest.raises(InvalidFile, match="'nope' is undefined"):
        Compiler(load_project(project), loaded).compile_ahead(list(loaded.hosts.values()))
