"""Which handlers a host has, and where the files have them run."""

import pytest

from cdconf.errors import CdconfError
from tests.catalog.test_compiler import compiled, role

HANDLERS = """
        handlers:
          restart it: {command: "true", when: host.name == 'web1'}
          other: {command: "true"}
"""


def test_what_is_flushed_is_known_to_the_next_resource(project):
    role(
        project,
        """
        resources:
          - {file: /etc/a, content: x, notify: [restart it]}
          - flush: [restart it, other]
          - flush: restart it
          - {file: /etc/b, content: x}
          - {flush: other, when: "false"}
          - {file: /etc/c, content: x}
          - flush: other
    """
        + HANDLERS,
    )
    catalog = compiled(project)[1]
    flushed = [one.get("flush") for one in catalog.document()["resources"]]
    assert flushed == [None, ["restart it", "other"], None]
    assert sorted(catalog.handlers) == ["other", "restart it"]


def test_a_handler_whose_condition_does_not_hold_is_none_of_the_host_s(project):
    role(
        project,
        """
        resources:
          - {file: /etc/a, content: x, notify: [restart it, other]}
          - flush: restart it
          - {file: /etc/b, content: x}
    """
        + HANDLERS,
    )
    for host, notify, flush in (("web1", ("restart it", "other"), ("restart it",)), ("db1", ("other",), ())):
        catalog = compiled(project, host=host)[1]
        assert (catalog.resources[0].notify, catalog.resources[1].flush) == (notify, flush)
        assert set(catalog.handlers) == set(notify)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("flush: restart", "roles/base/role.yml:2: no role has a handler 'restart'"),
        ("{flush: other, notify: other}", "roles/base/role.yml:2: flush runs handlers, and can't notify any"),
        ("{flush: other, absent: true}", "roles/base/role.yml:2: resource flush 'other' can't be absent"),
    ],
)
def test_mistakes_are_named_with_their_line(project, line, error):
    role(project, f"\n        resources:\n          - {line}\n{HANDLERS}")
    with pytest.raises(CdconfError) as caught:
        compiled(project)
    assert str(caught.value).startswith(error)
