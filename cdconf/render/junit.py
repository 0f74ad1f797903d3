"""JUnit XML of smoke tests, as CI servers read it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path

from cdconf.events import HostResult


def write(file: str, environment: str, hosts: Mapping[str, HostResult], mask: Callable[[str], str]) -> None:
    """Writes one suite per host."""
    suites = ET.Element("testsuites", name=f"smoke {environment}")
    for name, host in hosts.items():
        failed = sum(not one.passed for one in host.smoke)
        suite = ET.SubElement(suites, "testsuite", name=name, tests=str(len(host.smoke)), failures=str(failed))
        for one in host.smoke:
            case = ET.SubElement(suite, "testcase", classname=name, name=one.test, time=f"{one.duration_s:.3f}")
            if not one.passed:
                ET.SubElement(case, "failure", message="failed").text = mask(one.message or "")
    Path(file).write_bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True))
