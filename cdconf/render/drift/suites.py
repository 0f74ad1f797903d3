"""JUnit XML of a look for drift."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from cdconf.render.drift.look import DriftLook, message_of
from cdconf.render.junit import well_formed

_COUNTED = (("testcase", "tests"), ("failure", "failures"), ("error", "errors"), ("skipped", "skipped"))


def junit(look: DriftLook) -> bytes:
    """A suite for each host: a finding is a failure, what can't be told an error, and a waived finding skipped."""
    suites = ET.Element("testsuites", name=well_formed(f"drift {look.environment}"))
    for name in look.hosts:
        mine = [finding for finding in look.findings if finding.host == name]
        broken = look.unreachable.get(name) or look.failed.get(name)
        suite = ET.SubElement(suites, "testsuite", name=well_formed(name))
        for finding in mine:
            case = ET.SubElement(suite, "testcase", classname=well_formed(name))
            case.set("name", well_formed(f"{finding.type} {finding.title}"))
            kind = "skipped" if finding.waived is not None else "error" if finding.cause == "unknown" else "failure"
            told = ET.SubElement(case, kind, message=well_formed(finding.waived or finding.cause.replace("_", " ")))
            told.text = None if finding.waived is not None else well_formed(message_of(finding))
        if broken or not mine:
            case = ET.SubElement(suite, "testcase", classname=well_formed(name), name="drift")
            if broken:
                word = "unreachable" if name in look.unreachable else "failed"
                ET.SubElement(case, "error", message=word).text = well_formed(broken)
        for kind, attribute in (
            ("testcase", "tests"),
            ("failure", "failures"),
            ("error", "errors"),
            ("skipped", "skipped"),
        ):
            suite.set(attribute, str(sum(1 for _ in suite.iter(kind))))
    if look.error:
        suite = ET.SubElement(suites, "testsuite", name="cdconf", tests="1", failures="0", errors="1", skipped="0")
        case = ET.SubElement(suite, "testcase", classname="cdconf", name="drift")
        ET.SubElement(case, "error", message="failed").text = well_formed(look.error)
    text: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return text
