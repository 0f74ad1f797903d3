"""Every verb that is about an environment takes `--env`, beside the form that it always had."""

import importlib

import click
import pytest

from cdconf.cli.main import VERBS, group
from cdconf.errors import UsageError
from tests.conftest import write

OTHERS = {("parity",), ("pipeline", "command")}  # about two environments, and about what was deployed to


def leaves():
    def below(command, path):
        if isinstance(command, click.Group):
            with click.Context(command) as ctx:
                for name in command.list_commands(ctx):
                    yield from below(command.get_command(ctx, name), (*path, name))
        else:
            yield path, command

    for verb, (module, _) in VERBS.items():
        yield from below(importlib.import_module(f"cdconf.cli.verbs.{module}").command, (verb,))


LEAVES = dict(leaves())


def place(command):
    """What names its environment."""
    found = [one for one in command.params if "ENV" in (one.metavar or "").strip("[]").split("|")]
    return next((one for one in found if one.name in ("environment", "what")), None)


def is_about_one(path, command):
    return place(command) is not None and path not in OTHERS


NAMED = {path: command for path, command in LEAVES.items() if is_about_one(path, command)}


@pytest.fixture
def here(tmp_path, monkeypatch):
    files = {"cdconf.yml": "project: demo\ngroups: {web: []}\n"}
    files |= {f"inventories/{name}/hosts.yml": "hosts: {}\n" for name in ("production", "staging")}
    monkeypatch.chdir(write(tmp_path, files))


def read(path, *words):
    """A verb's parameters for a command line: nothing is run."""
    command = LEAVES[path]
    parent = click.Context(group, info_name="cdconf")
    return command.make_context(path[-1], list(words), parent=parent).params


def environment_of(params):
    return params["environment"] if "environment" in params else params["what"]


def others(path):
    """Words that a verb needs beside its environment: behind it, or before its option."""
    arguments = [one for one in NAMED[path].params if isinstance(one, click.Argument)]
    needed = [one for one in arguments if one.name not in ("environment", "what") and (one.required or one.nargs == 1)]
    words = ["--", "uptime", "-p"] if any(one.nargs != 1 and one.required for one in arguments) else []
    single = [one for one in needed if one.nargs == 1]
    return [one.type.choices[0] if isinstance(one.type, click.Choice) else "a-word" for one in single], words


def required_options(path):
    given = {"--run": "drift", "--until": "2027-01-01", "--reason": "known", "--recipient": "age1x", "--revoke": "x"}
    found = [one for one in NAMED[path].params if isinstance(one, click.Option) and one.required]
    return [word for one in found if one.name != "environment" for word in (one.opts[0], given.get(one.opts[0], "x"))]


def test_which_verbs_are_about_an_environment():
    assert len(NAMED) > 30
    assert {("plan",), ("provision",), ("deploy",), ("toggle",), ("lock", "take"), ("history", "show")} <= NAMED.keys()


@pytest.mark.parametrize("path", NAMED, ids=" ".join)
def test_each_takes_env(here, path):
    words, command = others(path)
    params = read(path, *required_options(path), "--env", "staging", *words, *command)
    assert environment_of(params) == "staging"
    if "words" in params and command:
        assert params["words"] == ("uptime", "-p")
    assert [params[name] for name in params if params[name] == "a-word"] == ["a-word"] * words.count("a-word")


@pytest.mark.parametrize("path", NAMED, ids=" ".join)
def test_each_takes_its_own_form_and_both_forms_when_they_agree(here, path):
    words, command = others(path)
    options = required_options(path)
    is_word = isinstance(place(NAMED[path]), click.Argument)
    own = ["staging", *words] if is_word else [*words, "--to", "staging"]
    assert environment_of(read(path, *options, *own, *command)) == "staging"
    assert environment_of(read(path, *options, "--env", "staging", *own, *command)) == "staging"
    assert environment_of(read(path, *options, "--env=staging", *own, "--env", "staging", *command)) == "staging"


@pytest.mark.parametrize("path", NAMED, ids=" ".join)
def test_each_refuses_two_that_differ(here, path):
    words, command = others(path)
    options = required_options(path)
    is_word = isinstance(place(NAMED[path]), click.Argument)
    own = ["production", *words] if is_word else [*words, "--to", "production"]
    for line in ((*own, "--env", "staging"), ("--env", "staging", *own), ("--env", "production", "--env", "staging")):
        rest = words if line[0] == "--env" and line[2] == "--env" else ()
        with pytest.raises(UsageError) as caught:
            read(path, *options, *line, *rest, *command)
        assert caught.value.message.startswith("different environments are named: '")
        assert {"'production'", "'staging'"} <= set(caught.value.message.split())


def test_the_words_behind_it_keep_their_meaning(here):
    assert read(("rollback",), "--env", "staging", "shop")["app"] == "shop"
    assert read(("rollback",), "shop", "--env", "staging")["app"] == "shop"
    assert read(("rollback",), "staging", "shop", "--env", "staging", "--to", "1.4") == {
        **read(("rollback",), "staging", "shop"),
        "version": "1.4",
    }
    assert read(("run",), "--env", "staging", "--", "ls", "--env", "x")["words"] == ("ls", "--env", "x")
    assert read(("ssh",), "--env", "staging", "web1", "--", "ls")["host"] == "web1"
    assert read(("ssh",), "--env", "staging", "web1")["words"] == ()
    assert read(("waiver", "remove"), "--env", "staging")["host"] is None


@pytest.mark.parametrize(
    ("path", "words", "message"),
    [
        (("ssh",), ("--env", "staging"), "Missing argument 'HOST'"),
        (("run",), ("--env", "staging"), "Missing argument '-- CMD...'"),
        (("rollback",), ("--env",), "Option '--env' requires an argument"),
        (("deploy",), ("shop",), "Missing option '--to' / '--env'"),
        (("plan",), (), "Missing argument 'ENV'"),
        (("vars",), ("--env", "staging", "web1", "web2"), "different environments are named: 'web1' and 'staging'"),
    ],
)
def test_what_is_missing_or_too_much_is_told(here, path, words, message):
    with pytest.raises((click.UsageError, UsageError)) as caught:
        read(path, *words)
    error = caught.value
    assert message in (error.format_message() if isinstance(error, click.UsageError) else error.message)


def test_without_it_nothing_has_changed(here):
    assert read(("parity",), "staging", "production")["other"] == "production"
    assert (
        read(
            ("provision",),
        )["environment"]
        is None
    )
    assert read(("toggle",), "shop")["environment"] is None
    assert read(("plan",), "staging", "--from", "a", "--to", "b")["to"] == "b"
