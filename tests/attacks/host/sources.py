"""What the agent fetches from: an archive, a download, a repository of git; root's, in the place's file system."""

import contextlib
import os
import shutil
import subprocess

import place

REPOSITORY = os.path.join(place.SOURCES, "repository")
HOSTILE = os.path.join(place.SOURCES, "hostile")
# Each of these would be run by a git that believes the repository's configuration.
PROGRAM = "id -u | grep -qx 0 && touch {}/empty/a-program-ran-as-root; true".format(place.VICTIM)
HOSTILE_CONFIG = """\
[core]
    repositoryformatversion = 0
    fsmonitor = "{0}"
    sshCommand = "{0}"
    pager = "{0}"
    editor = "{0}"
[credential]
    helper = "!{0}"
[filter "evil"]
    smudge = "{0}; cat"
    clean = "{0}; cat"
    required = true
[uploadpack]
    packObjectsHook = "{0}"
[remote "origin"]
    url = file://{1}
    uploadpack = "{0}; git-upload-pack"
    fetch = +refs/heads/*:refs/remotes/origin/*
"""


def fill(folder):
    """Copies the sources that came with the rows, and makes the repositories where there's git."""
    shutil.copytree(os.path.join(folder, "sources"), place.SOURCES)
    if shutil.which("git") is None:
        return
    _make(REPOSITORY, "main")
    _git(REPOSITORY, "checkout", "-qb", "next")
    with open(os.path.join(REPOSITORY, "file"), "w") as stream:
        stream.write("next\n")
    _git(REPOSITORY, "commit", "-qam", "next")
    shutil.copytree(REPOSITORY, REPOSITORY + "-of-root")  # git only reads what its user owns
    subprocess.run(["chown", "-R", "app1:app1", REPOSITORY], check=True)
    _make(HOSTILE, "main")
    with open(os.path.join(HOSTILE, ".git/config"), "w") as stream:
        stream.write(HOSTILE_CONFIG.format(PROGRAM, REPOSITORY))
    with open(os.path.join(HOSTILE, ".git/info/attributes"), "w") as stream:
        stream.write("* filter=evil\n")
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        hook = os.path.join(HOSTILE, ".git/hooks", name)
        with open(hook, "w") as stream:
            stream.write("#!/bin/sh\n" + PROGRAM + "\n")
        os.chmod(hook, 0o755)


def _make(path, branch):
    os.mkdir(path)
    _git(path, "init", "-q", "-b", branch)
    os.makedirs(os.path.join(path, ".git/info"), exist_ok=True)
    os.makedirs(os.path.join(path, ".git/hooks"), exist_ok=True)
    with open(os.path.join(path, "file"), "w") as stream:
        stream.write("one\n")
    _git(path, "add", "file")
    _git(path, "commit", "-qm", "one")


def _git(path, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "-C", path] + identity + list(words), check=True)


@contextlib.contextmanager
def hidden(programs):
    """The host hasn't these programs in the block."""
    there = [path for path in programs if os.path.exists(path)]
    for path in there:
        place.bind("/etc/hostname", path)
    try:
        yield
    finally:
        for path in there:
            subprocess.run(["umount", path], check=True)
