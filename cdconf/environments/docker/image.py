"""The images that hosts are made of: plain ones of a distribution with systemd or OpenRC, sshd and a Python added.

An image has its tag only when it's whole. What a killed build leaves is untagged and labelled, and the next build of
the same image removes it.
"""

from __future__ import annotations

import contextlib
import json
import os as system
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from cdconf.environments.docker.pull import Unavailable, check_architecture, present, pull
from cdconf.environments.docker.recipes import Recipe, recipe_for
from cdconf.errors import ProviderError
from cdconf.events import Emit, Step
from cdconf.file_lock import held

LABEL = "cdconf.recipe"
COMMAND = '["/sbin/init"]'


def image_of(os: str, base: str | None = None, image: str | None = None) -> str:
    """The image of a host: the one that the inventory names, or else the one of its `os`.

    Raises:
        ProviderError: There's no recipe for the `os`.
    """
    return image or recipe_for(os).tag(base)


def named_image(engine: Any, image: str, emit: Emit) -> str:
    """Makes sure that the engine has an image that the inventory names; returns its name.

    Raises:
        ProviderError: It can't be pulled, or is for other machines.
    """
    try:
        pull(engine, image, emit)
    except Unavailable as error:
        hint = error.hint or f"bring it here by `docker load`, as {image}, or name one that can be pulled"
        raise ProviderError(f"the image {image} can't be pulled: {error.reason}", hint=hint) from error
    check_architecture(engine, image)
    return image


def ensure_image(engine: Any, os: str, emit: Emit, *, base: str | None = None) -> str:
    """Makes an `os`'s image when it isn't there; returns its tag.

    Of two runs that need it, one waits for the other.

    Args:
        engine: The docker package's client.
        os: As the inventory names systems.
        emit: Gets the steps.
        base: The plain image to start with; by default the recipe's, or for Debian none at all.

    Raises:
        ProviderError: There's no recipe, no registry answers and nothing else can be done, or a step failed.
    """
    recipe = recipe_for(os)
    name = recipe.tag(base)
    if present(engine, name):
        return name
    lock = Path(tempfile.gettempdir()) / f"cdconf-image-{system.getuid()}-{name.replace(':', '-')}.lock"
    waiting = Step(f"waiting for another run that builds the image for {os}")
    with held(lock, ProviderError, lambda: emit(waiting)):
        if not present(engine, name):
            remove_unfinished(engine, name)
            _make(engine, recipe, name, emit, base)
    return name


def _make(engine: Any, recipe: Recipe, name: str, emit: Emit, base: str | None) -> None:
    plain = base or recipe.base
    try:
        pull(engine, plain, emit)
    except Unavailable as error:
        if base is not None or recipe.suite is None:
            raise _unavailable(recipe, error, base) from error
        if shutil.which("mmdebstrap") is None:
            raise ProviderError(
                f"the image for {recipe.os} can't be made: {plain} can't be pulled ({error.reason}), and mmdebstrap, "
                "which could build it, isn't installed",
                hint="apt-get install mmdebstrap, or name an image that can be pulled in `base_images` of hosts.yml",
            ) from error
        emit(Step(f"building the image for {recipe.os} with mmdebstrap (once, about a minute): {plain} isn't at hand"))
        _bootstrap(engine, recipe, name)
        return
    check_architecture(engine, plain)
    emit(Step(f"building the image for {recipe.os} from {plain} (once, about a minute)"))
    _furnish(engine, recipe, name, plain)


def _unavailable(recipe: Recipe, error: Unavailable, base: str | None) -> ProviderError:
    where = "base_images" if base is not None else f"the recipe for {recipe.os}"
    hint = error.hint or (
        f"name one that this engine can pull: `base_images: {{{recipe.os}: REGISTRY/IMAGE}}` in hosts.yml; or bring it "
        f"here by `docker load`, as {error.image}"
    )
    return ProviderError(f"the image {error.image}, which {where} names, can't be pulled: {error.reason}", hint=hint)


def _furnish(engine: Any, recipe: Recipe, name: str, plain: str) -> None:
    """Adds to a plain image what a host needs. The engine tags only what's whole."""
    from docker.utils.build import create_archive

    lines = [
        f"FROM {plain}",
        f"LABEL {LABEL}={name}",  # first, so that what a killed build leaves has it
        "ENV container=docker",
        "USER root",
        f"RUN {json.dumps(['/bin/sh', '-euc', recipe.script])}",  # no shell and no builder changes the script
        "ENTRYPOINT []",
        f"CMD {COMMAND}",
    ]
    context = create_archive(
        root=tempfile.gettempdir(), files=[], extra_files=[("Dockerfile", "\n".join(lines) + "\n")]
    )
    said: list[str] = []
    with contextlib.closing(context):
        for line in _build(engine, context, name):
            said += [text for text in str(line.get("stream", "")).splitlines() if text]
            if "error" in line:
                raise ProviderError(
                    f"the image for {recipe.os} can't be built from {plain}: {line['error'].strip()}",
                    detail="\n".join(said[-15:]),
                    hint="its packages come from where the plain image says; does this machine reach that?",
                )
    if not present(engine, name):
        raise ProviderError(f"the image for {recipe.os} wasn't built", detail="\n".join(said[-15:]))


def _build(engine: Any, context: Any, name: str) -> Iterator[dict[str, Any]]:
    from docker.errors import APIError

    try:
        yield from engine.api.build(
            fileobj=context, custom_context=True, tag=name, rm=True, forcerm=True, nocache=True, decode=True
        )
    except APIError as error:
        yield {"error": str(error.explanation or error)}


def _bootstrap(engine: Any, recipe: Recipe, name: str) -> None:
    """Builds Debian from its packages: a tar that goes straight to the engine, and gets its tag once it was whole."""
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(recipe.family.packages)}", "--quiet"]
    command += [f'--customize-hook=chroot "$1" /bin/sh -euc {shlex.quote(recipe.family.setup)}']
    command += ["--format=tar", str(recipe.suite), "-"]
    changes = [
        f"CMD {COMMAND}",
        "ENV container=docker",
        f"LABEL {LABEL}={name}",
    ]
    with tempfile.TemporaryFile() as errors:
        said = _import(engine, command, changes, errors)
        errors.seek(0)
        log = "\n".join(errors.read().decode("utf-8", "replace").splitlines()[-15:])
    made = None if isinstance(said, ProviderError) else _imported(said)
    if made is None:
        remove_unfinished(engine, name)
        why = f": {said.message}" if isinstance(said, ProviderError) else ""
        raise ProviderError(f"mmdebstrap can't build {recipe.os}{why}", detail=log or str(said))
    repository, _, version = name.partition(":")
    engine.api.tag(made, repository, version)


def _import(engine: Any, command: list[str], changes: list[str], errors: IO[bytes]) -> str | ProviderError:
    """What the engine said of the tar that a command writes; an error when the command failed, whatever it said."""
    from docker.errors import APIError

    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=errors,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # mmdebstrap ends its whole process group when it fails
    ) as process:
        refused = said = ""
        try:
            said = str(engine.api.import_image_from_stream(process.stdout, changes=changes))
        except (APIError, OSError) as error:  # of a tar that ended too early, too (a RequestException is an OSError)
            refused = f"the engine refused it: {getattr(error, 'explanation', None) or error}"
        except BaseException:
            process.terminate()  # it removes what it has made so far
            raise
        if process.stdout is not None:
            process.stdout.close()
    status = f"exit status {process.returncode}" if process.returncode else ""
    return ProviderError("; ".join(filter(None, (status, refused)))) if status or refused else said


def _imported(said: object) -> str | None:
    """The image's id, from what the engine said of an import."""
    for line in str(said).splitlines():
        try:
            status = json.loads(line).get("status", "")
        except (ValueError, AttributeError):
            continue
        if str(status).startswith("sha256:"):
            return str(status)
    return None


def remove_unfinished(engine: Any, name: str | None = None) -> None:
    """Removes what killed builds of an image, or of all, have left, and what nothing needs any more."""
    from docker.errors import APIError

    label = LABEL if name is None else f"{LABEL}={name}"
    for image in engine.images.list(filters={"dangling": True, "label": label}):
        try:
            engine.images.remove(image.id)
        except APIError:
            continue  # a container is made of it, or it's gone already
