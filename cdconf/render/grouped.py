"""Above 20 hosts, what's equal on several hosts is told once, with their names. Pure: events in, lines out."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cdconf.events import (
    Event,
    HostDone,
    HostResult,
    NotAttempted,
    ResourceDone,
    RunResult,
    RunStarted,
    SmokeDone,
    Step,
)
from cdconf.render import words
from cdconf.render.host_names import counted, listed_in_short, named
from cdconf.render.style import Style

ABOVE = 20  # hosts; up to this many, each host has lines of its own
_SENTENCES = 6  # of evidence that one line tells
_ADDRESS = re.compile(r"\b[0-9]{1,3}(\.[0-9]{1,3}){3}(:[0-9]+)?\b|\[[0-9A-Fa-f:]+\](:[0-9]+)?")
_OfHost = ResourceDone | NotAttempted | SmokeDone | HostDone


@dataclass
class _Same:
    """What several hosts have said alike: its text without a host, the hosts, and what each said beside it."""

    text: str
    first: _OfHost
    hosts: dict[str, _OfHost] = field(default_factory=dict)
    is_told: bool = False  # whether the first host's line has been shown
    has_names: bool = False  # whether the others' texts differ from it in their own names


class Grouped:
    """The lines of a run's events, as `words.line_of` has them, but equal ones once for all their hosts.

    A failure is told at once, of the first host that it happens on. Everything else waits until all hosts have said
    it, or the run comes to its next step, or to its end.

    Args:
        style: What the command line asks for; `verbose` names every host.
    """

    def __init__(self, style: Style) -> None:
        self._style = style
        self._hosts: Mapping[str, int] = {}  # name -> place
        self._same: dict[str, _Same] = {}

    def lines(self, event: Event) -> list[str]:
        """What's to be shown now that this has happened."""
        before = self.rest() if isinstance(event, (RunStarted, Step)) else []
        if isinstance(event, RunStarted):
            self._hosts = {name: place for place, name in enumerate(event.hosts)}
        is_many = len(self._hosts) > ABOVE
        if is_many and isinstance(event, _OfHost):
            return self._take(event)
        if is_many and isinstance(event, Step):
            event = Step(self._in_short(event.message))
        line = words.line_of(event, self._style)
        return before if line is None else [*before, line]

    def rest(self) -> list[str]:
        """What has been waiting for more hosts."""
        waiting, self._same = self._same, {}
        return [line for same in waiting.values() for line in self._told(same)]

    def _take(self, event: _OfHost) -> list[str]:
        bare = replace(event, host="")
        if isinstance(bare, ResourceDone):
            bare = replace(bare, first_seen=None, evidence=())  # each host has its own
        text = words.line_of(bare, self._style)
        if text is None:
            return []
        key = _alike(text, event)
        found = self._same.get(key)
        lines: list[str] = []
        if found is not None and event.host in found.hosts:  # it says so a second time
            lines += self._told(self._same.pop(key))
            found = None
        if found is None:
            found = self._same.setdefault(key, _Same(text, event))
        found.hosts[event.host] = event
        found.has_names |= text != found.text
        if len(found.hosts) == 1 and _is_bad(event):
            found.is_told = True
            line = words.line_of(event, self._style)
            return lines if line is None else [*lines, line]
        if len(found.hosts) >= len(self._hosts):
            lines += self._told(self._same.pop(key))
        return lines

    def _told(self, same: _Same) -> Iterator[str]:
        hosts = sorted(same.hosts, key=lambda name: self._hosts.get(name, len(self._hosts)))
        if same.is_told:
            more = [name for name in hosts if name != same.first.host]
            if more:
                who = more[0] if len(more) == 1 else f"{len(more)} more hosts ({self._listed(more)})"
                yield words.shown(f"! {who}: {_in_short(same.first)}, as on {same.first.host}")
            return
        if len(hosts) == 1:
            line = words.line_of(same.first, self._style)
            if line is not None:
                yield line
            return
        first, newline, below = same.text.partition("\n")
        who = named(hosts, list(self._hosts), every=self._style.verbose)
        own = f"\n    (as on {same.first.host}; the others have their own names there)" if same.has_names else ""
        yield f"{first[:2]}{words.shown(who)}{first[2:]}{newline}{below}{words.shown(own)}{self._about_drift(same)}"

    def _about_drift(self, same: _Same) -> str:
        """Since when it's so, and who it may have been: what differs from host to host."""
        found = [host for host in same.hosts.values() if isinstance(host, ResourceDone)]
        seen = sorted(resource_done.first_seen for resource_done in found if resource_done.first_seen is not None)
        lines = []
        if seen:
            since, until = (time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at)) for at in (seen[0], seen[-1]))
            lines.append(f"first seen: {since}" + (f" to {until}" if since != until else ""))
        by: dict[str, list[str]] = {}
        for resource_done in found:
            for sentence in resource_done.evidence:
                by.setdefault(sentence.replace("\n", "\\n"), []).append(resource_done.host)
        shown = list(by.items())[: None if self._style.verbose else _SENTENCES]
        for sentence, hosts in shown:
            whose = "" if len(hosts) == len(same.hosts) else f" ({self._listed(hosts)})"
            lines.append(f"evidence{whose}: {sentence}")
        if len(by) > len(shown):
            lines.append(f"evidence: {len(by) - len(shown)} more, which -v shows")
        return "".join(f"\n    {words.shown(line)}" for line in lines)

    def _listed(self, hosts: Sequence[str]) -> str:
        return listed_in_short(hosts, every=self._style.verbose)

    def _in_short(self, message: str) -> str:
        """A step's message whose end names hosts, with these in a few words."""
        lead, separator, end = message.rpartition(": ")
        hosts = end.split(", ")
        if len(hosts) <= ABOVE or not self._hosts.keys() >= set(hosts):
            return message
        return f"{lead}{separator}{named(hosts, list(self._hosts), every=self._style.verbose)}"


def recap_rows(result: RunResult, style: Style) -> list[tuple[str, HostResult]]:
    """The recap's lines, each with what it came to on its host, or on the first of its hosts.

    Above 20 hosts, hosts on which it came to the same share a line, unless the run is verbose.
    """
    lines = words.recap(result)
    if len(result.hosts) <= ABOVE or style.verbose or not lines:
        return list(zip(lines, result.hosts.values(), strict=False))
    alike: dict[str, list[str]] = {}
    for name, host in result.hosts.items():
        alike.setdefault(words.counts(host), []).append(name)
    among = list(result.hosts)
    told = [(*counted(names, among), counts, result.hosts[names[0]]) for counts, names in alike.items()]
    width = max(len(who) for who, *_ in told)
    return [
        (words.shown(f"{who:<{width}}  {counts}" + (f"  ({listed})" if listed else "")), host)
        for who, listed, counts, host in told
    ]


def _is_bad(event: _OfHost) -> bool:
    if isinstance(event, SmokeDone):
        return not event.passed
    return not isinstance(event, NotAttempted) and event.status in ("failed", "unreachable", "rolled_back")


def _alike(text: str, event: _OfHost) -> str:
    """Equal for hosts that say the same of themselves: their own names don't count, nor addresses in an error."""
    alike = re.sub(rf"(?<!\w){re.escape(event.host)}(?!\w)", "HOST", text)
    return _ADDRESS.sub("ADDRESS", alike) if isinstance(event, HostDone) else alike


def _in_short(event: _OfHost) -> str:
    """What has failed, without what was said of it."""
    if isinstance(event, ResourceDone):
        title = event.title.replace("\n", "\\n")
        return f"{event.type} {title}: {event.status}"
    if isinstance(event, SmokeDone):
        return f"smoke {event.test}: failed"
    return event.status.replace("_", " ") if isinstance(event, HostDone) else "not attempted"
