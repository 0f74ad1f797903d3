"""Project files that can't be meant as they are: every value of a whole project, replaced by every wrong one."""

import base64
import copy
import json
import random

CIPHERTEXT = base64.b64encode(b"age-encryption.org/v1\n-> X25519 " + b"A" * 43 + b"\n").decode()
# One project that uses nearly every key, as data: JSON is YAML.
WHOLE = {
    "cdconf.yml": {
        "project": "shop",
        "groups": {"db": ["base"], "web": ["base", "shop"], "lb": ["base"]},
        "apps": {
            "shop": {
                "groups": ["web"],
                "build": "make dist",
                "artifact": "dist/shop-*.tar.gz",
                "max_size": "1GiB",
                "path": "/srv/shop",
                "user": "shop",
                "services": ["shop", {"service": "crew", "activate": "reload", "stop_before_migration": False}],
                "hooks": {"before_build": "make x", "after_deploy": {"run": "./x", "on": "once", "within": "5s"}},
                "maintenance": {
                    "group": "lb", "on": "page on", "off": "page off", "wait": "1s", "within": "5s", "expires": "1h"
                },
                "env_file": "/etc/shop/env",
                "health": {
                    "http": "http://127.0.0.1:8000/health",
                    "status": [200, 204],
                    "contains": "ok",
                    "tcp": "127.0.0.1:8000",
                    "command": "true",
                    "systemd": ["shop.service"],
                    "within": "30s",
                },
                "migrate": {
                    "expand": "./migrate expand",
                    "contract": "./migrate contract",
                    "within": "5m",
                    "on": "once",
                },
                "batches": [1, "50%", "all"],
                "max_unavailable": "25%",
                "drain": {"group": "lb", "command": "drain", "undrain": "undrain", "wait": "1s", "within": "10s"},
                "keep": 5,
                "soak": "5s",
                "confirm_within": "120s",
                "shared": {"directories": ["log"], "files": ["etc/x"]},
                "toggles": {"dark": {"default": "off", "doc": "dark", "owner": "me", "expires": "2099-01-31"}},
                "toggles_file": "/srv/shop/shared/toggles.json",
                "toggles_reload": True,
            }
        },
        "pipeline": {
            "branch": "main",
            "concurrency": "queue",
            "stop": "artifact",
            "stages": [
                {"stage": "commit", "run": "make test", "inputs": ["src"], "build": "shop"},
                {"stage": "acceptance", "copy_of": "dev", "scale": {"web": 1}, "url": "http://{{ host.name }}/"},
                {"stage": "release", "environment": "dev", "needs": ["acceptance"]},
            ],
        },
        "lease": {"ttl": "60s"},
        "store": "/var/lib/store",
        "database": "postgresql://me@db/history",
        "type_packages": [],
    },
    "inventories/dev/hosts.yml": {
        "provider": "existing",
        "require": [{"after": ["acceptance"]}, "parity", {"max_age": "7d"}],
        "ssh": {"user": "deploy", "become": "sudo", "jump": "bastion.example.com", "port": 22, "sudo_password": "pass"},
        "bootstrap": False,
        "transport": "ssh",
        "hosts": {
            "web1": {"address": "192.0.2.1", "groups": ["web"], "os": "debian-12", "ssh": {"address": "192.0.2.9"}},
            "web2": {"address": "192.0.2.2", "groups": ["web"], "transport": "docker", "container": "x"},
            "db1": {"address": "192.0.2.3", "groups": ["db"], "bootstrap": True},
            "lb1": {"address": "192.0.2.4", "groups": ["lb"]},
        },
    },
    "inventories/copy/hosts.yml": {
        "copy_of": "dev",
        "provider": "docker",
        "vagrant": {"provider": "docker", "boxes": {"debian-12": "debian/bookworm64"}, "network": "192.168.56.0/24"},
        "differs": [
            {"variable": "greeting", "why": "x"},
            {"resource": "file /etc/motd", "field": "content", "group": "web", "why": "x"},
            {"scale": "web", "why": "x"},
        ],
        "base_images": {"debian-12": "debian:12"},
        "sizes": {"all": {"memory": "1GiB", "cpus": 1.5}, "web": {"cpus": 2}},
        "scale": {"web": 1},
        "hosts": {"web1": {"publish": [80, "8080:81"], "image": "debian:12", "size": {"memory": "512MiB"}}},
    },
    "inventories/dev/group_vars/all.yml": {"greeting": "hello", "many": 3, "names": ["a", "b"], "map": {"a": {"b": 1}}},
    "inventories/dev/host_vars/web1.yml": {"greeting": "hi"},
    "inventories/dev/waivers.yml": {
        "waivers": [
            {
                "host": "web1",
                "type": "file",
                "title": "/etc/motd",
                "until": "2999-01-31",
                "reason": "it moves",
                "unknown": True,
                "by": "kim",
                "added": "2027-01-01",
            }
        ]
    },
    "inventories/dev/toggles.yml": {"shop": {"dark": "on"}},
    "inventories/dev/secrets.yml": {"token": f"age:{CIPHERTEXT}"},
    "roles/base/role.yml": {
        "variables": {
            "greeting": {"type": "string", "default": "hello", "doc": "x"},
            "many": {"type": "integer", "default": 1, "per_environment": False},
            "names": {"type": "list", "default": []},
            "map": {"type": "map", "default": {}},
            "token": {"secret": True, "doc": "x"},
            "made": {"secret": {"generate": 32}},
        },
        "resources": [
            {"package": ["curl", "git"]},
            {"file": "/etc/motd", "content": "{{ greeting }}\n", "owner": "root", "mode": "0644", "notify": "say it"},
            {"file": "/etc/t", "template": "t.j2", "when": "many > 1", "sensitive": True},
            {"directory": "/srv/{{ each }}", "for_each": ["a", "b"], "mode": "0755"},
            {"command": "make it", "creates": "/x"},
            {"user": "app", "uid": 5000, "groups": ["adm"], "shell": "/bin/sh"},
            {"cron": "job", "command": "x", "user": "root", "schedule": "5 4 * * *"},
            {"service": "cron", "enabled": True, "running": True},
            {"systemd_unit": "x.service", "content": "[Service]\nExecStart=/bin/true\n"},
            {"sysctl": "vm.swappiness", "value": 10},
            {"setting": "/etc/x.ini", "key": "a.b", "value": 1, "format": "ini"},
            {"link": "/etc/l", "target": "/etc/motd"},
            {"mount": "/mnt", "device": "/dev/sdb1", "type": "ext4", "options": ["ro"]},
            {"file": "/gone", "absent": True},
        ],
        "handlers": {"say it": {"command": "wall"}, "restart cron": {"service": "cron", "action": "restart"}},
    },
    "roles/shop/role.yml": {"resources": [{"assert": "many > 0", "message": "x"}]},
}  # fmt: skip
TEMPLATES = {"roles/base/templates/t.j2": "{{ greeting }} {% for n in names %}{{ n }}{% endfor %}\n"}
MISSING = object()
UNKNOWN = object()


def _deep(kind, depth):
    value = "x"
    for _ in range(depth):
        value = [value] if kind is list else {"a": value}
    return value


WRONG = [
    None, True, False, 0, -1, 5, 1.5, 10**30, "", " ", "x", "\0", "a\nb", "-x", "../x", "/", "a b", "*", "é☃", "9d9",
    "{{", "{{ nope }}", "{{ 1 }}", "{{ 'x' }}", "{{ range }}", "{{ 1/0 }}", "{{ '\\ud800' }}", "{{ cycler(1) }}",
    "{{ [1]|map('x') }}", "{{ {1: 2} }}", "{{ 1.encode() }}", "{{ facts.nope }}", "{% if %}", "\ud800", "x" * 5000,
    "age:x", "\u2028", [], {}, [None], [[]], [5], [{}], ["x", "x"], {"a": None}, {"": 1}, {"a b": 1}, {"x": {"y": [1]}},
    {"\ud800": 1}, _deep(list, 500), _deep(dict, 500), MISSING, UNKNOWN,
]  # fmt: skip


def places(value, path=()):
    """The path of each value in a document, the whole aside."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*path, key)
        yield from places(member, (*path, key))


def every():
    """Each case: file, path, index of the wrong value."""
    return [
        (file, path, index)
        for file, document in WHOLE.items()
        for path in places(document)
        for index in range(len(WRONG))
    ]


def some(count, seed):
    """Some of the cases, the same ones for the same seed."""
    return random.Random(seed).sample(every(), count)


def broken(file, path, index):
    """The files of a project with one wrong value, as texts."""
    return {file: text_of(changed(WHOLE[file], path, WRONG[index]))}


def changed(document, path, wrong):
    """A copy of a document with another value at a path."""
    document = copy.deepcopy(document)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    if wrong is MISSING:
        del inner[path[-1]]
    elif wrong is UNKNOWN and isinstance(inner, dict):
        inner["nonsense"] = inner.pop(path[-1])
    else:
        inner[path[-1]] = "nonsense" if wrong is UNKNOWN else wrong
    return document


def text_of(document):
    """A document as YAML; half a character stays the escape that it is."""
    text = json.dumps(document, indent=1, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()


def whole():
    """The files of the project as it's meant."""
    return {name: text_of(document) for name, document in WHOLE.items()} | TEMPLATES
