"""What tests of catalogs share."""

import pytest


@pytest.fixture
def little_to_spend(monkeypatch):
    """The same limits with smaller numbers: the suite has many texts that spend all they have."""
    for module in ("limits", "meter", "ended_process"):
        monkeypatch.setattr(f"cdconf.catalog.{module}.SECONDS", 0.2, raising=False)
    monkeypatch.setattr("cdconf.catalog.meter.MEMORY", 256 * 1024**2)
