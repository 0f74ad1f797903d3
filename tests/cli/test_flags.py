"""The options of every verb find their place in what runs are given."""

import dataclasses
import inspect
import re
import sys

import click
import pytest

from cdconf.cli.flags import Flags, flags_of
from cdconf.cli.main import group


def verbs(command, words=()):
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from verbs(command.get_command(context, name), (*words, name))
    if command.callback is not None:
        yield pytest.param(command, id=" ".join(words) or "cdconf")


def kind_of(function):
    """The class of which a verb makes its flags; runs do it where it doesn't."""
    found = re.search(r"= (\w*Flags)\(\*\*given\)", inspect.getsource(function))
    return getattr(sys.modules[function.__module__], found[1]) if found else Flags


@pytest.mark.parametrize("verb", list(verbs(group)))
def test_each_option_of_a_verb_is_a_field_of_its_flags(verb):
    function = inspect.unwrap(verb.callback)
    parameters = inspect.signature(function).parameters
    if not any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return
    options = {one.name for one in verb.params if one.expose_value and one.name not in parameters}
    assert options <= {one.name for one in dataclasses.fields(kind_of(function))}


def test_a_verb_without_an_option_has_its_default():
    found = flags_of({"directory": "x", "as_json": True})
    assert (found.directory, found.as_json, found.limit, found.forks) == ("x", True, None, 32)
    assert flags_of(found) is found
    with pytest.raises(TypeError, match="limits"):
        flags_of({"limits": "x"})
