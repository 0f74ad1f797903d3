"""What a run says of clocks that differ: of each host and store once, and what the history keeps."""

import json

from cdconf.cli.context import run_of
from cdconf.events import ClocksSeen, HostLeased, Leased

HOUR = {"web1": 3600.0, "web2": 3600.2}


def told(project, capsys, *events):
    flags = {"directory": str(project)}
    with run_of("provision", "dev", flags) as run:
        for event in events:
            run.emit(event)
    (record,) = map(json.loads, (project / ".cdconf/history.jsonl").read_text().splitlines()[-1:])
    return [line for line in capsys.readouterr().err.splitlines() if "clocks differ" in line], record


def test_each_clock_is_said_once_and_the_history_keeps_the_difference(project, capsys):
    lines, record = told(
        project,
        capsys,
        ClocksSeen("host", HOUR),
        Leased("r1"),
        HostLeased("web1", 10),
        HostLeased("web1", 12),  # it was rebooted
        ClocksSeen("host", HOUR | {"web3": 0.0}),
        ClocksSeen("store", {"the artifact store": 3599.0}),
        ClocksSeen("store", {"the artifact store": 3598.0}),
    )
    assert [line.partition(") is ")[2] for line in lines] == [
        "60 min behind web1's and web2's",
        "60 min behind the artifact store's",
    ]
    assert all(line.startswith("warning: ") for line in lines)
    assert (record["fences"], record["clock_difference_s"]) == ({"web1": 12}, 3600.0)


def test_clocks_that_agree_are_not_worth_a_word(project, capsys):
    lines, record = told(project, capsys, ClocksSeen("host", {"web1": 29.0}))
    assert lines == []
    assert record["clock_difference_s"] == 29.0
    lines, record = told(project, capsys, ClocksSeen("host", {"web1": 0.0}))
    assert "clock_difference_s" not in record
    assert "fences" not in record
