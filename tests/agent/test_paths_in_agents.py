"""Nothing of the agent opens, changes or removes a file by its path, but `cdconf.agent.files` and what's listed here.

Whoever can write to a directory on the way could put a link there; see `cdconf.agent.files`.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "cdconf"
SOURCES = sorted([*ROOT.glob("agent/**/*.py"), *ROOT.glob("resources/*/agent.py")])
# By a path, unless they're given a directory's descriptor.
FUNCTIONS = {
    "open", "chown", "lchown", "chmod", "lchmod", "rename", "replace", "renames", "makedirs", "mkdir",
    "rmdir", "removedirs", "unlink", "remove", "link", "symlink", "utime", "truncate", "mknod", "mkfifo",
    "scandir", "listdir", "walk", "fwalk", "chroot", "chflags", "lchflags", "chdir",
}  # fmt: skip
ATTRIBUTES = {"setxattr", "getxattr", "listxattr", "removexattr"}  # of descriptors alone
MODULES = {"shutil", "tempfile", "pathlib", "glob", "fileinput", "sqlite3", "dbm", "shelve"}
PATHS_OF_THE_KERNEL = ("/proc/", "/sys/")

# (file, function): why it may. Each entry is one that somebody has thought about.
ALLOWED = {
    ("agent/boot.py", "*"): "it comes before the agent, and checks owner and mode of root's own directory itself",
    ("agent/install.py", "*"): "it comes before the agent, and checks owner and mode of root's own directory itself",
    ("agent/files/validate.py", "check_content"): "a file in a directory of root's own, below /run",
    ("agent/files/validate.py", "check_stream"): "a file in a directory of root's own, below /run",
    ("agent/files/validate.py", "private_copy"): "makes such a directory",
    (
        "agent/files/way.py",
        "hold",
    ): "the kernel says afterwards where it led to; an agent that isn't root follows links",
    ("agent/files/way.py", "_walk"): "the root directory",
    ("agent/release/tree.py", "sha256_file"): "it's the controller's, which reads its own files",
    ("agent/packages/apk.py", "*"): "/lib/apk and /etc/apk are root's alone",
    ("agent/packages/dpkg.py", "*"): "/var/lib/dpkg is root's alone",
    ("agent/packages/rpm.py", "*"): "/etc/yum.repos.d is root's alone",
    ("agent/packages/dnf.py", "*"): "/etc/yum.repos.d is root's alone",
    ("agent/commands/locks.py", "*"): "locks of package managers, in directories that are root's alone",
    ("agent/facts/read.py", "*"): "facts: files of the kernel and the distribution, for reading",
    ("agent/commands/programs.py", "*"): "looks for a program in the directories of the system",
    ("agent/packages/apt_index.py", "*"): "lists /var/lib/apt, which is root's alone",
    ("agent/system/in_use.py", "*"): "/proc is the kernel's",
    ("agent/system/openrc.py", "*"): "lists /etc/runlevels, which is root's alone",
    ("agent/system/units.py", "*"): "reads systemd's directories of unit files, which are root's alone",
    (
        "agent/protocol/look_key.py",
        "*",
    ): "writes to a directory of its own in /var/lib/cdconf, as root, which that belongs to",
    ("agent/protocol/look_only.py", "main"): "reads what root has written there",
    ("agent/release/works_in.py", "pids_of"): "lists /proc, which is the kernel's",
    ("agent/switch/watch.py", "serve"): "the root directory",
    ("agent/protocol/loop.py", "main"): "/dev/null",
    ("agent/lease/change_environment.py", "check"): "lists cdconf's own directory",
    ("agent/lease/projects.py", "identities"): "lists the directory above all projects', which is cdconf's own",
    ("resources/firewall/agent.py", "*"): "lists directories of /etc that are root's alone",
    ("resources/kernel_module/agent.py", "*"): "lists directories of /etc that are root's alone",
    ("agent/facts/existing.py", "_names"): "names alone, for a fact; nothing that they lead to is opened",
    ("resources/pam/agent.py", "*"): "looks for modules in directories below /lib and /usr/lib, which are root's alone",
    ("resources/service/agent.py", "*"): "lists directories of /etc that are root's alone",
    ("resources/timezone/agent.py", "_known"): "lists /usr/share/zoneinfo",
    ("resources/sysctl/agent.py", "*"): "/proc/sys is the kernel's",
    ("resources/swap/agent.py", "has_signature"): "only root can change what the path leads to: it was looked at",
    ("resources/swap/agent.py", "_check_blank"): "only root can change what the path leads to: it was looked at",
    ("resources/swap/agent.py", "is_active"): "/proc/swaps",
}


def _text(node):
    """The beginning of a text that's known from the source."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return _text(node.func.value)
    if isinstance(node, ast.BinOp):
        return _text(node.left)
    return ""


def _is_path_call(call):
    """Whether a call is one of those that take a path, and nothing shows that it's harmless."""
    keywords = {one.arg for one in call.keywords}
    if call.args and _text(call.args[0]).startswith(PATHS_OF_THE_KERNEL):
        return False
    if isinstance(call.func, ast.Name):
        return call.func.id == "open"
    if not isinstance(call.func, ast.Attribute) or not isinstance(call.func.value, ast.Name):
        return False
    module, name, by_descriptor = call.func.value.id, call.func.attr, bool(call.args) and _is_descriptor(call.args[0])
    if module != "os":
        opens = module in {"io", "codecs", "tarfile", "zipfile", "gzip"} and name in ("open", "ZipFile")
        return opens and not _is_stream(call)
    if name in FUNCTIONS:
        held = {"dir_fd", "src_dir_fd", "dst_dir_fd"} & keywords
        both = {"src_dir_fd", "dst_dir_fd"} <= held if name in ("rename", "replace", "link") else bool(held)
        return not both and not (by_descriptor and name in ("listdir", "scandir", "utime"))
    return name in ATTRIBUTES and not by_descriptor


def _is_descriptor(node):
    return isinstance(node, ast.Name) and node.id in ("descriptor", "source", "target", "held")


def _is_stream(call):
    return "fileobj" in {one.arg for one in call.keywords} or _is_named(call.args[:1], "stream")


def _is_named(nodes, name):
    return bool(nodes) and isinstance(nodes[0], ast.Name) and nodes[0].id == name


def findings(source):
    """(function, line) of all that takes a path, and of modules that do nothing else."""
    found = []

    def look(node, function):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            function = node.name
        if isinstance(node, ast.Call) and _is_path_call(node):
            found.append((function, node.lineno))
        if isinstance(node, ast.Import) and any(one.name.split(".")[0] in MODULES for one in node.names):
            found.append((function, node.lineno))
        if isinstance(node, ast.ImportFrom):
            names = {one.name for one in node.names}
            if (node.module or "").split(".")[0] in MODULES or (
                node.module == "os" and names & (FUNCTIONS | ATTRIBUTES)
            ):
                found.append((function, node.lineno))
        for child in ast.iter_child_nodes(node):
            look(child, function)

    look(ast.parse(source), "")
    return found


def _is_allowed(file, function):
    return (file, "*") in ALLOWED or (file, function) in ALLOWED


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_agent_takes_no_path_elsewhere(path):
    file = path.relative_to(ROOT).as_posix()
    found = [f"{file}:{line}" for function, line in findings(path.read_text()) if not _is_allowed(file, function)]
    assert not found, "use cdconf.agent.files, or say in ALLOWED why nobody else can write to a directory on the way"


def test_what_is_allowed_is_there():
    there = {(path.relative_to(ROOT).as_posix(), one) for path in SOURCES for one, _ in findings(path.read_text())}
    files = {file for file, _ in there}
    stale = [one for one in ALLOWED if one not in there and not (one[1] == "*" and one[0] in files)]
    assert stale == []


@pytest.mark.parametrize(
    "line",
    [
        "open(path)", "open(path, 'w')", "os.open(path, 0)", "os.chown(path, 0, 0)", "os.chmod(path, 0)",
        "os.lchown(path, 0, 0)", "os.rename(a, b)", "os.rename(a, b, src_dir_fd=f)", "os.replace(a, b)",
        "os.makedirs(path)", "os.mkdir(path)", "os.unlink(path)", "os.remove(path)", "os.rmdir(path)",
        "os.link(a, b)", "os.symlink(a, b)", "os.utime(path)", "os.setxattr(path, a, b)", "os.truncate(path, 1)",
        "os.mknod(path)", "os.mkfifo(path)", "os.walk(path)", "os.listdir(path)", "os.scandir(path)", "import shutil",
        "from shutil import rmtree", "import tempfile", "from pathlib import Path", "import pathlib", "io.open(path)",
        "from os import unlink", "tarfile.open(path)", "zipfile.ZipFile(path)", "import glob",
    ],
)  # fmt: skip
def test_what_is_found(line):
    assert findings(f"def f():\n    {line}\n") == [("f", 2)]


@pytest.mark.parametrize(
    "line",
    [
        "os.open(name, 0, dir_fd=f)", "os.rename(a, b, src_dir_fd=f, dst_dir_fd=f)", "os.fchown(f, 0, 0)",
        "open('/proc/self/stat')", "open('/proc/{}/stat'.format(pid))", "os.lstat(path)", "os.listdir(descriptor)",
        "tarfile.open(fileobj=stream)", "os.fdopen(f)",
    ],
)  # fmt: skip
def test_what_is_let_pass(line):
    assert findings(f"def f():\n    {line}\n") == []
