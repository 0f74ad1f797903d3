"""Compiles catalogs: one compiler per environment and run, one `compile` per host."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cdconf.catalog.copy_isolation import originals_of
from cdconf.catalog.failed import no_list
from cdconf.catalog.fields import check_fields
from cdconf.catalog.managed_paths import with_managed
from cdconf.catalog.model import Catalog, Handler, Resource
from cdconf.catalog.own_code import check_guards
from cdconf.catalog.public import check_public
from cdconf.catalog.redacted_errors import without
from cdconf.catalog.rendering import Rendering
from cdconf.catalog.scope import has_nothing_to_render
from cdconf.catalog.secret_files import closed, holds, plain_fields
from cdconf.catalog.sources import check_size
from cdconf.catalog.templating import Templating
from cdconf.catalog.type_context import TypeContext, normalised
from cdconf.catalog.unions import together, without_handlers
from cdconf.catalog.variables import Variables
from cdconf.errors import CdconfError, InvalidFile, did_you_mean
from cdconf.facts import HostFacts
from cdconf.inventory import check_roles
from cdconf.resources.discovery import Types
from cdconf.roles import Declared, Role, load_role
from cdconf.secrets import Mask, SecretStore, is_tainted
from cdconf.secrets.taint import taint_again

if TYPE_CHECKING:
    from cdconf.catalog.meter import Meter
    from cdconf.catalog.scope import Scope
    from cdconf.inventory import Environment, Host, Project
    from cdconf.resources.elsewhere import Elsewhere
    from cdconf.resources.spec import ResourceType


KEPT = 500  # catalogs that are compiled ahead and kept; of more hosts than that, the memory isn't worth the time


class UnknownHandler(InvalidFile):
    """A resource notifies a handler that no role has."""


class NeedsFacts(CdconfError):
    """A catalog is made of facts, which aren't here yet."""


def no_facts(groups: Sequence[str]) -> Mapping[str, Any]:
    """Raises `NeedsFacts`: the facts of hosts that nobody has asked."""
    raise NeedsFacts(f"{', '.join(groups)} aren't known yet")


class Compiler:
    """Compiles the hosts of one environment. Files are read once; `compile` is safe for threads.

    Args:
        project: The project.
        environment: The environment.
        extra: `-e name=value`.
        roles: Only these roles (`--role`); the catalogs are then incomplete.
        types: The resource types; found by default.
        secrets: The environment's secrets; read by default.
        mask: Learns every secret that is read; one of its own by default.
        looks: Whether hosts are looked at by these catalogs, and run the guards in them.

    Attributes:
        mask: Knows every secret that was read.
        extra: As it was given.
        only: The roles that were given.
        secrets: The environment's.
    """

    def __init__(
        self,
        project: Project,
        environment: Environment,
        *,
        extra: Mapping[str, str] | None = None,
        roles: Sequence[str] | None = None,
        types: Mapping[str, ResourceType] | None = None,
        secrets: SecretStore | None = None,
        mask: Mask | None = None,
        looks: bool = False,
    ) -> None:
        self.project = project
        self.environment = environment
        self.mask = mask or Mask()
        self._looks = looks
        self.types = types if types is not None else Types(project.root, project.type_packages)
        self.templating = Templating(project.root)
        check_roles(project, roles or ())
        self.extra = dict(extra or {})
        self.only = tuple(roles) if roles else None
        self._only = set(roles) if roles else None
        self.is_partial = self._only is not None
        self._roles: dict[str, Role] = {}
        self._ready: dict[str, bytes] = {}  # ahead of its turn: each is handed out once, so that it needn't be kept
        self._rendering: Rendering | None = Rendering()  # None in the process that renders
        self._originals = originals_of(project, environment)
        self.secrets = secrets or SecretStore(project, environment)
        self.mask.spare(self.secrets.spared())
        self.variables = Variables(project, environment, self.templating, self.secrets, self.mask, self.extra)

    def move(self, meter: Meter, secrets: SecretStore, mask: Mask) -> None:
        """See `cdconf.catalog.rendering.Renders`."""
        self._rendering = None
        self.templating.measure(meter)
        self.secrets, self.mask = secrets, mask
        self.variables.move(secrets, mask)

    @property
    def elsewhere(self) -> Elsewhere | None:
        """See `cdconf.catalog.rendering.Renders`."""
        return self.types.elsewhere() if isinstance(self.types, Types) else None

    def rendering(self, function: Callable[..., Any], host: Host, facts: Mapping[str, Any], *arguments: Any) -> Any:
        """Calls a function where texts are rendered, which have limits there: time, memory, size.

        Args:
            function: One of a module, called with this compiler, the facts, the host and the arguments.
            host: The host.
            facts: See `compile`.
            arguments: Plain data; so is the result.

        Raises:
            CdconfError: What the function raises; a text takes more than it may.
        """
        if self._rendering is None:
            return function(self, facts, host, *arguments)
        return pickle.loads(self._rendered(function, host, facts, *arguments))  # noqa: S301  a fork of ours

    def _rendered(self, function: Callable[..., Any], host: Host, facts: Mapping[str, Any], *arguments: Any) -> bytes:
        assert self._rendering is not None  # noqa: S101  this isn't the process that renders
        self.fetch_secrets([host])  # reads the roles, too, so that a fork has them, and the run knows of types' code
        return self._rendering.call(self, function, facts, host, *arguments, name=host.name)

    def role(self, name: str) -> Role:
        """A role, read once."""
        if name not in self._roles:
            self._roles[name] = load_role(self.project, name, self.types)
        return self._roles[name]

    def prepare(self, hosts: Sequence[Host]) -> None:
        """Reads the roles of some hosts, so that their errors are found before any host is asked.

        Raises:
            InvalidFile: A role breaks a rule.
        """
        for host in hosts:
            self.roles_of(host)

    def fetch_secrets(self, hosts: Sequence[Host]) -> None:
        """Asks the operator's sources once for all secrets that the hosts' roles may read.

        Raises:
            SecretError: A source can't be asked.
            InvalidFile: A role breaks a rule.
        """
        roles = {role.name: role for host in hosts for role in self.roles_of(host)}
        wanted = (name for role in roles.values() for name, variable in role.variables.items() if variable.secret)
        for value in self.secrets.fetch(wanted):
            self.mask.add(value)

    def compile_ahead(self, hosts: Sequence[Host]) -> None:
        """Compiles what needs no facts, so that errors end a run before it changes the first host.

        Raises:
            CdconfError: A role or a variable breaks a rule.
        """
        for host in hosts:
            with contextlib.suppress(NeedsFacts):
                catalog = self._rendered(_catalog, host, HostFacts({}, no_facts).mapping)
                if len(self._ready) < KEPT:
                    self._ready[host.name] = catalog

    def roles_of(self, host: Host) -> list[Role]:
        """The host's roles, group by group, each once."""
        names = dict.fromkeys(name for group in host.groups for name in self.project.groups[group])
        return [self.role(name) for name in names]

    def scope(self, host: Host, facts: Mapping[str, Any]) -> Scope:
        """What the templates of a host see."""
        return self.variables.scope(host, facts, self.roles_of(host))

    def compile(self, host: Host, facts: Mapping[str, Any]) -> Catalog:
        """The host's catalog.

        Args:
            host: The host.
            facts: Its facts: a live session's `facts.mapping`, those of `FactCache.load`, or any mapping.

        Raises:
            InvalidFile: A role or a variable breaks a rule.
        """
        ready = self._ready.pop(host.name, None)
        if ready is not None:
            catalog: Catalog = pickle.loads(ready)  # noqa: S301  a fork of ours
            return catalog
        made: Catalog = self.rendering(_catalog, host, facts)
        return made

    def _compile(self, host: Host, facts: Mapping[str, Any]) -> Catalog:
        scope = self.scope(host, facts)
        resources, flushing = together(self._declared(scope, host), self.types)
        resources = with_managed(resources, self.types, complete=self._only is None)
        check_size(resources)
        asking = [(name, resource) for resource in resources for name in (*resource.flush, *resource.notify)]
        asking += [(resource.title, resource) for resource in flushing]  # at the end of all: it would run there anyway
        found = {name: self._handler(scope, host, name, resource) for name, resource in asking}
        handlers = {name: handler for name, handler in found.items() if handler is not None}
        if len(handlers) < len(found):
            resources = [without_handlers(resource, handlers) for resource in resources]
        if self._originals:
            self._originals.check(host, [*resources, *(handler.resource for handler in handlers.values())], scope)
        used = {resource.type for resource in resources}
        return Catalog(
            project=self.project.name,
            environment=self.environment.name,
            host=host.name,
            complete=self._only is None,
            compare={name: list(self.types[name].compared) for name in sorted(used)},
            resources=resources,
            handlers=handlers,
        )

    def _declared(self, scope: Scope, host: Host) -> Iterator[Resource]:
        """What the host's roles declare, one after the other."""
        for role in self.roles_of(host):
            if self._only is None or role.name in self._only:
                for declared in role.resources:
                    yield from self._resources(scope, role, declared)

    def _resources(self, scope: Scope, role: Role, declared: Declared) -> Iterator[Resource]:
        if declared.for_each is None:
            yield from self._turn(scope, role, declared)
            return
        with scope.reading() as reads:
            rendered = scope.noted(lambda: scope.render(declared.for_each, declared.file, declared.line))
        members, is_secret = rendered
        if not isinstance(members, (list, tuple)):
            raise no_list(declared, members, is_secret)
        try:
            for member in members:
                scope.with_each(member, is_secret=is_secret)
                yield from self._turn(scope, role, declared, reads)
        finally:
            scope.without_each()

    def _turn(self, scope: Scope, role: Role, declared: Declared, before: Collection[str] = ()) -> Iterator[Resource]:
        line = declared.fields.lines.get("when", declared.line)
        outer = scope.begin()
        try:
            if declared.when is not None and not self._is_wanted(scope, declared, line):
                return
            kind = self.types[declared.type]
            titles, is_secret = scope.noted(lambda: scope.render(declared.title, declared.file, declared.line))
            if is_secret:
                message = f"'{kind.title}' names the {kind.name}, so it can't be made of a secret"
                raise InvalidFile(message, file=declared.file, line=declared.line)
            if isinstance(titles, list) and not kind.titles_are_lists:
                raise InvalidFile(f"{kind.name} takes one title, not a list", file=declared.file, line=declared.line)
            for one in titles if isinstance(titles, list) else [titles]:
                title = str(one) if type(one) is int else one  # a uid, a port
                if not isinstance(title, str) or not title:
                    raise InvalidFile(f"'{title}' can't name a {kind.name}", file=declared.file, line=declared.line)
                yield self._resource(scope, role, declared, kind, title, before)
        finally:
            scope.end(outer)

    @staticmethod
    def _is_wanted(scope: Scope, declared: Declared, line: int) -> bool:
        """Whether a `when` holds; which resources a host has is shown, so it can't tell anything of a secret."""
        wanted, is_secret = scope.noted(lambda: scope.condition(declared.when, declared.file, line))
        if is_secret:
            message = "'when' can't be made of a secret: everybody sees which resources there are"
            hint = "decide by a variable that isn't secret"
            raise InvalidFile(message, file=declared.file, line=line, hint=hint)
        return wanted

    def _resource(
        self,
        scope: Scope,
        role: Role,
        declared: Declared,
        kind: ResourceType,
        title: str,
        before: Collection[str],
    ) -> Resource:
        values, secrets = _fields(scope, declared)
        asked = TypeContext(self, scope, role, declared)
        try:
            fields = self._checked(kind, declared, title, values, asked)
        except InvalidFile as error:
            raise without(error, [*(values[name] for name in secrets), *asked.secrets]) from None
        self._check_app_service(declared, kind, title, fields)
        secrets += asked.fields_of_secrets
        check_public(scope, declared, kind, fields, secrets)
        if self._looks:
            check_guards(declared, kind, title, fields)
        holds_secret = holds(kind, declared, secrets)
        if holds_secret:
            fields = closed(kind, declared, title, fields)
        return Resource(
            type=kind.name,
            title=kind.full_title({kind.title: title, **fields}),
            fields=fields,
            identity=(kind.title, *kind.identity),
            absent=declared.absent,
            source=declared.source,
            role=role.name,
            notify=declared.notify,
            sensitive=declared.sensitive
            or not kind.sensitive.isdisjoint(fields)
            or bool(secrets or asked.secrets)
            or is_tainted(fields),
            removable=kind.absent and "must_exist" not in fields,
            reads=scope.behind(before),
            holds_secret=holds_secret,
            given=frozenset(values),
            plain=frozenset() if declared.sensitive else plain_fields(kind, values, secrets, fields),
            when=declared.when,
        )

    def _checked(
        self, kind: ResourceType, declared: Declared, title: str, values: dict[str, Any], asked: TypeContext
    ) -> dict[str, Any]:
        """The fields as the catalog has them; `TypeContext` remembers what the type was given."""
        fields = check_fields(kind, declared, title, values)
        if kind.normalise is not None:
            given = {**fields, "absent": declared.absent}
            fields = normalised(kind, title, given, asked)
            if kind.elsewhere and (asked.secrets or is_tainted(given)):
                fields = taint_again(fields, given)
            fields.pop("absent", None)
        return fields

    def _check_app_service(self, declared: Declared, kind: ResourceType, title: str, fields: Mapping[str, Any]) -> None:
        if kind.name == "service" and "running" in fields and not declared.action:
            for app in self.project.apps.values():
                if app.runs(title):
                    raise InvalidFile(
                        f"service '{title}' is app '{app.name}'s: deployments start and stop it",
                        file=declared.file,
                        line=declared.fields.lines.get("running", declared.line),
                        hint="remove `running:` here",
                    )

    def find_handler(self, host: Host, name: str) -> tuple[Role, Declared] | None:
        """A handler by name: the host's roles first, then those of the whole project."""
        own = self.roles_of(host)
        rest = dict.fromkeys(role for group in self.project.groups.values() for role in group)
        for role in [*own, *(self.role(other) for other in rest)]:
            if name in role.handlers:
                return role, role.handlers[name]
        return None

    def _handler(self, scope: Scope, host: Host, name: str, asked: Resource) -> Handler | None:
        """A handler as the host has it; None where its `when` doesn't hold."""
        found = self.find_handler(host, name)
        if found is None:
            file, _, line = asked.source.rpartition(":")
            known = [handler for role in self._roles.values() for handler in role.handlers]
            raise UnknownHandler(
                f"no role has a handler '{name}'", file=file, line=int(line), hint=did_you_mean(name, known)
            )
        role, declared = found
        resource = next(self._turn(scope, role, declared), None)
        if resource is None:
            return None
        app = None
        if resource.type == "service":
            for candidate in self.project.apps.values():
                if candidate.runs(resource.title):
                    app = {"name": candidate.name, "path": candidate.path}
        return Handler(name=name, action=declared.action or "", resource=resource, app=app)


def _catalog(compiler: Compiler, facts: Mapping[str, Any], host: Host) -> Catalog:
    return compiler._compile(host, facts)


def _fields(scope: Scope, declared: Declared) -> tuple[dict[str, Any], list[str]]:
    """A declared resource's fields, rendered, and the names of those that were made of secrets."""
    values, secrets = {}, []
    for name, value in declared.fields.items():
        if has_nothing_to_render(value):
            values[name] = value
            continue
        line = declared.fields.lines.get(name, declared.line)
        values[name], is_secret = scope.noted(partial(scope.render, value, declared.file, line))
        if is_secret:
            secrets.append(name)
    return values, secrets
