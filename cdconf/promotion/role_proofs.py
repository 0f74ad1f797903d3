"""Roles pass stages as artifacts do: what a guarded environment is provisioned with was provisioned before."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from cdconf.promotion.checked import CheckedObject
from cdconf.promotion.commit import CommitReader
from cdconf.promotion.errors import NotProvable
from cdconf.promotion.judge import CandidateLink, absent
from cdconf.promotion.offices import shown, stage_office
from cdconf.promotion.reasons import NOT_ISOLATED, span
from cdconf.promotion.said import RolesProof, Said
from cdconf.promotion.stage_pins import held_to
from cdconf.promotion.uncommitted import Uncommitted

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.inventory import Environment, Host, Project
    from cdconf.inventory.pipeline import Stage
    from cdconf.promotion.evidence import Evidence
    from cdconf.promotion.requirements import Requirements

_SHARED = ("templates", "files", "resources")


def roles_on(project: Project, hosts: Iterable[Host]) -> list[str]:
    """The roles of the hosts' groups, in the order in which they're applied."""
    groups = {group for host in hosts for group in host.groups}
    return list(dict.fromkeys(role for name in project.groups if name in groups for role in project.groups[name]))


def trees_of(root: Path, roles: Iterable[str]) -> tuple[str, dict[str, str]]:
    """The commit that the work tree is at, and the ids of its git trees, by path: `roles/base`, `templates`.

    Links in them are read, so that what's behind a link has an entry of its own, and so have the `.gitattributes` that
    say what git makes of such files in a work tree.

    Args:
        root: The project.
        roles: The roles that are wanted. What all roles may use comes along: templates, files, resource types.

    Raises:
        NotProvable: The work tree isn't what the commit says, or a role isn't in it.
    """
    with Uncommitted(root) as uncommitted, CommitReader(root, "HEAD") as commit:
        found = {path: commit.find(path) for path in (*(f"roles/{role}" for role in roles), *_SHARED)}
        uncommitted.check(commit)
        trees = {path: entry.oid for path, entry in found.items() if entry is not None and entry.is_tree}
        missing = [path for path in found if path not in trees and path not in _SHARED]
        if missing:
            text = f"commit {commit.id[:10]} has no directory {missing[0]}, so nothing can be proven of that role"
            raise NotProvable(text, hint="commit it")
        behind = {path: entry.oid for tree in trees for path, entry in commit.behind_links(tree)}
        above = [f"{one}/.gitattributes" for one in (*commit.above(), "roles")]
        attributes = {posixpath.normpath(one): entry.oid for one in above if (entry := commit.find(one)) is not None}
        return commit.id, trees | behind | attributes


def stage_of(project: Project, environment: Environment) -> Stage | None:
    """The stage that a provision of an environment belongs to: it names it, or the one that it's a copy of."""
    named = project.pipeline.of_environment(environment.name)
    if named is not None or environment.throwaway is None:
        return named
    return next(
        (stage for stage in project.pipeline.stages if stage.copy_of == environment.copy_of and stage.copy_of), None
    )


def judge_roles(
    environment: Environment,
    wanted: Requirements,
    trees: Mapping[str, str],
    applied: Mapping[str, str],
    evidence: Evidence,
) -> list[CandidateLink]:
    """A link for each stage and role that must have been provisioned there.

    Args:
        environment: What's about to be provisioned.
        wanted: What it asks for.
        trees: See `trees_of`.
        applied: The same of what was last applied here: that needs no proof.
        evidence: What was said.
    """
    links = [CandidateLink(f"roles after {name}", "missing", absent(name, source)) for name, source in wanted.absent]
    changed = {path: tree for path, tree in trees.items() if applied.get(path) != tree}
    links += [CandidateLink(f"roles after {name}", "missing", why) for name, why in wanted.changed]
    left = [one for one in wanted.after if one.name not in dict(wanted.changed)]
    for stage in (one for one in left if one.environment or one.copy_of):
        office = stage_office(stage.name)
        if changed and not evidence.signers.of(office, evidence.now):
            why = f"nobody may speak for {shown(office)} here ({evidence.signers.file})"
            command = f"cdconf key trust --office {shown(office)} KEY"
            links.append(CandidateLink(f"roles after {stage.name}", "missing", why, command))
            continue
        for path, tree in changed.items():
            found = held_to(wanted.policy.stages, evidence.proofs_of_tree(path, tree))
            links.append(_link(stage, path, tree, found, (environment, wanted, evidence)))
    return links


def applied_roles(environment: Environment, wanted: Requirements, evidence: Evidence) -> dict[str, str]:
    """Path -> tree, of what was last applied to an environment, as its own stage has said; nothing if nobody has."""
    found = [] if wanted.own is None else evidence.provisions(environment.name)
    here = [
        checked_object
        for checked_object in found
        if checked_object.refusal is None and _is_here(checked_object.said, environment, wanted, evidence)
    ]
    last = max(here, key=_finished, default=None)
    return dict(last.said.trees) if last is not None and isinstance(last.said, RolesProof) else {}


def _is_here(said: Said | None, environment: Environment, wanted: Requirements, evidence: Evidence) -> bool:
    if not isinstance(said, RolesProof):
        return False
    where = (said.project, said.stage, said.environment)
    return where == (evidence.project.name, wanted.own, environment.name) and said.result == "passed"


def _link(
    stage: Stage,
    path: str,
    tree: str,
    found: Sequence[CheckedObject],
    where: tuple[Environment, Requirements, Evidence],
) -> CandidateLink:
    name = f"{path} after {stage.name}"
    command = f"cdconf provision {stage.environment or f'--copy-of {stage.copy_of} --name try-1'}"
    about = [
        checked_object
        for checked_object in found
        if isinstance(checked_object.said, RolesProof) and checked_object.said.stage == stage.name
    ]
    problems = {checked_object.name: _problem(checked_object, stage, path, tree, where) for checked_object in about}
    valid = [checked_object for checked_object in about if checked_object.refusal is None]
    for checked_object in sorted(valid, key=_finished, reverse=True):
        if problems[checked_object.name] is None:
            return CandidateLink(name, "there", f"{path} was provisioned as it is", statement=checked_object.name)
    if not about:
        why = f"nobody has said that {path}, as it is now ({tree[:10]}), passed stage '{stage.name}'"
        return CandidateLink(name, "missing", why, command)
    last = max(valid or about, key=_finished)
    short = last.name.removesuffix(".dsse").rpartition("-")[2][:12]
    return CandidateLink(name, "missing", f"statement {short} {problems[last.name]}", command, last.name)


def _problem(
    checked_object: CheckedObject, stage: Stage, path: str, tree: str, where: tuple[Environment, Requirements, Evidence]
) -> str | None:
    environment, wanted, evidence = where
    said = checked_object.said
    if checked_object.refusal is not None or not isinstance(said, RolesProof):
        return checked_object.refusal or "isn't about roles"
    home, age = stage.environment, evidence.now - said.finished
    project, copied = evidence.project.name, stage.copy_of
    found = (
        (said.trees.get(path) != tree, f"is about another {path}"),
        (said.project != project, f"is about the project '{said.project}', not '{project}'"),
        (
            home is not None and said.environment != home,
            f"is about the environment '{said.environment}', and stage '{stage.name}' is {home}",
        ),
        (
            copied is not None and said.copy_of != copied,
            f"is about {said.environment}, which isn't a copy of {copied}",
        ),
        (said.result != "passed", "says that it failed"),
        (not said.isolated, NOT_ISOLATED),
        (wanted.max_age is not None and age > wanted.max_age, f"is {span(age)} old: {environment.name} takes no older"),
    )
    return next((why for is_so, why in found if is_so), None)


def _finished(checked_object: CheckedObject) -> float:
    return checked_object.said.finished if isinstance(checked_object.said, RolesProof) else 0.0
