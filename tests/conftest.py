"""What all tests share."""

import pytest

from neuralzip.codecs import registry


@pytest.fixture
def cheap_codecs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave only the codecs that need no model: for tests of what surrounds the codecs."""
    monkeypatch.setattr(registry, "ROWS", tuple(row for row in registry.ROWS if row.name in ("stdlib", "raw")))
