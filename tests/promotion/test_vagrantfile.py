"""Vagrant runs what the commit says: then nothing was isolated from the keys, unless it's cdconf's own file."""

from types import SimpleNamespace

import pytest

from cdconf.authoring.new_project import vagrantfile
from cdconf.cli.promotion_checks import provision_run, smoke_run, stage_run
from cdconf.cli.vagrantfile import unknown_code
from cdconf.cli.verbs.provision import ProvisionFlags
from cdconf.events import Collector


def test_the_one_that_a_new_project_has_is_known(tmp_path):
    assert unknown_code(tmp_path) is None
    (tmp_path / "Vagrantfile").write_bytes(vagrantfile())
    assert unknown_code(tmp_path) is None


def test_any_other_is_not(tmp_path):
    (tmp_path / "Vagrantfile").write_bytes(vagrantfile() + b"\nFile.read(File.expand_path('~/.config/cdconf/keys'))\n")
    assert unknown_code(tmp_path) == "Vagrantfile"


def test_plugins_that_are_loaded_beside_it_are_not(tmp_path):
    (tmp_path / "Vagrantfile").write_bytes(vagrantfile())
    (tmp_path / ".vagrantplugins").symlink_to("elsewhere.rb")
    assert unknown_code(tmp_path) == ".vagrantplugins"


def begun(world, provider):
    """The run of an environment whose hosts this provider makes."""
    hosts = world.root / "inventories/staging/hosts.yml"
    hosts.write_text(f"copy_of: production\nprovider: {provider}\n")
    world.commit(f"{provider} makes staging")
    collector = Collector()
    about = {"mask": str, "extra": {}, "flags": ProvisionFlags(), "collector": collector, "emit": collector}
    return SimpleNamespace(project=world.project, environment=world.environment("staging"), noted={}, **about)


@pytest.mark.parametrize("provider", ["docker", "vagrant"])
@pytest.mark.parametrize(
    "begin",
    [
        lambda run: stage_run(run, "app"),
        lambda run: smoke_run(run, None),
        lambda run: provision_run(run, list(run.environment.hosts.values()), None),
    ],
)
def test_what_a_run_says_is_not_isolated_then(world, provider, begin):
    (world.root / "Vagrantfile").write_text("# Ruby\n")
    run = begun(world, provider)
    made = begin(run)
    assert made.isolated() is (provider == "docker")
    assert ("Vagrant runs the project's Vagrantfile" in run.collector.not_isolated) is (provider == "vagrant")
