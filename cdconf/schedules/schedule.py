"""What a schedule is, as `schedule install` has written it down beside the runs that it made.

.cdconf/schedules/ENV.drift.json        what is run, how often, and by what
.cdconf/schedules/ENV.drift.runs.json   the last runs
.cdconf/schedules/ENV.drift.lock        locked while one is at work
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cdconf.atomic import write_private
from cdconf.errors import CdconfError
from cdconf.own_files import DamagedFile, damaged, own_bytes, parsed
from cdconf.schedules.period import Period

if TYPE_CHECKING:
    from cdconf.inventory import Project

FOLDER = "schedules"
WHATS = ("drift", "destroy-expired")
_LARGEST = 256 * 1024
_HINT = "write it anew with `cdconf schedule install`"
By = Literal["system", "user", "cron"]


@dataclass(frozen=True)
class Name:
    """Which schedule it is: there's one of each in a checkout.

    Attributes:
        what: What's run: `drift` or `destroy-expired`.
        environment: Whose hosts; None where it's about all throw-away environments.
    """

    what: str
    environment: str | None

    @property
    def stem(self) -> str:
        """What the names of its files begin with; no environment is called `_all`, see `inventory.project`."""
        return f"{self.environment or '_all'}.{self.what}"

    @property
    def text(self) -> str:
        """For people: `drift of production`."""
        return f"{self.what} of {self.environment}" if self.environment else self.what

    def unit(self, project: str) -> str:
        """The names of its systemd units, without their ends."""
        return f"cdconf-{self.what}-{project}" + (f".{self.environment}" if self.environment else "")

    def key(self, root: Path) -> str:
        """Tells the checkout's line of a crontab from all others."""
        return hashlib.sha256(f"{root}\0{self.stem}".encode("utf-8", "surrogateescape")).hexdigest()[:12]


@dataclass(frozen=True)
class Schedule:
    """One that was installed.

    Attributes:
        name: Which one.
        every: Seconds between two runs.
        limit: Seconds after which a run is ended.
        by: What starts it: a system's or a user's systemd timer, or cron.
        options: The command's own, such as `--applied`.
        variables: Environment variables for it: cron gives next to none.
        folder: Where the command is run: names of files among its options are relative to it.
        installed_at: Seconds since 1970.
        look_only: The private key that can start nothing but a look; None for the operator's own login.
        offset: Seconds by which a line of cron's is later than the period's beginning.
    """

    name: Name
    every: int
    limit: int
    by: By
    options: tuple[str, ...]
    variables: dict[str, str]
    folder: str
    installed_at: float
    look_only: str | None = None
    offset: int = 0

    @property
    def period(self) -> Period:
        """How often it runs."""
        return Period(self.every)

    def command(self, project: Path) -> list[str]:
        """What's behind `cdconf` on the command line of a run."""
        if self.name.what == "destroy-expired":
            return ["destroy", "--expired", "--project", str(project), *self.options]
        words = ["drift", str(self.name.environment), "--project", str(project)]
        words += ["--look-only", self.look_only] if self.look_only else []
        return [*words, *self.options]


def path_of(data: Path, name: Name, end: str = ".json") -> Path:
    """One of a schedule's files."""
    return data / FOLDER / f"{name.stem}{end}"


def save(project: Project, schedule: Schedule) -> None:
    """Writes a schedule down.

    Raises:
        CdconfError: It can't be written.
    """
    path = path_of(project.data, schedule.name)
    about = dataclasses.asdict(schedule)
    about |= {"version": 1, "what": schedule.name.what, "environment": schedule.name.environment}
    del about["name"]
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, json.dumps(about, indent=1) + "\n")
    except OSError as error:
        raise CdconfError(f"{path} can't be written: {error.strerror}") from error


def load(project: Project, name: Name) -> Schedule | None:
    """A schedule that was written down; None where there's none.

    Raises:
        DamagedFile: The file can't be read, isn't one, or somebody else could have written it: it says what is run.
    """
    path = path_of(project.data, name)
    try:
        return _decoded(name, parsed(own_bytes(path, _LARGEST)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise damaged(path, error, f"the schedule of {name.text}", _HINT) from error


def _decoded(name: Name, about: object) -> Schedule:
    if not isinstance(about, dict) or about.get("version") != 1:
        raise ValueError("it's no schedule, or a newer cdconf's")
    texts, numbers = ("by", "folder"), ("every", "limit", "installed_at")
    if not all(isinstance(about[text], str) for text in texts) or about["by"] not in ("system", "user", "cron"):
        raise ValueError("it doesn't say who starts it")
    if not all(isinstance(about[number], (int, float)) and about[number] > 0 for number in numbers):
        raise ValueError("it doesn't say how often it runs")
    options, variables, key = about["options"], about["variables"], about.get("look_only")
    is_said = isinstance(options, list) and isinstance(variables, dict) and isinstance(key, (str, type(None)))
    if not is_said or not all(isinstance(one, str) for one in (*options, *variables, *variables.values())):
        raise ValueError("it doesn't say what is run")
    every, limit = int(about["every"]), int(about["limit"])
    return Schedule(
        *(name, every, limit, about["by"], tuple(options), dict(variables), about["folder"]),
        *(float(about["installed_at"]), key, int(about.get("offset", 0))),
    )


def names(project: Project) -> list[Name]:
    """All schedules that were written down in this checkout, by their files' names."""
    found = []
    for path in sorted((project.data / FOLDER).glob("*.json")):
        environment, _, what = path.name.removesuffix(".json").partition(".")
        if what in WHATS:
            found.append(Name(what, None if environment == "_all" else environment))
    return found


__all__ = ["FOLDER", "WHATS", "By", "DamagedFile", "Name", "Schedule", "load", "names", "path_of", "save"]
