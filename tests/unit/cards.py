"""A graphics card for tests; others are made of it with ``dataclasses.replace``."""

from __future__ import annotations

from nst_core.vgg.graphics_cards import GraphicsCard

RADEON = GraphicsCard(
    index=0,
    name="Radeon RX 7600",
    vendor="AMD",
    driver="radv Mesa 25.0",
    memory=8 * 2**30,
    own_memory=True,
    software=False,
    economical=False,
    largest_buffer=2**31,
)
