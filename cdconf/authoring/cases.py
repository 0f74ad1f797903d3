"""Runs a resource type's cases on a real host: check, apply, apply again, each honest about what it did.

A case is a mapping in the list of a type's `cases/*.yml`:

    name        what it shows
    before      shell lines that prepare the host
    files       name -> text, below the role's folder: `templates/x.j2`, `files/y`
    variables   the role's, as in role.yml
    resources   the role's
    handlers    the role's
    check       the statuses that check mode must report; by default `expect` with would_change for changed
    diff        texts that the diffs of check mode must hold
    expect      the statuses that the first run must report; by default one `changed` for each resource
    after       shell lines that must succeed when it's applied
    tamper      shell lines that break it by hand: check mode must see it, and the next run must put it right
    undo        shell lines for the end, come what may: what the next case must not find
    error       a text of the error that the first run must end with, in place of `expect`

What no case has to say, since it's checked for all: check mode changes no file, owner, mode, package, service or
process; after the first run a second one, and check mode, report nothing but `ok`.
"""

from __future__ import annotations

import contextlib
import json
import shlex
from typing import TYPE_CHECKING, Any

import yaml

from cdconf.authoring import host_state
from cdconf.catalog import Compiler
from cdconf.engine import open_fleet
from cdconf.errors import CdconfError, InvalidFile, did_you_mean
from cdconf.inside import check_inside
from cdconf.own_files import read_text, reason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cdconf.inventory import Environment, Host, Project
    from cdconf.session import Session
    from cdconf.session.answers import ResourceEvent

Case = dict[str, Any]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ROLE = "case"
PARTS = ("variables", "resources", "handlers")
KEYS = ("name", "before", "files", *PARTS, "check", "diff", "expect", "after", "tamper", "undo", "error")
# Prints a line when apt's lists were fetched within the last twelve hours: an image may have brought them.
FRESH = "ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 && find /var/lib/apt/lists/partial -maxdepth 0 -mmin -720"


class CaseFailed(Exception):
    """A case doesn't show what it says it shows."""


def cases_of(folder: Path) -> list[Case]:
    """The cases of a type's folder.

    Raises:
        InvalidFile: A file isn't a list of cases.
    """
    found = []
    for path in sorted((folder / "cases").glob("*.yml")):
        check_inside(path, folder, str(path))
        try:
            cases = yaml.load(read_text(path), Loader=_Loader)  # noqa: S506  it's a safe one
        except OSError as error:
            raise InvalidFile(f"can't be read: {reason(error)}", file=str(path)) from error
        except (ValueError, RecursionError) as error:
            raise InvalidFile(f"this can't be read: {error}", file=str(path)) from error
        except yaml.YAMLError as error:
            raise InvalidFile(f"this isn't YAML: {error}".splitlines()[0], file=str(path)) from error
        for case in cases if isinstance(cases, list) else [None]:
            if not isinstance(case, dict) or not {"name", "resources"} <= set(case):
                raise InvalidFile("cases are a list of mappings with at least `name` and `resources`", file=str(path))
            for key in set(case) - set(KEYS):
                message = f"unknown key '{key}' in the case '{case['name']}'"
                raise InvalidFile(message, file=str(path), hint=did_you_mean(key, KEYS))
            found.append(case)
    return found


class CaseHost:
    """One host, and a role on it that each case writes anew.

    Args:
        project: A project of its own, whose group has the role `case`.
        environment: Its environment.
        host: The host, located.
    """

    def __init__(self, project: Project, environment: Environment, host: Host) -> None:
        self.project_name = project.name
        self._project = project
        self._environment = environment
        self._host = host
        self._session: Session | None = None
        self._document: dict[str, Any] | None = None  # the catalog, compiled with this session's facts
        self._open = contextlib.ExitStack()

    @property
    def session(self) -> Session:
        """The open session, leased and kept alive."""
        if self._session is None:
            fleet = open_fleet(self._project, self._environment, "cases", lambda event: None)
            self._open.enter_context(fleet)
            for error in fleet.connect([self._host], lease=True).values():
                raise error
            self._session = fleet.sessions[self._host.name]
        return self._session

    def prepare(self) -> None:
        """Makes the host ready for cases: they install packages, and nothing but them may change it meanwhile."""
        self.must(
            [
                "if command -v systemctl >/dev/null; then systemctl stop '*.timer'; fi",
                f'if command -v apt-get >/dev/null && [ -z "$({FRESH})" ]; then apt-get update -qq; fi',
            ]
        )

    def leave(self) -> None:
        """Ends the session: what comes next is another run, with another agent."""
        self._session = self._document = None
        self._open.close()

    def shell(self, script: str) -> tuple[int, str]:
        """Runs a script; its status, and what it printed."""
        done = self.session.run(script, timeout=300)
        return done["status"], (done["stdout"] + done["stderr"]).decode("utf-8", "replace")

    def must(self, lines: Sequence[str]) -> None:
        """Every line must succeed; they're one script."""
        # `set -e` lets a failing `! command` pass, but not a subshell that ends with one.
        script = "\n".join(f"( {line} )" if line.startswith("!") else line for line in lines)
        status, output = self.shell(f"set -e\n{script}") if lines else (0, "")
        if status:
            raise CaseFailed(f"exit status {status} of:\n{script}\n{output}")

    def converge(self, *, check: bool) -> tuple[list[ResourceEvent], bool]:
        """One pass; its events, those of handlers apart, and whether it failed."""
        events: list[ResourceEvent] = []
        session = self.session
        if self._document is None:
            catalog = Compiler(self._project, self._environment).compile(self._host, session.facts.mapping)
            self._document = catalog.document()
        failed = session.converge(self._document, check=check, on_event=events.append)["failed"]
        return [event for event in events if event["type"] != "handler"], failed

    def expect(self, wanted: Sequence[str], what: str, *, check: bool) -> list[ResourceEvent]:
        """One pass that must report these statuses."""
        events, _ = self.converge(check=check)
        if [event["status"] for event in events] != list(wanted):
            raise CaseFailed(f"{what}: expected {', '.join(wanted)}, but:\n{_shown(events)}")
        return events

    def mark(self) -> tuple[str, frozenset[str]]:
        """A moment before which all that the host is was as it is now, and its state apart from files."""
        look = host_state.parts(self._look(host_state.STATE + host_state.MARK))
        return look["moment"][0], host_state.counted(look)

    def changed(self, moment: str, state: frozenset[str]) -> list[str]:
        """What isn't as `mark` found it, a line each."""
        look = host_state.parts(self._look(host_state.CHANGED % moment + host_state.STATE))
        return sorted(look[""]) + sorted(state ^ host_state.counted(look))

    def _look(self, script: str) -> str:
        done = self.session.run(script, timeout=300)
        if done["status"]:
            raise CaseFailed(f"the host can't be looked at:\n{done['stderr'].decode('utf-8', 'replace')}")
        text: str = done["stdout"].decode("utf-8", "replace")
        return text

    def unchanged(self, check: Case) -> None:
        """Check mode, which must leave the host alone and tell the truth, as far as `check` says it."""
        moment, before = self.mark()
        events, _ = self.converge(check=True)
        changed = self.changed(moment, before)
        if changed:
            raise CaseFailed("check mode changed the host:\n" + "\n".join(changed[:20]))
        if "statuses" in check and [event["status"] for event in events] != check["statuses"]:
            raise CaseFailed(f"check mode: expected {', '.join(check['statuses'])}, but:\n{_shown(events)}")
        for text in check.get("diff", []):
            if not any(text in (event.get("diff") or "") for event in events):
                raise CaseFailed(f"no diff holds {text!r}:\n{_shown(events)}")

    def write(self, case: Case) -> None:
        """Writes the case's role."""
        self._document = None
        folder = self._project.root / "roles" / ROLE
        parts = {name: case[name] for name in PARTS if name in case}
        for name, text in {"role.yml": json.dumps(parts), **case.get("files", {})}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")


def run_case(host: CaseHost, case: Case) -> None:
    """Runs one case; it begins in the session in which the one before ended well.

    Raises:
        CaseFailed: It doesn't show what it says.
        CdconfError: The host can't be reached, or the case can't be compiled.
    """
    try:
        # The case before isn't this one's orphan.
        state = f"/var/lib/cdconf/{shlex.quote(host.project_name)}"
        host.must([f"rm -f {state}/applied.json {state}/pending.json", *case.get("before", [])])
        host.write(case)
        if "error" in case:
            _fails(host, case)
        else:
            _works(host, case)
    except BaseException:
        host.leave()  # it may be broken
        raise
    finally:
        host.must(case.get("undo", []))


def _works(host: CaseHost, case: Case) -> None:
    wanted = case.get("expect", ["changed"] * len(case["resources"]))
    foreseen = ["would_change" if one == "changed" else one for one in wanted]
    host.unchanged({"statuses": case.get("check", foreseen), "diff": case.get("diff", [])})
    host.expect(wanted, "the first run", check=False)
    _settled(host, case, len(wanted))
    if "tamper" in case:
        host.must(case["tamper"])
        seen, _ = host.converge(check=True)
        if not any(event["status"] == "would_change" for event in seen):
            raise CaseFailed(f"check mode doesn't see what was changed by hand:\n{_shown(seen)}")
        mended, _ = host.converge(check=False)
        if not any(event["status"] == "changed" for event in mended):
            raise CaseFailed(f"what was changed by hand isn't put right:\n{_shown(mended)}")
        _settled(host, case, len(wanted))


def _settled(host: CaseHost, case: Case, count: int) -> None:
    """What was wanted is there, and neither another run nor check mode sees anything left to do."""
    host.must(case.get("after", []))
    host.leave()
    host.expect(["ok"] * count, "a second run", check=False)
    host.expect(["ok"] * count, "check mode after it", check=True)


def _fails(host: CaseHost, case: Case) -> None:
    """The run ends with the case's error, whether the compiler or the host finds it; check mode changes nothing."""
    try:
        host.unchanged({"statuses": case["check"]} if "check" in case else {})
        events, failed = host.converge(check=False)
        said = json.dumps(events, ensure_ascii=False)
        if not failed:
            raise CaseFailed(f"it should have failed:\n{_shown(events)}")
    except CdconfError as error:
        said = f"{error} {error.hint} {error.detail}"
    if case["error"] not in said:
        raise CaseFailed(f"the error doesn't hold {case['error']!r}:\n{said}")
    host.must(case.get("after", []))


def _shown(events: Sequence[ResourceEvent]) -> str:
    lines = []
    for event in events:
        text = (event.get("message") or event.get("diff") or "").rstrip("\n")
        lines.append(f"{event['type']} {event['title']}: {event['status']}" + (f"\n{text}" if text else ""))
    return "\n".join(lines)
