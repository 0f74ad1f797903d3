"""Every key that the operator's notify.yml may have; see `inventory.key`."""

from cdconf.inventory.key import NAME, Key
from cdconf.notify.kinds import KINDS

URL = r"^[A-Za-z][A-Za-z0-9+.-]*://\S+$"
WEB = r"^https?://\S+$"
TARGET = {
    "url": Key(
        "text",
        "Where it's sent: a URL of Apprise, such as `slack://…`, `mailto://…` or `json://…`. It may hold a token, so "
        "cdconf never shows it.",
        required=True,
        pattern=URL,
    ),
    "events": Key("names", f"Only these kinds of events: {', '.join(f'`{one}`' for one in KINDS)}.", default="all"),
    "projects": Key("names", "Only events of these projects.", default="all"),
    "environments": Key("names", "Only events of these environments, and those that are about none.", default="all"),
    "apps": Key("names", "Only events of these apps, and those that are about none.", default="all"),
}
PING = {
    "project": Key("text", "The project, where several have an environment of this name.", pattern=NAME),
    "environment": Key("text", "The environment that is watched.", required=True, pattern=NAME),
    "url": Key("text", "What is asked for, by GET, after each successful `drift`.", required=True, pattern=WEB),
}
NOTIFY = {
    "targets": Key(
        "map", "Who is told, by a name of your choice.", member=Key("map", "A receiver.", keys=TARGET), default="none"
    ),
    "pings": Key(
        "list",
        "Dead man's pings: a service that expects them rings when they stop.",
        member=Key("map", "A ping.", keys=PING),
        default="none",
    ),
}
