"""What other tools call a key, a resource type or a tag, and what that is here: for hints of errors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from cdconf.errors import did_you_mean

_ANSIBLES = "this is an Ansible inventory: `cdconf import ansible-inventory PATH --environment ENV` makes files of it"
_PLAYBOOK = "a playbook's tasks are a role's `resources`: see docs/guides/from-ansible.md"
# Key -> the keys that may be meant; the first one that's allowed there is named.
_KEYS: Mapping[str, str] = MappingProxyType(
    {
        word: meant
        for words, meant in (
            ("ansible_host host ip ip_address hostname fqdn server", "address"),
            ("ansible_port", "port"),
            ("ansible_user remote_user username login", "user"),
            ("key key_file keyfile private_key identity ssh_key ansible_ssh_private_key_file", "identity_file"),
            ("proxy bastion proxy_jump proxyjump gateway", "jump"),
            ("timeout wait interval max_wait", "within"),
            ("script command commands cmd shell", "run"),
            ("url uri check path endpoint", "http"),
            ("tasks", "resources"),
            ("vars defaults params parameters", "variables"),
            ("with_items with_list with_dict loop items foreach", "for_each"),
            ("src copy local", "source"),
            ("body text contents data value_from", "content"),
            ("perms permissions chmod", "mode"),
            ("password_expire_max", "password_max"),
            ("password_expire_min", "password_min"),
            ("password_expire_warn", "password_warn"),
            ("password_expire_account_disable", "password_inactive"),
            ("description comment help", "doc"),
            ("image platform distribution distro", "os"),
            ("ports expose", "publish"),
            ("units daemon", "services"),
            ("directory dir deploy_to root", "path"),
            ("roles", "groups"),
            ("versions releases keep_releases history", "keep"),
            ("if only_if condition onlyif", "when"),
            ("creates_file", "creates"),
            ("because reason comment note", "why"),
            ("backrefs", "back_references"),
            ("install_recommends", "recommends"),
            ("inventory environment target", "environment"),
        )
        for word in words.split()
    }
)
_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "all": _ANSIBLES,
        "ungrouped": _ANSIBLES,
        "children": _ANSIBLES,
        "register": "no resource reads another one's output: guards (`unless`, `creates`) and facts decide",
        "ignore_errors": "a failure ends a host's run: a guard (`unless`, `creates`) says when nothing is to be done",
        "tags": "runs are narrowed by `--role` and `--limit`",
        "become": "cdconf works as root on hosts; `ssh: {become: sudo}` in hosts.yml says how it gets there",
        "delegate_to": "a resource is applied on its own host; other hosts' addresses are in `hosts`",
        "changed_when": "a resource changes what differs, and says so by itself",
        "password": "no password is read from a file: use a key (`identity_file`), or ssh-agent",
        "ansible_password": "no password is read from a file: use a key (`identity_file`), or ssh-agent",
    }
)
_STATE = "what is listed is wanted, so leave it out; `absent: true` removes something"
_STATES: Mapping[str, str] = MappingProxyType({"service": "`running: true` or `running: false`"})
# What a resource type is called elsewhere -> here.
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        word: meant
        for words, meant in (
            ("apt yum dnf apk zypper pacman packages apt_package", "package"),
            ("copy template cookbook_file put", "file"),
            ("shell raw script exec execute bash cmd", "command"),
            ("lineinfile", "line"),
            ("blockinfile", "block"),
            ("unarchive extract", "archive"),
            ("get_url uri wget curl", "download"),
            ("systemd systemd_service daemon", "service"),
            ("ufw iptables nftables firewalld", "firewall"),
            ("ini_file", "setting"),
            ("apt_repository yum_repository apt_key", "repository"),
            ("symlink", "link"),
            ("mkdir folder", "directory"),
            ("modprobe", "kernel_module"),
            ("postgresql_db", "postgres_database"),
            ("postgresql_user", "postgres_role"),
            ("postgresql_privs grant postgres_grant", "postgres_privilege"),
            ("pamd", "pam"),
            ("openssh_keypair", "ssh_host_key"),
            ("sudoers", "sudo_rule"),
            ("docker_container", "container"),
            ("cron_job cronjob", "cron"),
            ("unit", "systemd_unit"),
        )
        for word in words.split()
    }
)


def key_hint(key: str, allowed: Collection[str]) -> str | None:
    """A hint for a key that isn't known; None where nothing is near.

    Args:
        key: As somebody wrote it.
        allowed: The keys that may stand there.
    """
    meant = _KEYS.get(key)
    if meant in allowed:
        return f"did you mean '{meant}'?"
    return _SENTENCES.get(key) or did_you_mean(key, allowed)


def field_hint(kind: str, key: str, allowed: Collection[str]) -> str | None:
    """The same for a field of a resource of this type."""
    if key == "state":
        return _STATES.get(kind, _STATE)
    return key_hint(key, allowed)


def type_hint(word: str, types: Collection[str]) -> str:
    """A hint for a resource type that there's none of.

    Args:
        word: As somebody wrote it.
        types: The types there are.
    """
    if word == "name":
        return "a resource begins with its type, and needs no other name: `- package: nginx`"
    meant = _TYPES.get(word)
    if meant in types:
        return f"here it's `{meant}`"
    return did_you_mean(word, types) or f"the first key names the type: {', '.join(types)}"


def tag_hint(tag: str) -> str | None:
    """A hint for a tag of YAML."""
    if tag == "!vault":
        return "that's Ansible's vault: `cdconf secret set ENV NAME` keeps a value encrypted in secrets.yml"
    return None


def top_hint(first_line: str) -> str | None:
    """A hint for a file that isn't a mapping, by its first line."""
    line = first_line.strip()
    if line.startswith("[") and line.endswith("]"):
        return _ANSIBLES
    if line.startswith(("- hosts:", "- name:", "- import_playbook:")):
        return _PLAYBOOK
    word, _, rest = line.partition(" ")
    if rest and word.isidentifier():
        return f"a colon stands behind the key: `{word}: {rest}`"
    return None


_EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "health": '`health: {http: "http://127.0.0.1:8000/health", within: 30s}`',
        "migrate": "`migrate: {expand: ./migrate expand, contract: ./migrate contract}`",
        "path": "`path: /srv/NAME`, the app's own directory on hosts",
        "artifact": "`artifact: dist/NAME-*.tar.gz`; * is the version",
        "build": "`build: make dist`, the command that makes the artifact",
        "groups": "`groups: [web]`, the kinds of host that run it",
        "stage": "`- {stage: commit, run: make test, inputs: [src]}`",
        "project": "`project: shop`",
        "variables": "`site_port: {type: integer, default: 80}`",
        "hosts": "`web1: {address: 192.0.2.11, groups: [web]}`, one line for each host",
        "apps": "`shop: {groups: [web], path: /srv/shop, …}`, one for each app",
        "ssh": "`ssh: {user: deploy, become: sudo}`",
        "why": "`why: the reason`",
    }
)


def example_hint(key: str) -> str | None:
    """How a key looks that is missing, or of another kind."""
    example = _EXAMPLES.get(key)
    return None if example is None else f"such as {example}"


def kind_hint(key: str, kind: type, value: object) -> str | None:
    """A hint for a value of another kind.

    Args:
        key: Whose value it is.
        kind: What it should be: `str`, `int`, `bool`, `list` or `dict`.
        value: What it is.
    """
    if kind is dict:
        shape = "a mapping has `name: …` lines, without `- `" if isinstance(value, list) else None
        return example_hint(key) or shape
    if kind is list and isinstance(value, str):
        return f"a list, such as [{', '.join(value.replace(',', ' ').split())}]" if len(value) < _LONG else None
    if kind is list and isinstance(value, int | float) and not isinstance(value, bool):
        return f"write [{value}]"
    if kind is int and isinstance(value, str) and value.isdecimal():
        return f"leave the quotes out: {value}"
    if kind is str and isinstance(value, int | float):
        return f'quote it: "{str(value).lower()}"'
    return example_hint(key)


def address_hint(address: object) -> str:
    """A hint for what can't be a host's address."""
    text = str(address)
    user, at, rest = text.rpartition("@")
    name, colon, port = (rest if at else text).rpartition(":")
    if at or (colon and port.isdecimal() and ":" not in name):
        parts = [f"user: {user}"] if at else []
        parts += [f"port: {port}"] if colon else []
        return f"a name or an IP address; the rest is `ssh: {{{', '.join(parts)}}}`"
    if text and not text.strip("0123456789."):
        return "an IPv4 address has four numbers from 0 to 255, as 192.0.2.10"
    return "a name or an IP address"


def foreign_hint(name: str) -> str | None:
    """A hint for a filter or test of another tool that templates don't have, and won't."""
    return _FOREIGN.get(name.rpartition(".")[2])


def syntax_hint(problem: str) -> str | None:
    """A hint for Jinja2's own words."""
    return next((hint for words, hint in _SYNTAX if words in problem), None)


_REGISTERED = "no resource reads another one's output: guards (`unless`, `creates`) and facts decide"
_EXISTS = 'templates read nothing of this machine; `facts.paths["/etc/x"]` says what exists on the host'
_FOREIGN: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("success", "succeeded", "failed", "changed", "skipped", "finished", "started"), _REGISTERED),
        **dict.fromkeys(("exists", "file", "directory", "link", "is_file", "is_dir", "abs"), _EXISTS),
        **dict.fromkeys(("strftime", "to_datetime"), "a template that reads a clock would differ in every run"),
        **dict.fromkeys(("shuffle", "random_mac"), "a template that draws by chance would differ in every run"),
        "json_query": "`selectattr`, `map(attribute=…)` and `combine` go through lists and maps",
        "from_yaml": "give it as a variable: those are YAML already",
        "vault": "`cdconf secret set ENV NAME` keeps a value encrypted",
    }
)
_LONG = 80  # characters of a value that a hint repeats
_SYNTAX = (
    ("unexpected '}'", "an expression ends with two braces: `{{ name }}`"),
    ("expected token 'end of print statement'", "an expression has one value: `{{ name }}`, `{{ a ~ b }}`"),
    ("chunk after expression", "a comparison is `==`; a condition is an expression without braces"),
    ("Unexpected end of template", "close the block: `{% endif %}`, `{% endfor %}`"),
    ("Missing end of comment tag", "a comment ends with `#}`"),
)
