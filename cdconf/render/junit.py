"""JUnit XML of smoke tests, as CI servers read it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path

from cdconf.events import HostResult
from cdconf.render import words

_NO_CHARACTER = re.compile("[\ud800-\udfff\ufffe\uffff]")  # https://www.w3.org/TR/xml/#charsets


def write(file: str, environment: str, hosts: Mapping[str, HostResult], mask: Callable[[str], str]) -> None:
    """Writes one suite per host."""

    def text(raw: str) -> str:
        return well_formed(mask(raw))

    suites = ET.Element("testsuites", name=text(f"smoke {environment}"))
    for name, host in hosts.items():
        failed = sum(not smoke_done.passed for smoke_done in host.smoke)
        suite = ET.SubElement(suites, "testsuite", name=text(name), tests=str(len(host.smoke)), failures=str(failed))
        suite.set("skipped", str(sum(smoke_done.skipped for smoke_done in host.smoke)))
        for smoke_done in host.smoke:
            case = ET.SubElement(suite, "testcase", classname=text(name), name=text(smoke_done.test))
            case.set("time", f"{smoke_done.duration_s:.3f}")
            if smoke_done.skipped:
                ET.SubElement(case, "skipped", message=text(smoke_done.message or ""))
            elif not smoke_done.passed:
                ET.SubElement(case, "failure", message="failed").text = text(smoke_done.message or "")
    Path(file).write_bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True))


def well_formed(text: str) -> str:
    r"""The same text without what XML can't hold, whatever bytes a host or a test printed: it's shown as `\x1b`."""
    return _NO_CHARACTER.sub(lambda found: f"\\u{ord(found[0]):04x}", words.shown(text))
