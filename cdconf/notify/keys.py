"""Every key that the operator's notify.yml may have; see `inventory.key`."""

from cdconf.inventory.key import NAME, Key
from cdconf.notify.kinds import KINDS

URL = r"^[A-Za-z][A-Za-z0-9+.-]*://\S+$"
WEB = r"^https?://\S+$"
TARGET = {
    "url": Key(
        "text",
        "The receiver as an Apprise URL, such as `slack://…`, `mailto://…` or `json://…`. It may hold a "
        "token, so cdconf never shows it.",
        required=True,
        pattern=URL,
    ),
    "events": Key("names", f"Only these kinds of events: {', '.join(f'`{one}`' for one in KINDS)}.", default="all"),
    "projects": Key("names", "Only events of these projects.", default="all"),
    "environments": Key("names", "Only events of these environments, and those that are about none.", default="all"),
    "apps": Key("names", "Only events of these apps, and those that are about none.", default="all"),
}
PING = {
    "project": Key(
        "text", "The project, needed only if several projects have an environment of this name.", pattern=NAME
    ),
    "environment": Key("text", "The environment whose `drift` runs are reported.", required=True, pattern=NAME),
    "url": Key("text", "The URL to call with GET.", required=True, pattern=WEB),
}
NOTIFY = {
    "targets": Key(
        "map",
        "Who receives messages, by a name of your choice.",
        member=Key("map", "A receiver.", keys=TARGET),
        default="none",
    ),
    "pings": Key(
        "list",
        "URLs to call after each successful `drift`. A monitoring service that expects these calls raises an "
        "alarm when they stop.",
        member=Key("map", "A ping.", keys=PING),
        default="none",
    ),
}
