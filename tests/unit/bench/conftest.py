"""Fixtures of the judge's tests: AlexNet, fetched once for each user and kept."""

from __future__ import annotations

import pytest

from nst_core.vgg.network import Weights
from nst_core.vgg.store import ModelStore
from tests.bench.judge.alexnet import load_alexnet


@pytest.fixture(scope="session")
def alexnet(models: ModelStore) -> Weights:
    """The real AlexNet; ``models`` marks the tests as those that download weights."""
    return load_alexnet()
