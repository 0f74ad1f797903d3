"""The table: a line for each type, operation and attack, and what was so before the agent had its safe way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BEFORE = Path(__file__).parent / "before.json"
CARELESS = "careless"  # the row that isn't the agent's

Key = tuple[str, str, str]
Counts = tuple[int, int]  # tries, successes


def merged(results: list[dict[str, Any]]) -> dict[Key, Counts]:
    """(type, operation, attack) -> counts; an attack on several paths of a row is one line."""
    found: dict[Key, Counts] = {}
    for one in results:
        key = (one["type"], one["operation"], one["attack"])
        tries, successes = found.get(key, (0, 0))
        found[key] = (tries + one["tries"], successes + one["successes"])
    return found


def before() -> dict[Key, Counts]:
    """What succeeded on the code before."""
    kept = json.loads(BEFORE.read_text(encoding="utf-8"))
    return {
        (kind, operation, attack): (counts[0], counts[1])
        for kind, operations in kept.items()
        for operation, attacks in operations.items()
        for attack, counts in attacks.items()
    }


def keep(results: list[dict[str, Any]], file: Path) -> None:
    """Writes counts as `before` reads them, an operation's on one line."""
    kept: dict[str, dict[str, dict[str, Counts]]] = {}
    for (kind, operation, attack), counts in merged(results).items():
        if kind != CARELESS:
            kept.setdefault(kind, {}).setdefault(operation, {})[attack] = counts
    parts = []
    for kind, operations in kept.items():
        lines = [f"    {json.dumps(operation)}: {json.dumps(attacks)}" for operation, attacks in operations.items()]
        parts.append(f"  {json.dumps(kind)}: {{\n" + ",\n".join(lines) + "\n  }")
    file.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def successes(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results in which an attack succeeded, the careless row's aside."""
    return [one for one in results if one["successes"] and one["type"] != CARELESS]


def shown(results: list[dict[str, Any]]) -> str:
    """The table as text."""
    known = before() if BEFORE.exists() else {}
    lines = [f"{'type':14} {'operation':42} {'attack':50} {'tries':>6} {'succeeded':>9}  before"]
    counts = merged(results)
    for (kind, operation, attack), (tries, succeeded) in counts.items():
        was = known.get((kind, operation, attack))
        words = "" if was is None else f"{was[1]} of {was[0]}" if was[1] else "never did"
        lines.append(f"{kind:14} {operation:42} {attack:50} {tries:6} {succeeded:9}  {words}")
    agents = [one for (kind, _, _), one in counts.items() if kind != CARELESS]
    tries, succeeded = (sum(one[place] for one in agents) for place in (0, 1))
    lines.append(f"{len(agents)} rows, {tries} tries, {succeeded} successes")
    return "\n".join(lines)


def markdown() -> str:
    """The table of docs/security.md: each operation, how many attacks on it are tried, how many succeeded before."""
    lines = ["| type | operation | attacks | succeeded before |", "|---|---|---|---|"]
    counts: dict[tuple[str, str], list[int]] = {}
    for (kind, operation, _), (_, succeeded) in before().items():
        one = counts.setdefault((kind, operation), [0, 0])
        one[0] += 1
        one[1] += bool(succeeded)
    for (kind, operation), (attacks, succeeded) in counts.items():
        lines.append(f"| `{kind}` | {operation} | {attacks} | {succeeded or 'none ever did'} |")
    return "\n".join(lines)


def reproduced(results: list[dict[str, Any]]) -> str:
    """Each kind of success with the first way to it."""
    lines = []
    for one in successes(results):
        what = f"{one['type']} {one['operation']}: {one['attack']} ({one['point']})"
        lines.append(f"{what}: {one['successes']} of {one['tries']}")
        for example in one["examples"][:1]:
            when = f"before step {example.get('at')}{' alone' if example.get('flips') else ''}: {example.get('step')}"
            lines += [f"    {when}", f"    {'; '.join(example['harm'])}", f"    the agent said: {example['said']}"]
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
