"""cdconf configures Linux servers over SSH, deploys artifacts to them, and verifies each release.

Start reading at `cdconf.cli.main` for the commands, `cdconf.catalog` for what a host should be, `cdconf.engine` for
runs on many hosts, `cdconf.agent` for what runs on a host, and `cdconf.resources` for the resource types.
"""

__version__ = "0.1.0"
