"""The reference page of all facts: `python -m cdconf.facts.reference > docs/reference/facts.md`."""

from __future__ import annotations

import json
import sys

from cdconf.facts.table import GROUPS, Fact, FactGroup

_HEAD = """\
# Facts

<!-- Made by `python -m cdconf.facts.reference > docs/reference/facts.md`; change cdconf/facts/table.py instead. -->

What a host tells about itself, read-only. Templates and `when` read the facts of their own host, as in
`{{ facts.cpu.count }}` or `when: facts.os.family == 'debian'`; `cdconf facts ENV HOST` shows them. A name that isn't
listed here is an error.

Facts are gathered in groups, and a group only when something of it is read. They come from the kernel and from files;
no server is asked, and no process is started but `rpm`, for `facts.packages`. Nothing that changes by itself is a fact:
no time, uptime, load or free memory. `<name>` stands for a name that differs from host to host:
`facts.network.interfaces.eth0.mtu`; all of them are `facts.network.interfaces.values()`.

`users`, `packages` and `paths` say what exists, so that `for_each` and `when` can go over it:

```yaml
- file: "{{ each.path }}"
  for_each: "{{ facts.paths['/etc/cron.d/*'] | selectattr('type', 'eq', 'file') }}"
  mode: "0600"
- line: /etc/nginx/nginx.conf
  line: "server_tokens off;"
  when: "'nginx' in facts.packages"
- user: "{{ each.name }}"
  for_each: "{{ facts.users.values() | selectattr('uid', 'ge', 1000) }}"
  shell: /usr/sbin/nologin
```

They show the host as it is **before** the run: what the same run installs or creates isn't among them yet. A resource
that such a fact decides disappears from the host's catalog when the fact changes, and cdconf then reports the resource
as orphaned. So decide by what the role doesn't change itself. `plan` lists what depends on the facts of hosts that
don't exist yet. `lint` uses a sample for hosts that were never seen: one user, one package, one path for each pattern.
These three are large, so they aren't among `facts.items()`, and `cdconf facts` shows them only by name, as with
`--also users` or `--also '/etc/cron.d/*'`.

The last ones seen are kept in `.cdconf/facts/ENV/HOST.json`, for `cdconf vars`, `cdconf lint` and
`cdconf facts --offline`, which ask no host.
"""


def reference() -> str:
    """The page, as Markdown."""
    return _HEAD + "".join(_section(group) for group in GROUPS)


def _section(group: FactGroup) -> str:
    rows = [f"| `{fact.path}` | {_type(fact)} | {fact.doc} | {_example(fact)} |\n" for fact in group.facts]
    head = "| fact | type | what it is | example |\n|---|---|---|---|\n"
    return f"\n## {group.name}\n\n{group.doc}\n\n{head}{''.join(rows)}"


def _type(fact: Fact) -> str:
    return f"{fact.type} or null" if fact.optional else fact.type


def _example(fact: Fact) -> str:
    return "" if fact.type == "map" else f"`{json.dumps(fact.example)}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
