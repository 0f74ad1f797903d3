"""What a manifest may say, whoever made it."""

from cdconf.agent.errors import Failed


def check_paths(manifest):
    """Nothing may leave the release's directory."""
    links = {entry["path"] for entry in manifest if entry["kind"] == "link"}
    for entry in manifest:
        parts = entry["path"].split("/")
        if entry["path"].startswith("/") or ".." in parts or "" in parts or "\0" in entry["path"]:
            raise Failed("the path '{}' leaves the release".format(entry["path"]))
        if any("/".join(parts[:depth]) in links for depth in range(1, len(parts))):
            raise Failed("the path '{}' goes through a link".format(entry["path"]))
