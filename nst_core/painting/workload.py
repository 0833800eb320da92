"""What a job asks of every level of its pyramid, beside its size: what plans of time and memory go by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """What there is to look at at every level.

    ``content`` says whether there is a content picture; ``styles`` counts the style pictures, ``groups`` the
    regions that have styles of their own, or 1; ``masked`` says whether masks tell where, or how strongly.
    """

    content: bool = True
    styles: int = 1
    groups: int = 1
    masked: bool = False


ONE_STYLE = Workload()
"""A content and a style."""
