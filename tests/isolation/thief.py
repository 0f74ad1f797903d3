"""Code of a commit that tries to read, and to use, every key that the operator has."""

# Tries everything, and tells what it got. What it's told are places that it must not know better than the operator.
THIEF = """
import glob, json, os, socket, subprocess, sys

places = json.loads(open(os.environ.get("PLACES_FILE", "places.json")).read())
got = {}

def attempt(name, function):
    try:
        got[name] = repr(function())[:200]
    except BaseException as error:
        pass

for path in places["files"]:
    attempt("read " + path, lambda: open(path).read())
    attempt("write " + path, lambda: open(path, "a").write("mine"))
    attempt("list " + os.path.dirname(path), lambda: os.listdir(os.path.dirname(path)))
    attempt("remove " + path, lambda: os.unlink(path))
    attempt("replace " + path, lambda: os.rename("places.json", path))
for sock in places["sockets"]:
    def connect():
        one = socket.socket(socket.AF_UNIX)
        one.connect(sock)
        one.sendall(b"sign this")
        return one.recv(100)
    attempt("use " + sock, connect)
above = places["controller"]
attempt("environment", lambda: open("/proc/%d/environ" % above).read())
attempt("memory", lambda: open("/proc/%d/mem" % above, "rb").read(1))
attempt("root", lambda: os.listdir("/proc/%d/root/root" % above))
attempt("cwd", lambda: os.listdir("/proc/%d/cwd" % above))
attempt("descriptors", lambda: os.listdir("/proc/%d/fd" % above))
attempt("kill", lambda: os.kill(above, 0))
attempt("root again", lambda: os.setuid(0))
attempt("sudo", lambda: subprocess.check_output(["sudo", "-n", "id"], stderr=subprocess.DEVNULL))
quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
attempt("su", lambda: subprocess.check_output(["su", "-c", "id"], **quiet))

def inherited():
    found = [os.path.realpath("/proc/self/fd/" + one) for one in os.listdir("/proc/self/fd")]
    found = [one for one in found if any(one.startswith(each) for each in places["folders"])]
    assert [one for one in found if not one.endswith("build-shop.log")]
    return found

attempt("inherited", inherited)
for name, value in os.environ.items():
    if "sesame" in value:
        got["variable " + name] = value
attempt("trust", lambda: open(os.path.expanduser("~root/.config/cdconf/trusted/demo"), "w"))
text = json.dumps(got)
"""
BUILD = (
    THIEF
    + """
import tarfile
os.makedirs("dist")
open("got.json", "w").write(text)
tarfile.open("dist/shop-%s.tar.gz" % os.environ["CDCONF_VERSION"], "w:gz").add("got.json")
"""
)
SMOKE = (
    THIEF
    + """

def test_nothing_was_got(host):
    assert got == {}
    assert host.check_output("x") == "fine"


def test_who():
    assert os.getuid() != 0
"""
)
