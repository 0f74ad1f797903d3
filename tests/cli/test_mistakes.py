"""Command lines that can't be read: what was meant is told, and never an option that changes more."""

import importlib
import shlex

import click
import pytest

from cdconf.cli.main import VERBS, group
from cdconf.cli.mistakes import MEANT, WIDER, hint_for, in_order
from cdconf.errors import NoEnvironment

ENVIRONMENTS = ("production", "staging")
# Those that change nothing more than the command does without them.
NARROWER_WORDS = """
    --app --at --branch --check --commit --copy-of --desired-only --diff --dry-run --env --environment --events --every
    --expires --explain --extra --failed --fixes --follow --forks --from --host --html --json --junit --keep
    --keep-failed --key --kind --length --limit --lines --live --log --markdown --max-age --name --no-code --no-diff
    --not-failed --note --office --offices --offline --only --os --out --plan --playbook-dir --policy --project
    --provider --reason --recipient --remote --role --sarif --scale --since --stage --stdin --strict --svg --textfile
    --timeout --tty --ttl --unit --until --user --vault-password-file --verbose --version --watch --who --why
    --also --applied --json-file --prometheus --nagios --quiet --look-only --run --within --target --tls-cert --tls-key
"""
NARROWER = frozenset(NARROWER_WORDS.split())
FOREIGN_WORDS = """
    --force --auto-approve --approve --yes-really --assume-yes --confirm --no-confirm --purge --prune-orphans --delete
    --destroy --replace --overwrite --upgrade --reset --clean --all-hosts --everything --unsafe --insecure --skip-checks
    --no-verify --no-health --ignore --ignore-errors --continue --retry --resume-from --rollback --unlock --steal
    --accept --accept-keys --new-host-keys --no-host-key-checking --forks-max --become --sudo --ask-pass --tags
    --skip-tags --dry-run --noop --inventory --vault-id --target --refresh --detach --quiet --silent --output
"""
FOREIGN = FOREIGN_WORDS.split()


def commands():
    def below(command, path):
        yield path, command
        if isinstance(command, click.Group):
            with click.Context(command) as ctx:
                for name in command.list_commands(ctx):
                    yield from below(command.get_command(ctx, name), (*path, name))

    for verb, (module, _) in VERBS.items():
        yield from below(importlib.import_module(f"cdconf.cli.verbs.{module}").command, (verb,))


COMMANDS = dict(commands())


def options(command):
    found = [one for one in command.params if isinstance(one, click.Option)]
    return [name for one in found for name in (*one.opts, *one.secondary_opts) if name.startswith("--")]


def hint(line, environments=ENVIRONMENTS):
    """The hint for a command line."""
    words = shlex.split(line)
    try:
        group.main(words, prog_name="cdconf", standalone_mode=False)
    except click.UsageError as error:
        return hint_for(error, words, environments)
    raise AssertionError(f"{line} can be read")


def mistyped(path, word):
    error = click.NoSuchOption(word, ctx=click.Context(COMMANDS[path], info_name=path[-1], parent=click.Context(group)))
    return hint_for(error, [*path, word], ENVIRONMENTS) or ""


def offered(text):
    """The options that a hint names."""
    return {word for word in text.replace("'", " ").replace("`", " ").replace("?", " ").split() if word[:2] == "--"}


def test_each_option_is_known_to_change_more_or_not():
    known = {name for command in COMMANDS.values() for name in options(command)}
    assert known - NARROWER - WIDER == set(), "say of a new option whether it changes more"
    assert not NARROWER & WIDER
    assert known >= WIDER


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_no_option_is_offered_that_changes_more_than_what_was_typed(path):
    for word in (*FOREIGN, *MEANT):
        if word not in options(COMMANDS[path]):
            assert not offered(mistyped(path, word)) & (WIDER - {"--to"}), word


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_one_wrong_letter_is_seen_through(path):
    known = options(COMMANDS[path])
    for name in known:
        for word in (name[:-1] if len(name) > 6 else name + name[-1], name[:4] + name[5:], name + "s"):
            if word in known or word in MEANT or len(name) < 6:
                continue
            assert offered(mistyped(path, word)) <= set(known) | {"--"}, word
    long = [name for name in known if len(name) > 8]
    assert all(
        offered(mistyped(path, name[:5] + name[6:])) == {name} for name in long if name[:5] + name[6:] not in known
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("provision staging --dry-run", "did you mean '--check'?"),
        ("plan staging --dry-run", "`cdconf plan` changes nothing on any host: leave the option out"),
        ("deploy app --to staging --dry-run", "did you mean '--check'?"),
        ("rollback staging --dry-run", "`cdconf plan ENV` shows what `cdconf provision ENV` would change"),
        ("plan staging --tags web", "did you mean '--role'?"),
        ("provision staging --hosts web1", "did you mean '--limit'?"),
        ("provision staging --extra-vars a=b", "did you mean '--extra'?"),
        ("provision staging --lmit web1", "did you mean '--limit'?"),
        ("provision staging --prun", "did you mean '--prune'?"),
        ("--json plan staging", "options stand behind the command: `cdconf plan staging --json`"),
        ("-v provision staging", "options stand behind the command: `cdconf provision staging -v`"),
        ("--limit web1 status", "options stand behind the command: `cdconf status --limit web1`"),
        ("--verson", "did you mean '--version'?"),
        ("plan -i staging", "the environment is an argument: `cdconf plan ENV`"),
        ("status --environment staging", "the environment is an argument: `cdconf status ENV`"),
        ("parity --env staging production", "the environment is an argument: `cdconf parity ENV ENV`"),
        ("deploy app --environment staging", "the environment is named by --to"),
        ("plan --env", "there are: production, staging"),
        ("deploy app --to", "there are: production, staging"),
        ("toggle app dark on staging", "the environment is named by --env"),
        ("deploy notes staging", "the environment is named by --to: `cdconf deploy notes --to staging`"),
        ("drift", "there are: production, staging"),
        ("provision staging app1", "hosts and groups are named by --limit: `cdconf provision staging --limit app1`"),
        ("plan staging web1 web2", "`cdconf plan staging --limit web1,web2`"),
        ("run staging ls -la", "what belongs to the command goes behind `--`"),
    ],
)
def test_what_was_meant_is_told(line, said):
    assert said in (hint(line) or "")


@pytest.mark.parametrize("line", ["provision staging --force", "destroy staging --force", "plan staging --quux"])
def test_nothing_is_told_where_nothing_is_known(line):
    assert hint(line) is None


def test_without_a_project_no_environment_is_named():
    assert hint("drift", ()) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("rollback notes staging", "the environment comes first: `cdconf rollback staging notes`"),
        ("rollback notes --to staging", "the environment comes first: `cdconf rollback staging notes`"),
        ("rollback notes --to 1.2", None),
        ("rollback notes", None),
        ("smoke web --limit staging", None),
    ],
)
def test_an_environment_in_the_wrong_place(line, said):
    words = line.split()
    assert in_order(NoEnvironment(words[1]), words, ENVIRONMENTS) == said
