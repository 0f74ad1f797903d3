"""JUnit XML of smoke tests: passed, failed, skipped."""

import xml.etree.ElementTree as ET

from cdconf.events import Collector, SmokeDone
from cdconf.render.junit import write


def test_skipped_tests_are_neither_passed_nor_failed(tmp_path):
    collector = Collector()
    collector(SmokeDone("web1", "base: test_it.py::test_a[80]", True))
    collector(SmokeDone("web1", "base: test_it.py::test_b", True, "no nginx", skipped=True))
    collector(SmokeDone("web1", "base: test_it.py::test_c", False, "assert 1 == 2"))
    write(str(tmp_path / "smoke.xml"), "dev", collector.hosts, str)
    suite = ET.parse(tmp_path / "smoke.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    passed, skipped, failed = suite
    assert passed.get("name") == "base: test_it.py::test_a[80]"
    assert (len(passed), skipped[0].tag, skipped[0].get("message"), failed[0].tag) == (
        0,
        "skipped",
        "no nginx",
        "failure",
    )
