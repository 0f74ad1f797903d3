"""Every key that an entry of `differs` in hosts.yml may have; see `keys`."""

from __future__ import annotations

from cdconf.inventory.key import Key

# What an entry of `differs` may be about: exactly one of these.
DIFFERENCES = ("variable", "resource", "fact", "os", "scale", "artifact", "toggle", "address")
DIFFERS = {
    "variable": Key(
        "text", "A variable that may differ, such as `server_name`, and every difference that results from it."
    ),
    "resource": Key(
        "text",
        "A resource that may differ, on hosts or in the files, by type and title: `package nginx`. `*` in the "
        "title stands for any text.",
    ),
    "fact": Key("text", "A fact that may differ: `kernel`, `os.version`, `memory_mb`."),
    "os": Key("text", "An operating system that only one of the two environments has: `debian-13`."),
    "scale": Key(
        "text", "A group whose number of hosts may differ. With `host`: one host of it without a counterpart."
    ),
    "artifact": Key("text", "An app that may run in another version."),
    "toggle": Key("text", "A feature toggle whose value may differ: its name, or `APP NAME`."),
    "address": Key("text", "An address or host name of the copied environment that this one may contain."),
    "field": Key("text", "With `resource`: only this field of it."),
    "group": Key("text", "Only on hosts of this group."),
    "host": Key("text", "Only on this host."),
    "why": Key("text", "The reason.", required=True),
}
