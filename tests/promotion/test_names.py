"""A name that nobody knows, in any verb of promotion: the nearest one is named, or what there is."""

from tests.conftest import cdconf

STAGES = "there are: acceptance, manual, release"
CASES = {
    "procedure nosuch": "there are: app",
    "procedure ap": "did you mean 'app'?",
    "gates nosuch --to production": "there are: app",
    "gates app@9 --to production": "did you mean 'app@",
    "gates ap@1 --to production": "did you mean 'app@1'?",
    "gates nosuch@77 --to production": "the newest: app@2, app@1",
    "gates deadbeef00 --to production": "the newest: app@2, app@1",
    "gates app@1 --to nosuch": "there are: production, staging",
    "gates app@1 --to prodction": "did you mean 'production'?",
    "deploy app@1 --to staging --stage nosuch": STAGES,
    "pipeline stop nosuch --note because": "there are: app",
    "pipeline stop app@ --note because": "did you mean 'app@",
    "pipeline stop app --note because --office nosuch": (
        "there are: stage:acceptance, stage:manual, stage:release, approve, override"
    ),
    "pipeline stop app --note because --office manual": "did you mean 'stage:manual'?",
    "pipeline stop app --note because --office stage:manul": "did you mean 'stage:manual'?",
    "pipeline resume nosuch --note because": "there are: app",
    "key new --office overide": "did you mean 'override'?",
    "key new --office manual": "did you mean 'stage:manual'?",
    "key show --office stage:manul": "cdconf.yml has no stage 'manul': did you mean 'manual'?",
    "key show --office stage:nosuch": f"cdconf.yml has no stage 'nosuch': {STAGES}",
    "key list --office stage:nosuch": f"cdconf.yml has no stage 'nosuch': {STAGES}",
    "key revoke --office stage:manul SHA256:abcdefgh": "cdconf.yml has no stage 'manul': did you mean 'manual'?",
    "artifact add nosuch cdconf.yml --version 1": "there are: app",
    "build nosuch": "there are: app",
}


def test_each_says_what_there_is(world):
    found = {line: cdconf(world.root, *line.split()) for line in CASES}
    wrong = {line: done.stderr for line, done in found.items() if CASES[line] not in done.stderr}
    assert wrong == {}
    assert {done.returncode for line, done in found.items() if not line.startswith("key list")} == {1}
