"""The work that a job asks of every level, besides its size: the basis of time and memory estimates."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from nst_core.loss.weights import matching_share
from nst_core.settings import Settings


@dataclass(frozen=True)
class Workload:
    """The pictures and masks of every level.

    ``content`` says whether there is a content picture. ``styles`` is the number of style pictures,
    ``regions`` the number of regions with styles of their own (1 without regions). ``masked`` says whether
    masks limit where, or how strongly, the picture is painted. ``halved`` says that the level computes its
    deep layers on its halved picture, and ``refines`` that its tiles may be painted one by one.
    """

    content: bool = True
    styles: int = 1
    regions: int = 1
    masked: bool = False
    _: KW_ONLY
    halved: bool = False
    refines: bool = False

    def seeks_matches(self, settings: Settings) -> bool:
        """Return whether the style's most similar positions are targets: there must be something to match."""
        return matching_share(settings) > 0 and self.content and self.styles > 0


ONE_STYLE = Workload()
"""One content picture and one style, without masks."""
