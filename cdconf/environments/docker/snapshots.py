"""Snapshots: images of hosts that are converged already, as far as all environments have it in common.

They're named by what they were made of, so that a changed role makes a new one, and shared by all environments and
checkouts of a project. The engine has them and knows about them: labels say which project and kind they're of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cdconf.engine import open_fleet
from cdconf.environments.docker import snapshot_builder
from cdconf.environments.docker.container import init_of
from cdconf.environments.docker.failures import engine_errors
from cdconf.environments.docker.hosts import DockerProvider, stop_signal
from cdconf.environments.docker.listing import engine
from cdconf.environments.docker.options import Engine, run_options
from cdconf.environments.docker.snapshot_builder import Builder, builders_lock, clear_builders
from cdconf.environments.docker.snapshot_kind import Kind, Kinds
from cdconf.errors import CdconfError, HostFailed, ProviderError, Unreachable, UsageError
from cdconf.events import Emit, Notice, Step
from cdconf.file_lock import held
from cdconf.inventory.provided_hosts import DEFAULT_OS

if TYPE_CHECKING:
    from cdconf.catalog import Compiler
    from cdconf.environments.provider import Provider
    from cdconf.inventory import Environment, Host, Project

REPOSITORY = "cdconf-snapshot"
KEPT = 3  # snapshots of a kind
FRESH = timedelta(days=7)  # packages in an older one are too old
_LEFT_BEHIND = timedelta(minutes=10)


@engine_errors()
def use_snapshots(
    project: Project,
    environment: Environment,
    provider: Provider,
    compiler: Callable[[], Compiler],
    hosts: Sequence[Host],
    emit: Emit,
) -> None:
    """Has the provider start hosts that don't exist yet from snapshots; those that are missing are made first.

    Args:
        project: The project.
        environment: The environment.
        provider: The environment's.
        compiler: Gives the environment's compiler.
        hosts: All that the run is about.
        emit: The event stream; a snapshot that can't be made is a warning, since hosts can do without.

    Raises:
        UsageError: The environment's provider has no snapshots.
        InvalidFile: A file breaks a rule.
    """
    if not isinstance(provider, DockerProvider):
        message = f"--from-snapshot: the provider of {environment.name} is `{environment.provider}`"
        raise UsageError(message, hint="only hosts of docker start from snapshots")
    absent = provider.absent(hosts)
    if absent:
        provider.snapshots = _Snapshots(project, environment, provider, compiler(), emit).of(absent)


class _Snapshots:
    def __init__(
        self, project: Project, environment: Environment, provider: DockerProvider, compiler: Compiler, emit: Emit
    ) -> None:
        self._project = project
        self._environment = environment
        self._provider = provider
        self._compiler = compiler
        self._emit = emit
        self._client = engine(timeout=600)

    def of(self, hosts: Sequence[Host]) -> dict[str, str]:
        """Host -> the snapshot to start it from; without those that have none."""
        kinds = self._kinds(hosts)
        examples = {kind: next(host for host in hosts if kinds[host.name] == kind) for kind in kinds.values()}
        if any(self._find(kind) is None for kind in examples):
            waiting = Step("waiting for another run that makes snapshots")
            with held(builders_lock(self._project), ProviderError, lambda: self._emit(waiting)):
                clear_builders(self._client, self._project)
                # Another run may have made them meanwhile.
                missing = {kind: host for kind, host in examples.items() if self._find(kind) is None}
                if missing:
                    try:
                        self._make(missing)
                    finally:
                        clear_builders(self._client, self._project)
            self._tidy(list(examples))
        found = {kind: image for kind in examples if (image := self._find(kind)) is not None}
        for kind in found:
            names = ", ".join(host.name for host in hosts if kinds[host.name] == kind)
            self._emit(Notice(f"from the snapshot of {kind.name}: {names}"))
        return {host.name: found[kinds[host.name]] for host in hosts if kinds[host.name] in found}

    def _kinds(self, hosts: Sequence[Host]) -> dict[str, Kind]:
        kinds = Kinds(self._project, self._environment, self._compiler)
        found = {}
        for host in hosts:
            image = self._client.images.get(self._provider.plain_image(self._client, host, self._emit))
            found[host.name] = kinds.of(host, host.os or DEFAULT_OS, str(image.id))
        return found

    def _tag(self, kind: Kind) -> str:
        return f"{self._project.name}-{kind.os}-{kind.key[:16]}"

    def _find(self, kind: Kind) -> str | None:
        """The kind's snapshot, when there's one that's fresh enough."""
        from docker.errors import ImageNotFound

        name = f"{REPOSITORY}:{self._tag(kind)}"
        try:
            image = self._client.images.get(name)
        except ImageNotFound:
            return None
        fits = image.labels.get("cdconf.snapshot") == kind.key and _age(image) < FRESH
        return name if fits else None

    def _make(self, missing: dict[Kind, Host]) -> None:
        self._emit(Step(f"making snapshots (once for these roles): {', '.join(kind.name for kind in missing)}"))
        network = self._network()
        builders = {kind: self._builder(kind, host, network) for kind, host in missing.items()}
        work = _Work(builders, self._emit)
        work.each(lambda kind: builders[kind].start())
        if work.left:
            self._converge(work, missing)
        work.each(lambda kind: builders[kind].commit(REPOSITORY, self._tag(kind)))

    def _network(self) -> str:
        """A network for builders alone: no host is on it."""
        from docker.errors import APIError

        name = f"cdconf-builder-{self._project.name}-{self._project.checkout}"
        try:
            self._client.networks.create(name, driver="bridge", labels={snapshot_builder.LABEL: self._project.checkout})
        except APIError as error:
            raise ProviderError(f"the builders' network can't be made: {error.explanation}") from error
        return name

    def _builder(self, kind: Kind, example: Host, network: str) -> Builder:
        labels = {
            "cdconf.project": self._project.name,
            "cdconf.kind": kind.name,
            "cdconf.snapshot": kind.key,
            snapshot_builder.LABEL: self._project.checkout,
        }
        name = f"cdconf-builder-{self._project.name}-{kind.key[:10]}-{self._project.checkout}"
        init = init_of(self._client.images.get(kind.image).attrs)
        options = run_options(Engine.of(self._client.info()), init, stop_signal(example)) | {"network": network}
        return Builder(self._client, kind, kind.image, name, labels, options)

    def _converge(self, work: _Work, examples: dict[Kind, Host]) -> None:
        """Through sessions like any host's, but for another environment and without a place in the run's events."""
        kinds = {work.builders[kind].host.name: kind for kind in work.left}

        def quiet(event: object) -> None:
            if isinstance(event, Notice):
                self._emit(event)

        nowhere = replace(self._environment, name=snapshot_builder.NAME)
        hosts = [work.builders[kind].host for kind in work.left]
        with open_fleet(self._project, nowhere, "snapshot", quiet) as fleet:
            work.fail({kinds[name]: error for name, error in fleet.connect(hosts, lease=True).items()})
            _, errors = fleet.each(
                [work.builders[kind].host for kind in work.left],
                lambda session: work.builders[kinds[session.host.name]].converge(
                    session, self._compiler, examples[kinds[session.host.name]]
                ),
            ).split()
            work.fail({kinds[name]: error for name, error in errors.items()})

    def _tidy(self, kinds: Sequence[Kind]) -> None:
        """Keeps the newest of each kind, and removes what another snapshot has taken the name of."""
        mine = f"cdconf.project={self._project.name}"
        for kind in kinds:
            labels = [mine, f"cdconf.kind={kind.name}"]
            images = self._client.images.list(name=REPOSITORY, filters={"label": labels})
            for image in sorted(images, key=_age)[KEPT:]:
                _remove(self._client, image)
        nameless = {"label": [mine, "cdconf.snapshot"], "dangling": True}
        for image in self._client.images.list(filters=nameless):
            if _age(image) > _LEFT_BEHIND:
                _remove(self._client, image)


class _Work:
    """Steps that are done for several kinds at once; one that fails at a kind is the last one for it."""

    def __init__(self, builders: dict[Kind, Builder], emit: Emit) -> None:
        self.builders = builders
        self.left = list(builders)
        self._emit = emit

    def each(self, step: Callable[[Kind], None]) -> None:
        def attempt(kind: Kind) -> CdconfError | None:
            try:
                with engine_errors():
                    step(kind)
            except CdconfError as error:
                return error
            except OSError as error:
                return ProviderError(str(error))
            return None

        if not self.left:
            return
        pool = ThreadPoolExecutor(max_workers=len(self.left))
        try:
            errors = zip(list(self.left), list(pool.map(attempt, self.left)), strict=True)
        except BaseException:  # Ctrl-C: without their containers, the other threads end at once
            self.remove()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        self.fail({kind: error for kind, error in errors if error is not None})

    def remove(self) -> None:
        """Removes the builders."""
        for builder in self.builders.values():
            builder.remove()

    def fail(self, errors: dict[Kind, CdconfError]) -> None:
        """Says why kinds have no snapshot; an error in the files isn't for them to hide."""
        for kind, error in errors.items():
            if not isinstance(error, (ProviderError, HostFailed, Unreachable)):
                raise error
            self.left.remove(kind)
            text = f"no snapshot of {kind.name}, so its hosts start from the plain image: {error.message}"
            self._emit(Notice("\n".join(filter(None, (text, error.detail))), warning=True))


@engine_errors()
def remove_snapshots(project: Project, emit: Emit) -> list[str]:
    """Removes the project's snapshots; returns their names. Those in use stay, which is said."""
    client = engine()
    removed = []
    for image in client.images.list(filters={"label": [f"cdconf.project={project.name}", "cdconf.snapshot"]}):
        name = image.tags[0] if image.tags else image.short_id
        if _remove(client, image):
            removed.append(name)
        else:
            emit(Notice(f"{name} stays: hosts are made from it", warning=True))
    return removed


def _remove(client: Any, image: Any) -> bool:
    """Removes an image; False when it's in use, or gone already."""
    from docker.errors import APIError

    try:
        for tag in image.tags or [image.id]:
            client.images.remove(tag)
    except APIError:
        return False
    return True


def _age(image: Any) -> timedelta:
    """How long ago an image was made: the engine gives nanoseconds and `Z` (RFC 3339)."""
    made = datetime.fromisoformat(str(image.attrs["Created"])[:19]).replace(tzinfo=UTC)
    return datetime.now(UTC) - made
