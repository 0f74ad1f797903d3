"""What differs between one host's catalogs at two revisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cdconf.catalog.unions import unions
from cdconf.plans import difference
from cdconf.secrets import is_tainted

if TYPE_CHECKING:
    from cdconf.catalog import Handler, Resource
    from cdconf.plans.compiling import Compiled, Unknown

Kind = Literal["added", "removed", "changed", "reordered", "unknown"]
_MOVED = 20  # resources that are named when the order changes


@dataclass(frozen=True)
class PlannedChange:
    """One difference; it's the same on every host for which all of this is equal.

    Attributes:
        kind: `reordered`: the same resources are applied in another order. `unknown`: facts that were never seen
            decide whether, or how, it differs.
        type: The resource's type; `handler` for a handler.
        title: Its title.
        before: Where it's declared at the first revision, `roles/web/role.yml:7`; None when it isn't.
        after: Where it's declared at the second one.
        sensitive: Its values aren't shown.
        diff: For people; None when there's nothing to show.
        message: Why it's unknown, or what becomes of it.
    """

    kind: Kind
    type: str
    title: str
    before: str | None = None
    after: str | None = None
    sensitive: bool = False
    diff: str | None = None
    message: str | None = None


class CatalogComparison:
    """Compares catalogs. The same difference on many hosts is put into words once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], PlannedChange] = {}

    def of(self, before: Compiled, after: Compiled, *, same_inputs: bool) -> list[PlannedChange]:
        """The changes of one host, in the order of its catalogs: what's new or changed, then what has gone.

        Args:
            before: At the first revision.
            after: At the second one.
            same_inputs: All that the host's catalog is made of is the same: then what's unknown is the same, too.
        """
        unknown = () if same_inputs else (*before.unknown, *after.unknown)
        old = {union.id: union for union in unions(before.catalog.resources)}
        new = {union.id: union for union in unions(after.catalog.resources)}
        changes = [
            *self._resources(old, new, unknown),
            *self._handlers(before.catalog.handlers, after.catalog.handlers, unknown),
            *_unknown(before.unknown, after.unknown, same_inputs=same_inputs),
        ]
        moved = _moved([one for one in old if one in new], [one for one in new if one in old])
        return [*changes, moved] if moved else changes

    def _resources(
        self, old: Mapping[str, Resource], new: Mapping[str, Resource], unknown: tuple[Unknown, ...]
    ) -> Iterator[PlannedChange]:
        for name, resource in new.items():
            known = old.get(name)
            if known is None:
                if not any(one.covers(resource) for one in unknown):
                    yield self._change(None, resource)
            elif _wanted(known) != _wanted(resource):
                yield self._change(known, resource)
        for name, resource in old.items():
            if name not in new and not any(one.covers(resource) for one in unknown):
                yield self._change(resource, None)

    def _handlers(
        self, old: Mapping[str, Handler], new: Mapping[str, Handler], unknown: tuple[Unknown, ...]
    ) -> Iterator[PlannedChange]:
        hidden = {one.shown for one in unknown if one.type == "handler"}
        perhaps = {name for one in unknown for name in one.notify}  # there if what notifies it is
        for name in dict.fromkeys([*new, *old]):
            handler, other = old.get(name), new.get(name)
            if name in hidden or (name in perhaps and not (handler and other)):
                continue
            if _handled(handler) != _handled(other):
                yield self._change(
                    handler.resource if handler else None, other.resource if other else None, (handler, other)
                )

    def _change(
        self,
        before: Resource | None,
        after: Resource | None,
        handlers: tuple[Handler | None, Handler | None] | None = None,
    ) -> PlannedChange:
        old, new = (_handled(one) for one in handlers) if handlers else (_shape(before), _shape(after))
        handler = next((one.name for one in handlers or () if one), None)
        found = _pieces(before, after, old, new)
        sources = tuple(resource.source if resource else None for resource in (before, after))
        sensitive = any(side is not None and side.sensitive for side in (before, after))
        key = (handler, (after or before).id, sources, sensitive, found)  # type: ignore[union-attr]  # one is there
        if key not in self._known:
            change = _described(before, after, found, handler)
            # Lines that stay between two that are changed may still tell hosts apart.
            same = (handler, *key[1:4], change.message, difference.changed_lines(change.diff or ""))
            self._known[key] = self._known.setdefault(same, change)
        return self._known[key]


def _wanted(resource: Resource) -> tuple[Any, ...]:
    return resource.fields, resource.absent, resource.notify, resource.sensitive


def _shape(resource: Resource | None) -> dict[str, Any]:
    """All that's compared of a resource, as fields."""
    if resource is None:
        return {}
    rest = {
        "absent": resource.absent or None,
        "notify": list(resource.notify) or None,
        "sensitive": resource.sensitive or None,
    }
    return {**resource.fields, **{name: value for name, value in rest.items() if value is not None}}


def _handled(handler: Handler | None) -> dict[str, Any]:
    if handler is None:
        return {}
    return {
        **_shape(handler.resource),
        "does": f"{handler.action} {handler.resource.type} {handler.resource.title}",
        "app": handler.app,
    }


def _pieces(
    before: Resource | None, after: Resource | None, old: dict[str, Any], new: dict[str, Any]
) -> tuple[difference.Piece, ...]:
    """What differs; nothing of what has gone, and not again what names the new one."""
    resource = after or before
    if resource is None or after is None:
        return ()
    sensitive = after.sensitive or (before is not None and before.sensitive)
    shown = {"absent", "notify", "sensitive", "does", "app", *resource.identity}
    hidden = {
        name for name in (*old, *new) if name not in shown and (sensitive or is_tainted([old.get(name), new.get(name)]))
    }
    if before is None:
        new = {name: value for name, value in new.items() if name not in resource.identity}
    return difference.pieces(old, new, hidden)


def _described(
    before: Resource | None, after: Resource | None, found: tuple[difference.Piece, ...], handler: str | None
) -> PlannedChange:
    resource = after or before
    assert resource is not None  # noqa: S101  one of the two is what the change is about
    kind: Kind = "changed" if before and after else "added" if after else "removed"
    return PlannedChange(
        kind=kind,
        type="handler" if handler else resource.type,
        title=handler or resource.title,
        before=before.source if before else None,
        after=after.source if after else None,
        sensitive=any(side is not None and side.sensitive for side in (before, after)),
        diff=difference.text(resource.title, found, new=kind == "added") or None,
        message=_fate(resource) if kind == "removed" and not handler else None,
    )


def _fate(resource: Resource) -> str:
    if resource.absent:
        return "nothing sees any more to it that it's absent"
    return "hosts keep it as an orphan, which `provision --prune` removes" if resource.removable else "hosts keep it"


def _unknown(before: list[Unknown], after: list[Unknown], *, same_inputs: bool) -> Iterator[PlannedChange]:
    """What can't be compared, once; on the same line for both revisions where it is."""
    if same_inputs:
        return
    sides: dict[tuple[str, str], list[Unknown | None]] = {}
    for place, found in enumerate((before, after)):
        for unknown in found:
            sides.setdefault((unknown.type, unknown.shown), [None, None])[place] = unknown
    for (kind, title), (old, new) in sides.items():
        message = (new or old).message  # type: ignore[union-attr]  # one of them is there
        yield PlannedChange(
            "unknown",
            kind,
            title,
            before=old.source if old else None,
            after=new.source if new else None,
            message=message,
        )


def _moved(before: list[str], after: list[str]) -> PlannedChange | None:
    """The change of order, which matters: resources are applied one after another."""
    if before == after:
        return None
    from difflib import SequenceMatcher

    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    kept = {name for block in blocks for name in after[block.b : block.b + block.size]}
    moved = [name for name in after if name not in kept]
    named = ", ".join(moved[:_MOVED]) + (f" and {len(moved) - _MOVED} more" if len(moved) > _MOVED else "")
    return PlannedChange("reordered", "catalog", "order", message=f"applied at another place: {named}")
