"""dnf for real: on a Debian host with Debian's dnf, against a repository of the host's own made with rpmbuild.

What a RHEL host has and this one lacks: modules, and a release version.
"""

import pytest

from cdconf.authoring.cases import CaseHost
from tests.case_host import case_host

SETUP = r"""
export DEBIAN_FRONTEND=noninteractive
apt-get install -qy --no-install-recommends rpm dnf dnf-plugins-core createrepo-c gnupg >/dev/null
rm -f /etc/dnf/plugins/local.conf
mkdir -p /srv/rpms /srv/build; cd /srv/build
make() {
  printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: %s\nLicense: none\nBuildArch: noarch\n%b\n%%description\nx\n' \
    $1 $2 $1 "$3" > $1.spec
  printf '%%install\nmkdir -p %%{buildroot}/opt; echo %s > %%{buildroot}/opt/%s\n%%files\n/opt/%s\n' $2 $1 $1 >> $1.spec
  rpmbuild -bb --quiet --define '_rpmdir /srv/rpms' --define '_topdir /srv/build' $1.spec >/dev/null 2>&1
}
make rpmone 1.0; make rpmone 2.0; make rpmtwo 1.0 'Requires: rpmone'; make rpmtwo 2.0 'Requires: rpmone'
make rpmfull 1.0 'Provides: rpm-virtual\nConflicts: rpmone'; cp -r /srv/rpms /srv/signed
createrepo_c -q /srv/rpms
export GNUPGHOME=/srv/gpg; mkdir -p -m 700 $GNUPGHOME
for name in one two; do
  gpg --batch --quiet --passphrase '' --quick-gen-key $name@example.org rsa2048 sign never 2>/dev/null
  gpg --armor --export $name@example.org > /srv/$name.asc
  gpg --with-colons --list-keys $name@example.org 2>/dev/null | grep ^fpr | head -1 | cut -d: -f10 > /srv/$name.fpr
done
rpmsign --define '__gpg /usr/bin/gpg' --define '_gpg_name one@example.org' --addsign /srv/signed/noarch/*.rpm \
  >/dev/null 2>&1
createrepo_c -q /srv/signed
"""
SOURCE = {"repository": "cases", "manager": "dnf", "uris": "file:///srv/rpms", "insecure": True}


class DnfHost(CaseHost):
    """A host with dnf, and what a role of packages does to it."""

    def shell(self, script, seconds=900):
        done = self.session.run(f"set -e\n{script}", timeout=seconds)
        return done["status"], (done["stdout"] + done["stderr"]).decode("utf-8", "replace")

    def run(self, *resources, check=False):
        """The events of one run, those about orphans apart."""
        parts = [{**one, "manager": "dnf"} if "package" in one else one for one in resources]
        self.write({"resources": parts})
        self.leave()
        events, _ = self.converge(check=check)
        return [one for one in events if one["status"] != "orphaned"]

    def becomes(self, *resources):
        """Check mode sees it and changes nothing, a run does it, and a second run has nothing to do."""
        before = self.installed()
        seen = self.run(*resources, check=True)
        assert self.installed() == before
        done = self.run(*resources)
        assert [one["status"].replace("would_change", "changed") for one in seen] == [one["status"] for one in done], (
            done
        )
        assert "failed" not in [one["status"] for one in done], done
        again = self.run(*resources)
        assert {one["status"] for one in again} == {"ok"}, again
        return seen

    def fails(self, *resources):
        """The messages of a run that fails."""
        events = self.run(*resources)
        assert "failed" in [one["status"] for one in events], events
        return "\n".join(one.get("message", "") for one in events)

    def drift(self):
        """The events of a look for drift, of the resources that ran last; those about orphans apart."""
        events = []
        self.session.drift_look(self._document, on_event=events.append)
        return [one for one in events if one["status"] != "orphaned"]

    def installed(self):
        _, output = self.shell("rpm -qa --qf '%{NAME}-%{VERSION}\\n'")
        return sorted(line for line in output.splitlines() if line.startswith("rpm") and " " not in line)

    def starts_with(self, *names):
        """Exactly these of the test's packages are installed."""
        gone = "for name in rpmone rpmtwo rpmfull; do rpm -e --nodeps $name >/dev/null 2>&1 || true; done\n"
        gone += ": > /etc/dnf/plugins/versionlock.list\n"
        files = " ".join(f"/srv/rpms/noarch/{name}-1.noarch.rpm" for name in names)
        status, output = self.shell(gone + (f"rpm -i --force-debian --nodeps {files} 2>&1" if names else ""))
        assert status == 0, output


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with case_host(tmp_path_factory.mktemp("dnf"), DnfHost) as one:
        status, output = one.shell(SETUP)
        assert status == 0, output
        yield one


pytestmark = pytest.mark.hosts


def test_a_repository_and_a_package_from_it_with_what_it_needs(host):
    host.starts_with()
    host.becomes(SOURCE, {"package": "rpmtwo"})
    assert host.installed() == ["rpmone-2.0", "rpmtwo-2.0"]


def test_its_packages_are_facts(host):
    host.starts_with("rpmone-1.0")
    status, output = host.shell("mv /var/lib/dpkg/status /srv/status")  # where there's one, it's Debian's
    assert status == 0, output
    try:
        found = host.session.gather(["packages"])["packages"]
    finally:
        host.shell("mv /srv/status /var/lib/dpkg/status")
    assert found["rpmone"] == {"name": "rpmone", "version": "1.0-1"}


def test_pins_patterns_and_downgrades(host):
    host.starts_with("rpmone-2.0")
    seen = host.becomes(SOURCE, {"package": "rpmone", "version": "1.0"})
    assert seen[-1]["diff"] == "version: 2.0-1 -> 1.0\n"
    host.becomes(SOURCE, {"package": "rpmone", "version": "2.*"})
    host.becomes(SOURCE, {"package": "rpmone", "version": "1.0-1"})
    assert host.installed() == ["rpmone-1.0"]


def test_latest_is_told_with_the_age_of_the_index(host):
    host.starts_with("rpmone-1.0")
    host.run(SOURCE, {"package": "rpmtwo", "version": "1.0"})
    seen = host.becomes({"package": "rpmone", "version": "latest"}, {"package": "rpmtwo", "version": "latest"})
    assert "1.0-1 (2.0-1 is in the host's index, fetched" in seen[0]["diff"]
    assert host.installed() == ["rpmone-2.0", "rpmtwo-2.0"]


def test_removals_installs_and_downgrades_are_one_transaction(host):
    host.starts_with("rpmone-2.0", "rpmtwo-2.0")
    host.becomes(
        SOURCE, {"package": "rpmone", "absent": True}, {"package": "rpmfull"}, {"package": "rpmtwo", "absent": True}
    )
    assert host.installed() == ["rpmfull-1.0"]
    host.becomes(SOURCE, {"package": "rpmfull", "absent": True}, {"package": "rpmone", "version": "1.0"})
    assert host.installed() == ["rpmone-1.0"]


def test_what_needs_it_stays_unless_forced(host):
    host.starts_with("rpmone-1.0", "rpmtwo-1.0")
    assert "removing rpmone would remove rpmtwo" in host.fails({"package": "rpmone", "absent": True})
    assert host.installed() == ["rpmone-1.0", "rpmtwo-1.0"]
    host.becomes({"package": "rpmone", "absent": True, "force": True})
    assert host.installed() == []


def test_what_another_package_provides_counts(host):
    host.starts_with("rpmfull-1.0")
    assert [one["status"] for one in host.run({"package": "rpm-virtual"}, {"package": "/opt/rpmfull"})] == ["ok", "ok"]


def test_a_package_that_does_not_exist_is_named(host):
    host.starts_with("rpmtwo-1.0")
    host.run(SOURCE)
    assert "no package nosuchrpm" in host.fails({"package": "rpmone"}, {"package": "nosuchrpm"})
    host.starts_with("rpmtwo-1.0")
    assert "no package nosuchrpm" in host.fails({"package": "rpmtwo", "absent": True}, {"package": "nosuchrpm"})
    assert host.installed() == ["rpmtwo-1.0"]
    for name in ("rpmone-1.0", "rpmone.noarch"):
        assert f"no package '{name}'" in host.fails({"package": name})
    assert host.installed() == ["rpmtwo-1.0"]
    assert "no package rpmone-9.9" in host.fails({"package": "rpmone", "version": "9.9"})


def test_holds(host):
    host.starts_with("rpmone-1.0")
    host.becomes(SOURCE, {"package": "rpmone", "hold": True})
    assert "held at 1.0-1" in host.fails({"package": "rpmone", "version": "2.0"})
    host.becomes({"package": "rpmone", "version": "2.0", "hold": True})
    host.becomes({"package": "rpmone", "version": "1.0", "hold": False})


def test_a_package_file(host):
    host.starts_with("rpmone-2.0")
    host.becomes({"package": "rpmone", "file": "/srv/rpms/noarch/rpmone-1.0-1.noarch.rpm"})
    assert host.installed() == ["rpmone-1.0"]


def test_signatures_are_checked_by_the_repositorys_own_key(host):
    host.starts_with()
    prints = {name: host.shell(f"cat /srv/{name}.fpr")[1].strip() for name in ("one", "two")}

    def signed(key, uris="file:///srv/signed"):
        source = {"repository": "cases", "manager": "dnf", "uris": uris}
        return {**source, "key_url": f"file:///srv/{key}.asc", "fingerprint": prints[key]}

    assert "is trusted" in host.fails({**signed("one"), "fingerprint": prints["two"]}).replace("that's", "is")
    unsigned = host.fails(signed("one", "file:///srv/rpms"), {"package": "rpmone"})
    assert "GPG check FAILED" in unsigned or "is not signed" in unsigned
    assert "dnf install failed" in host.fails(signed("two"), {"package": "rpmone"})
    assert host.installed() == []
    host.becomes(signed("one"), {"package": "rpmone"})
    host.becomes({"repository": "cases", "manager": "dnf", "absent": True})
    assert host.shell("ls /etc/yum.repos.d /etc/pki/rpm-gpg")[1].find("cases") == -1


def test_dnfs_log_shows_who_changed_a_package_by_hand(host):
    host.starts_with("rpmone-1.0")
    host.becomes(SOURCE, {"package": "rpmone", "version": "1.0"})
    status, output = host.shell("dnf -y -q upgrade rpmone && dnf -y -q install rpmtwo && rpm -q rpmone")
    assert (status, "\nrpmone-2.0-1.noarch\n" in output) == (0, True), output
    [found] = [one for one in host.drift() if one["type"] == "package"]
    assert found["diff"] == "version: 2.0-1 -> 1.0\n"
    logged = [one for one in found["evidence"] if one.startswith("dnf.rpm.log: ")]
    assert "Upgrade: rpmone-2.0-1.noarch" in "\n".join(logged)
    assert "rpmtwo" not in "\n".join(logged)
    host.run(SOURCE, {"package": "rpmone", "version": "1.0"})
    assert [one["status"] for one in host.drift()] == ["ok", "ok"]
