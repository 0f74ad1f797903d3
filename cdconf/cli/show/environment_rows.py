"""How environments are listed: as rows for people, and as data."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError, InvalidFile, worst_exit
from cdconf.events import Notice
from cdconf.facts import age_text
from cdconf.inventory.throwaway import as_text

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.environments.listing import ListedEnvironment


@dataclass(frozen=True)
class Runs:
    """What runs in an environment: in words, and as data by app."""

    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)


class LastDeployed:
    """What the history says was deployed last, of each environment.

    Args:
        rows: See `History.deployed`.
    """

    def __init__(self, rows: list[dict[str, Any]] | None = None) -> None:
        self._rows = rows or []

    def of(self, environment: ListedEnvironment) -> Runs:
        """Of one of them; what was deployed to hosts that have been removed since doesn't count."""
        since = _created(environment)
        if environment.environment is not None and environment.environment.provider != "existing" and since is None:
            return Runs()
        rows = [row for row in self._rows if row["environment"] == environment.name]
        rows = [row for row in rows if since is None or row.get("ordered_at", row["started_at"]) >= since.timestamp()]
        words = [f"{row['app']} {row['version']}" for row in rows]
        data = {
            row["app"]: {
                "version": row["version"],
                "since": as_text(datetime.fromtimestamp(row["started_at"], UTC)),
                "by": row["user"],
                "source": "history",
            }
            for row in rows
        }
        return Runs(", ".join(words), data)


def known(run: Run) -> LastDeployed:
    """What the history knows; one that can't be read is no reason not to list what there is."""
    from cdconf.history.team import history_of

    try:
        with closing(history_of(run.project)) as history:
            rows = history.deployed()
    except CdconfError as error:
        run.emit(Notice(f"can't find out what was deployed: {error.message}", warning=True))
        return LastDeployed()
    return LastDeployed(rows)


def asked(run: Run, environment: ListedEnvironment) -> Runs:
    """What hosts say that they run; those that can't be asked are reported, and set the exit code."""
    from cdconf.deploy.running import running

    if environment.environment is None or environment.standing is None or not environment.standing.made:
        return Runs()
    try:
        found = running(run.project, environment.environment, run.emit, run.flags.connecting)
    except CdconfError as error:
        run.code = worst_exit([run.code, error.exit_code])
        run.emit(Notice(f"{environment.name}: {error}", warning=True))
        return Runs("unknown")
    for name, problem in found.errors.items():
        run.code = worst_exit([run.code, problem.exit_code])
        run.emit(Notice(f"{environment.name}: {name}: {problem.message}", warning=True))
    data = {
        app: {
            "releases": [{"release": release, "hosts": hosts} for release, hosts in releases.items()],
            "source": "hosts",
        }
        for app, releases in found.releases.items()
    }
    words = [_in_words(app, releases) for app, releases in found.releases.items()]
    words += [f"unknown on {', '.join(found.errors)}"] if found.errors else []
    return Runs("; ".join(words), data)


def _in_words(app: str, releases: dict[str | None, list[str]]) -> str:
    versions = {(release.rpartition("-")[0] if release else "no release"): hosts for release, hosts in releases.items()}
    if len(versions) == 1:
        return f"{app} {next(iter(versions))}"
    return f"{app} {', '.join(f'{version} ({len(hosts)})' for version, hosts in versions.items())}"


def _created(environment: ListedEnvironment) -> datetime | None:
    if environment.standing is None or environment.standing.created is None:
        return None
    return datetime.fromisoformat(environment.standing.created)


def _age(environment: ListedEnvironment) -> str:
    """Since its hosts were made; of one that has none yet, since it was defined."""
    created = _created(environment)
    if created is None and environment.environment is not None and environment.environment.throwaway is not None:
        created = environment.environment.throwaway.created
    return "" if created is None else age_text(max(0.0, (datetime.now(UTC) - created).total_seconds()))


def row_of(listed_environment: ListedEnvironment, runs: Runs) -> list[str]:
    """One environment as a row."""
    environment = listed_environment.environment
    if environment is None:
        return [listed_environment.name, "?", "", "", "", "", f"can't be read: {listed_environment.error}"]
    if listed_environment.standing is None:
        state = listed_environment.error.message if listed_environment.error else ""
    elif environment.provider == "existing":
        state = f"{len(environment.hosts)} hosts"
    else:
        state = f"{listed_environment.standing.running} of {listed_environment.standing.wanted} running"
    return [
        listed_environment.name,
        environment.provider,
        environment.copy_of or "",
        state,
        _age(listed_environment),
        _ends(listed_environment),
        runs.text,
    ]


def _ends(environment: ListedEnvironment) -> str:
    lifetime = environment.environment.throwaway if environment.environment else None
    if lifetime is None:
        return ""
    left = (lifetime.expires - datetime.now(UTC)).total_seconds()
    return f"in {age_text(left)}" if left > 0 else f"over since {age_text(-left)}"


def about(listed_environment: ListedEnvironment, runs: Runs) -> dict[str, Any]:
    """One environment as data."""
    environment = listed_environment.environment
    lifetime = environment.throwaway if environment else None
    data: dict[str, Any] = {
        "provider": environment.provider if environment else None,
        "copy_of": environment.copy_of if environment else None,
        "throwaway": listed_environment.is_throwaway,
        "expires": as_text(lifetime.expires) if lifetime else None,
        "expired": lifetime.is_over(datetime.now(UTC)) if lifetime else False,
        "runs": runs.data,
    }
    if listed_environment.standing is not None:
        data |= dataclasses.asdict(listed_environment.standing)
    if listed_environment.error is not None:
        file = (
            {"file": listed_environment.error.file, "line": listed_environment.error.line}
            if isinstance(listed_environment.error, InvalidFile)
            else {}
        )
        data |= {"error": listed_environment.error.message, **file}
    return data
