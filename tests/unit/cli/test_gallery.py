"""``nst gallery``: the page of controls, painted once."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.unit.cli.conftest import Nst


@pytest.mark.long
def test_gallery_is_painted_and_continued(nst: Nst, workdir: Path) -> None:
    arguments = ("gallery", "page", "photo.png", "painting.png", "--size", 48, "--iterations", 1, "--json")
    first = nst(*arguments)
    assert first.code == 0, first
    assert first.events[-1]["painted"] > 20
    with Image.open("page/figures.png") as page:
        assert min(page.size) > 3 * 48
    assert (workdir / "page" / "index.html").read_text().count("<img") == 3 * 13
    (workdir / "page" / "mask.png").unlink()
    assert nst(*arguments).events[-1]["painted"] == 1
