"""Images that come from elsewhere: pulled unless the engine has them, and of the engine's architecture."""

from __future__ import annotations

from typing import Any

from cdconf.errors import ProviderError
from cdconf.events import Emit, Step

# What registries say of an image that they don't have, or not for everyone. A registry that says so has answered.
_UNKNOWN = ("not found", "manifest unknown", "name unknown", "access denied", "does not exist", "repository name")
_OTHER_MACHINE = ("no matching manifest", "does not match the specified platform", "no match for platform")


class Unavailable(Exception):
    """An image that isn't here and can't be pulled: why, and what to do when that's known."""

    def __init__(self, image: str, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.image = image
        self.reason = reason
        self.hint = hint


def present(engine: Any, image: str) -> bool:
    """Whether the engine has an image."""
    from docker.errors import ImageNotFound

    try:
        engine.images.get(image)
    except ImageNotFound:
        return False
    return True


def pull(engine: Any, image: str, emit: Emit) -> None:
    """Pulls an image that the engine doesn't have.

    Args:
        engine: The docker package's client; credentials are those of `docker login`.
        image: Its name, with a tag or a digest; `latest` when it has neither.
        emit: Gets the step.

    Raises:
        Unavailable: No registry answers, or the registry doesn't have it.
    """
    from docker.errors import APIError

    if present(engine, image):
        return
    emit(Step(f"pulling {image}"))
    tagged = "@" in image or ":" in image.rpartition("/")[2]
    try:
        for line in engine.api.pull(image if tagged else f"{image}:latest", stream=True, decode=True):
            if "error" in line:
                raise Unavailable(image, *_why(image, line["error"]))
    except APIError as error:
        raise Unavailable(image, *_why(image, str(error.explanation or error))) from error
    except OSError as error:  # of the connection to the engine (a RequestException is one)
        raise Unavailable(image, *_why(image, str(error))) from error


def _why(image: str, said: str) -> tuple[str, str | None]:
    reason = " ".join(said.split())
    if any(words in reason for words in _OTHER_MACHINE):
        return reason, f"{image} isn't made for this engine's architecture; name one that is"
    if any(words in reason.lower() for words in _UNKNOWN):
        return reason, f"is {image} spelt right? A registry with a login needs `docker login` before"
    return reason, None


def check_architecture(engine: Any, image: str) -> None:
    """Refuses an image of another architecture than the engine's: its programs don't run, or only by emulation.

    Raises:
        ProviderError: It's one.
    """
    made_for = str(engine.images.get(image).attrs.get("Architecture") or "")
    here = str(engine.version().get("Arch") or "")
    if made_for and here and made_for != here:
        raise ProviderError(
            f"the image {image} is made for {made_for}, and this engine's machine is {here}",
            hint=f"`docker pull --platform linux/{here} {image}`, or name another image",
        )
