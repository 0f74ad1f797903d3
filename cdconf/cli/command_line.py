"""What a command line shows of secrets, to every user of the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cdconf.events import Notice


def exposed(mask: Callable[[str], str], words: Sequence[str]) -> Iterator[Notice]:
    """A warning, if a run's own arguments have shown a secret.

    Args:
        mask: Takes secrets out of a text; it knows all that the run has read.
        words: The arguments.
    """
    shown = [masked for word in words if (masked := mask(word)) != word]
    if shown:
        text = f"the command line shows a secret (`{'`, `'.join(shown)}`): every user of this machine could read it"
        instead = (
            "`-e NAME=@FILE` reads a file, `cdconf secret set` and the sources of docs/guides/secrets.md need none"
        )
        yield Notice(f"{text}, and the shell's history keeps it; {instead}. Give it a new value", warning=True)
