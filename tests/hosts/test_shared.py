"""Shared paths, room and housekeeping on real hosts."""

import textwrap

import pytest

from tests.hosts.switchable import switchable

pytestmark = pytest.mark.hosts
TINY = """\
  tiny:
    groups: [web]
    build: ./build.sh
    artifact: dist/app-*.tar.gz
    path: /srv/tiny
    confirm_within: 0
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with switchable(tmp_path_factory.mktemp("shared"), "e2eshared", textwrap.indent(TINY, " " * 4)) as one:
        one.newer()
        one("deploy", "app", "--to", "dev")
        yield one


@pytest.fixture
def live(world):
    world("drift", "dev")
    return world


@pytest.fixture
def cdconf_yml(live):
    """cdconf.yml, put back at the end."""
    file = live.root / "cdconf.yml"
    text = file.read_text()
    yield file
    file.write_text(text)


def releases(live, host="web1"):
    return sorted(live.on(host, "ls /srv/app/releases").split())


def test_what_the_app_keeps_outlives_its_releases(live):
    first = live.on("web1", "cat /srv/app/current/VERSION")
    live.on("web1", "curl -fsS http://127.0.0.1:8000/upload")
    second = live.newer()
    live("deploy", "app", "--to", "dev")
    live.on("web1", "curl -fsS http://127.0.0.1:8000/upload")
    assert live.on("web1", "cat /srv/app/shared/uploads/received").split() == [first, second]
    assert live.on("web1", "cat /srv/app/current/config/local.ini") == "[local]"
    assert live.on("web1", "test -s /srv/app/shared/var/log/access && echo yes") == "yes"
    live("drift", "dev")
    live("rollback", "dev", "app")
    assert live.on("web1", "cat /srv/app/current/uploads/received").split() == [first, second]
    live("deploy", "app", "--to", "dev")


def test_shared_is_the_apps_and_releases_are_roots(live):
    owners = live.on("web2", "cd /srv/app/shared; stat -c '%n %U:%G %a' uploads var var/log config")
    assert owners.splitlines() == [
        "uploads shop:shop 750",
        "var root:root 755",
        "var/log shop:shop 750",
        "config root:root 755",
    ]
    wrong = "find /srv/app/releases ! -type l '(' ! -user root -o -perm /022 ')'"
    assert live.on("web2", wrong) == ""
    refused = live.on("web2", "su -s /bin/sh shop -c 'echo x > /srv/app/current/serve.py || echo refused' 2>/dev/null")
    assert refused == "refused"


def test_a_link_that_was_removed_or_led_elsewhere_is_drift_and_the_same_deploy_puts_it_back(live):
    live.on("web1", "cd /srv/app/current; rm uploads; ln -sfn /etc var/log")
    (found,) = live.document("drift", "dev", code=2)["hosts"]["web1"]["resources"]
    assert sorted(found["diff"].splitlines()) == ["changed: var/log", "missing: uploads"]
    assert live.document("deploy", "app", "--to", "dev")["hosts_touched"] == ["web1"]
    assert live.on("web1", "readlink -f /srv/app/current/var/log") == "/srv/app/shared/var/log"
    live("drift", "dev")


@pytest.mark.parametrize(
    "tamper",
    [
        "cp -a $(realpath /srv/app/current) /srv/app/releases/9-moved; ln -sfn releases/9-moved /srv/app/current",
        "echo '# mine' >> /srv/app/current/serve.py",
        "rm /srv/app/current/uploads; ln -s /tmp /srv/app/current/uploads",
        "systemctl stop app",
    ],
    ids=["current", "file", "link", "service"],
)
def test_each_finding_about_a_release_ends_with_the_command_that_repairs_it(live, tamper):
    live.on("web1", tamper)
    found = live.document("drift", "dev", code=2)["hosts"]["web1"]["resources"]
    repair = {one["repair"] for one in found if one["type"] == "release"}.pop()
    assert repair.startswith("`cdconf deploy app@")
    live(*repair.strip("`").split()[1:])
    live.on("web1", "rm -rf /srv/app/releases/9-moved")
    live("drift", "dev")


GONE = "cd /srv/app; ln -sfn /etc current/var/log; rm -r shared/uploads shared/config/local.ini"


def test_a_link_that_leads_elsewhere_and_shared_paths_that_are_gone_are_put_back_by_drift_fix(live):
    live.on("web1", GONE)
    gone = [f"missing: /srv/app/shared/{one}" for one in ("config/local.ini", "uploads")]
    for options in ([], ["--applied"]):
        found = live.document("drift", "dev", *options, code=2)["hosts"]["web1"]["resources"]
        release = {one["type"]: one for one in found}["release"]
        assert (release["cause"], sorted(release["diff"].splitlines())) == ("by_hand", ["changed: var/log", *gone])
    mended = live.document("drift", "dev", "--fix")["fix"]["mended"]
    assert {one["type"] for one in mended} == {"file", "release"}
    assert live.on("web1", "cat /srv/app/current/config/local.ini; stat -Lc %U /srv/app/current/uploads") == (
        "[local]\nshop"
    )
    live("drift", "dev")


@pytest.mark.parametrize(
    ("place", "away"),
    [
        ("/srv/app/current/var/log", "/srv/app/var-log.away"),
        ("/srv/app/shared/uploads", "/srv/app/shared/uploads.away"),
    ],
)
def test_what_somebody_has_put_in_a_shared_paths_place_is_left_with_the_commands(live, place, away):
    """What somebody has put there may be precious: it outlives the release that is deployed again."""
    live.on("web1", f"rm -r {place}; echo precious > {place}")
    (found,) = live.document("drift", "dev", "--applied", code=2)["hosts"]["web1"]["resources"]
    assert found["diff"] == f"replaced: {place.removeprefix('/srv/app/current/')}\n"
    (left,) = live.document("drift", "dev", "--fix", code=2)["fix"]["left"]
    assert left["why"] == f"something else is in the place of what is shared: {place}"
    assert left["repair"] == found["repair"]
    move, _, deploy = left["repair"].partition("; then ")
    live.on("web1", move.strip("`"))
    live(*deploy.strip("`").split()[1:])
    assert live.on("web1", f"cat {away}; rm {away}") == "precious"
    live("drift", "dev")


def test_a_directory_with_content_in_a_links_place_isnt_lost(live):
    live.on("web1", "cd /srv/app/current; rm uploads; mkdir uploads; echo x > uploads/precious")
    result = live("deploy", "app", "--to", "dev", code=1)
    assert "move what's in it to '/srv/app/shared/uploads', and remove it" in result.stderr
    assert "no host was touched" in result.stderr
    assert live.on("web1", "cat /srv/app/current/uploads/precious") == "x"
    live.on("web1", "rm -r /srv/app/current/uploads")
    live("deploy", "app", "--to", "dev")


def test_another_list_of_shared_paths_comes_with_the_next_deployment_of_the_same_version(live, cdconf_yml):
    cdconf_yml.write_text(cdconf_yml.read_text().replace("[uploads, var/log]", "[uploads, var/log, cache]"))
    live("drift", "dev", "--applied")
    document = live.document("drift", "dev", "--fix", code=2)
    found = {one["title"]: one for one in document["hosts"]["web1"]["resources"]}["app"]
    was, wanted = "config/local.ini, uploads, var/log", "cache, config/local.ini, uploads, var/log"
    assert (found["cause"], found["diff"]) == ("not_applied", f"shared: {was} -> {wanted}\n")
    why = "cdconf.yml has other shared paths than were deployed"
    assert {(one["host"], one["why"]) for one in document["fix"]["left"]} == {("web1", why), ("web2", why)}
    assert "other shared paths" in live("deploy", "app", "--to", "dev").stderr
    assert live.on("web2", "stat -Lc %U /srv/app/current/cache") == "shop"
    cdconf_yml.write_text(cdconf_yml.read_text().replace(", cache]", "]"))
    live("deploy", "app", "--to", "dev")
    assert live.on("web2", "ls -d /srv/app/current/cache 2>/dev/null; ls -d /srv/app/shared/cache") == (
        "/srv/app/shared/cache"
    )
    live("drift", "dev")


def test_an_artifact_with_something_at_a_shared_place_is_refused_before_anything_changes(live):
    before = releases(live)
    build = live.root / "build.sh"
    text = build.read_text()
    build.write_text(text.replace("tar -C", "mkdir -p out/app/uploads && touch out/app/uploads/.keep\ntar -C"))
    live.newer()
    try:
        result = live("deploy", "app", "--to", "dev", code=1)
    finally:
        build.write_text(text)
    assert "has 'uploads' of its own, where app 'app' shares 'uploads'" in result.stderr
    assert "cdconf.yml:" in result.stderr
    assert releases(live) == before
    live.newer()
    live("deploy", "app", "--to", "dev")


def test_a_shared_file_that_is_missing_ends_a_deployment_before_anything_changes(live):
    before = releases(live, "web1"), releases(live, "web2")
    live.on("web2", "mv /srv/app/shared/config/local.ini /tmp/")
    live.newer()
    try:
        result = live("deploy", "app", "--to", "dev", code=1)
    finally:
        live.on("web2", "mv /tmp/local.ini /srv/app/shared/config/")
    assert "web2: the shared file '/srv/app/shared/config/local.ini' isn't there" in result.stderr
    assert (releases(live, "web1"), releases(live, "web2")) == before
    live("deploy", "app", "--to", "dev")


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("size=12m", r"no room: /srv/tiny has 12.6 MB free, and the release needs "),
        ("size=60m,nr_inodes=6", r"no room: /srv/tiny has 5 inodes free, and the release needs "),
    ],
)
def test_a_full_disk_on_one_host_is_found_before_anything_changes_on_any(live, limit, message):
    live.newer()
    live("build", "tiny")
    live.on("web2", f"mkdir -p /srv/tiny && mount -t tmpfs -o {limit} tmpfs /srv/tiny")
    try:
        document = live.document("deploy", "tiny", "--to", "dev", code=1)
        assert message in document["error"]["message"]
        assert "MB" in document["error"]["message"] or "inodes" in document["error"]["message"]
        assert "(no host was touched)" in document["error"]["message"]
        assert document["hosts"]["web2"]["status"] == "failed"
        assert document["hosts"]["web1"]["status"] == "not_attempted"
        assert live.on("web1", "ls /srv/tiny 2>/dev/null") == live.on("web2", "ls -A /srv/tiny") == ""
        live.on("web2", "mount -o remount,size=60m,nr_inodes=10000 /srv/tiny")
        live("deploy", "tiny", "--to", "dev")  # an interruption, which pins nothing
    finally:
        live.on("web2", "umount -l /srv/tiny; rm -rf /srv/tiny")
        live.on("web1", "rm -rf /srv/tiny")
        for host in ("web1", "web2"):
            live.on(host, 'python3 -c "' + FORGET + '"')


FORGET = (
    "import json; p = '/var/lib/cdconf/e2eshared/ledger.json'; d = json.load(open(p)); d.pop('tiny', None); "
    "json.dump(d, open(p, 'w'))"
)


def test_cleaning_spares_a_release_in_which_a_process_still_works(live):
    old = live.on("web1", "basename $(readlink /srv/app/current)")
    live.on("web1", f"systemd-run -q --unit worker -p WorkingDirectory=/srv/app/releases/{old} sleep 600")
    for _ in range(3):
        live.newer()
        live("deploy", "app", "--to", "dev")
    assert old in releases(live, "web1")
    assert old not in releases(live, "web2")
    assert len(releases(live, "web2")) == 2
    live.on("web1", "systemctl stop worker")
    live.newer()
    live("deploy", "app", "--to", "dev")
    assert old not in releases(live, "web1")
    assert len(releases(live, "web1")) == 2
    assert live.on("web1", "ls -A /srv/app/releases | grep '^\\.'") == ""


def test_failed_deployments_dont_fill_the_disk(live):
    good = (live.root / "serve.py").read_text()
    served = live.served()
    for number in range(4):
        live.commit(**{"serve.py": f"raise SystemExit({number + 1})\n"})
        live("deploy", "app", "--to", "dev", code=1)
    assert live.served() == served
    assert len(releases(live, "web1")) <= 4
    live.commit(**{"serve.py": good})
    live("deploy", "app", "--to", "dev")
    live("drift", "dev")
