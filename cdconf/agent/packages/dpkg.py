"""What dpkg knows, read from its status file: asking dpkg-query takes ten times as long (deb822(5), dpkg-query(1))."""

from cdconf.agent import texts
from cdconf.agent.commands.execute import run_ok
from cdconf.agent.errors import Failed, Missing

STATUS = "/var/lib/dpkg/status"
# Packages in these states have all their files in place and configured; triggers come with the next dpkg run.
_INSTALLED = (" installed", " triggers-awaited", " triggers-pending")


class DpkgPackage(object):
    """One package that dpkg knows, of a paragraph of the status file.

    Attributes:
        installed: Properly: unpacked and configured.
        leftover: It's removed, and its configuration files are still there.
        held: Nobody should upgrade it.
        essential: The host can't do without it.
    """

    def __init__(self, paragraph):
        self.name = _field(paragraph, "Package")
        self.version = _field(paragraph, "Version")
        self.architecture = _field(paragraph, "Architecture")
        status = _field(paragraph, "Status")
        self.installed = status.endswith(_INSTALLED)
        self.leftover = status.endswith(" config-files")
        self.held = status.startswith("hold ")
        self.essential = "yes" in (_field(paragraph, "Essential"), _field(paragraph, "Protected"))
        self.provides = [texts.words(part)[0] for part in _field(paragraph, "Provides").split(",") if texts.strip(part)]


class DpkgStatus(object):
    """The packages of a host. Only those that are asked for are parsed: a status file has thousands."""

    def __init__(self, text):
        self._paragraphs = {}
        for paragraph in text.split("\n\n"):
            if paragraph.startswith("Package: "):
                self._paragraphs.setdefault(paragraph[9 : paragraph.find("\n")], []).append(paragraph)

    def package(self, name):
        """The package of a name or of `name:architecture`, None when dpkg doesn't know it.

        A bare name is one of the host's own architecture, as it is for apt.
        """
        bare, _, architecture = name.partition(":")
        known = [DpkgPackage(paragraph) for paragraph in self._paragraphs.get(bare, ())]
        wanted = {architecture} if architecture else {"all", self.native()}
        return next((package for package in known if package.architecture in wanted), None)

    def native(self):
        """The architecture of dpkg itself."""
        return next((_field(paragraph, "Architecture") for paragraph in self._paragraphs.get("dpkg", ())), "")

    def installed(self, name):
        """The package, if it's properly installed, else None."""
        package = self.package(name)
        return package if package is not None and package.installed else None

    def versions(self):
        """`{name: version}` of all that's installed; of several architectures, the host's own comes first."""
        found, native = {}, ("all", self.native())
        for paragraphs in self._paragraphs.values():
            for package in map(DpkgPackage, paragraphs):
                if package.installed and (package.name not in found or package.architecture in native):
                    found[package.name] = package.version
        return found

    def providers(self, name):
        """The names of the installed packages that provide a name."""
        found = []
        for paragraphs in self._paragraphs.values():
            for paragraph in paragraphs:
                if name in paragraph and "\nProvides: " in paragraph:
                    package = DpkgPackage(paragraph)
                    if package.installed and name in package.provides:
                        found.append(package.name)
        return found


def _field(paragraph, name):
    """The value of a field of one line; empty when there is none."""
    start = name + ": "
    begin = 0 if paragraph.startswith(start) else paragraph.find("\n" + start) + 1
    if begin == 0 and not paragraph.startswith(start):
        return ""
    end = paragraph.find("\n", begin)
    return paragraph[begin + len(start) : end if end >= 0 else None]


def status(path=STATUS):
    """`DpkgStatus` of this host; empty when there's no such file."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as stream:
            return DpkgStatus(stream.read())
    except FileNotFoundError:
        return DpkgStatus("")


def archive(path):
    """(name, version) of a .deb file.

    Raises:
        Missing: There's no such file.
        Failed: It isn't a Debian package.
    """
    try:
        with open(path, "rb"):
            pass
    except FileNotFoundError:
        raise Missing("file", path)
    out = run_ok(["dpkg-deb", "--showformat=${Package}\\n${Version}\\n", "--show", path], timeout=60).out.split("\n")
    if len(out) < 2:
        raise Failed("'{}' isn't a Debian package".format(path))
    return out[0], out[1]
