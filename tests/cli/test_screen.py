"""What's left on a real terminal's screen: every line that a pipe gets, and nothing of the live display."""

import json
import re

import pytest

from tests.conftest import cdconf, git, write
from tests.terminal import Terminal, wrapped


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """A project that has something to show in every table for which no host is asked."""
    root = write(
        tmp_path_factory.mktemp("offline"),
        {
            "cdconf.yml": """
                project: demo
                groups: {web: [base]}
                apps:
                  app:
                    groups: [web]
                    build: ./build.sh
                    artifact: dist/app-*.tar.gz
                    path: /srv/app
                    services: [app]
            """,
            "inventories/dev/hosts.yml": "hosts:\n"
            + "".join(f"  web{n}: {{address: 192.0.2.{n}, groups: [web]}}\n" for n in range(1, 15)),
            "inventories/prod/hosts.yml": "hosts:\n  web1: {address: 192.0.2.99, groups: [web]}\n",
            "inventories/dev/group_vars/all.yml": "greeting: good morning to everybody who logs in to this machine\n",
            "roles/base/role.yml": """
                variables:
                  greeting: {type: string, default: hello, doc: what to say}
                  unused: {type: string, default: x, doc: nothing reads it}
                resources:
                  - file: /etc/motd
                    content: "{{ greeting }}\\n"
            """,
            "build.sh": """
                #!/bin/sh -e
                mkdir -p dist && echo hello > hello && tar -czf "dist/app-$CDCONF_VERSION.tar.gz" hello
            """,
            ".gitignore": ".cdconf/\nkey/\n",
        },
    )
    (root / "build.sh").chmod(0o755)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    cdconf(root, "build", "app")
    (root / "roles/base/role.yml").write_text((root / "roles/base/role.yml").read_text().replace("motd", "issue"))
    record = {"command": "provision", "environment": "dev", "duration_s": 2.5, "exit_code": 0, "user": "somebody"}
    record["detail"] = "a detail that makes this row wider than eighty columns"
    lines = [json.dumps(record | {"id": f"{at:012x}-aa", "started_at": at}) + "\n" for at in range(1, 9)]
    (root / ".cdconf/history.jsonl").write_text("".join(lines))
    return root


VERBS = [
    ["history"],
    ["environments"],
    ["vars", "dev", "web1"],
    ["vars", "dev", "web1", "--explain"],
    ["lint"],
    ["lint", "--strict"],
    ["parity", "dev", "prod", "--desired-only"],
    ["plan", "dev", "--from", "HEAD", "--to", "."],
    ["artifact", "list"],
    ["key", "trusted"],
    ["facts", "dev", "--offline"],
    ["schema"],
    ["completion", "bash"],
    ["vars", "nosuch", "web1"],
]


@pytest.mark.parametrize("columns", [80, 130])
@pytest.mark.parametrize("arguments", VERBS, ids=" ".join)
def test_the_screen_shows_what_a_pipe_gets(offline, arguments, columns):
    plain = cdconf(offline, *arguments)
    terminal = Terminal(offline, *arguments, columns=columns)
    assert terminal.end() == plain.returncode
    out, err = ([line for line in wrapped(stream, columns) if line] for stream in (plain.stdout, plain.stderr))
    assert out + err
    shown = [line for line in terminal.lines() if line]
    assert sorted(shown) == sorted(out + err)
    assert [line for line in shown if line not in err] == [line for line in out if line not in err]


def test_a_table_that_comes_while_the_display_lives_stays_whole(tmp_path):
    """What hosts say, tables and events come by turns, while the display is drawn all the time."""
    folder = write(
        tmp_path,
        {
            "show.py": """
                import sys, threading, time
                import click
                from cdconf.cli.show import tables
                from cdconf.events import HostDone, HostStep, Notice, RunResult, RunStarted
                from cdconf.render import Style, make_renderer
                from cdconf.render.outlet import open_outlets

                open_outlets()
                renderer = make_renderer(Style(), str)
                renderer(RunStarted("run", "dev", tuple(f"host{n}" for n in range(30))))
                for turn in range(6):
                    for n in range(30):
                        renderer(HostStep(f"host{n}", "something that takes long " * 8))
                    time.sleep(0.3)  # the display is there
                    tables.show(["turn", "row"], [[str(turn), str(row)] for row in range(3)])
                    renderer(Notice(f"notice {turn}"))
                    print(f"said {turn}", file=sys.stderr)
                    sys.stdout.buffer.write(f"bytes {turn}\\n".encode())
                    sys.stdout.buffer.flush()
                click.echo("no line end", nl=False)
                time.sleep(0.5)
                click.echo(" until now")
                renderer.finish(RunResult("status", "dev", {}))
            """
        },
    )
    terminal = Terminal(folder, program=["show.py"])
    assert terminal.end() == 0
    wanted = []
    for turn in range(6):
        wanted += ["turn  row", *(f"{turn}     {row}" for row in range(3))]
        wanted += [f"notice {turn}", f"said {turn}", f"bytes {turn}"]
    assert terminal.lines() == [*wanted, "no line end until now"]


def test_on_a_narrow_terminal_the_times_stay(tmp_path):
    folder = write(
        tmp_path,
        {
            "show.py": """
                from cdconf.events import HostStep, RunResult, RunStarted, Step
                from cdconf.render import Style, make_renderer
                from cdconf.render.outlet import open_outlets

                open_outlets()
                renderer = make_renderer(Style(), str)
                renderer(RunStarted("provision", "dev", ("web1",)))
                renderer(Step("a step of the run with a name that takes more than eighty columns, " * 2))
                renderer(HostStep("web1", "package " + "x" * 100))
                input()
                renderer.finish(RunResult("provision", "dev", {}))
            """
        },
    )
    terminal = Terminal(folder, program=["show.py"], columns=80)
    terminal.until("2 s · a step of the run")
    seen = terminal.text()
    terminal.type("\n")
    assert terminal.end() == 0
    assert re.search(r"web1 +ok=0 changed=0 +[12] s +package x+", seen), seen
