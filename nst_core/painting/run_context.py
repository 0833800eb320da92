"""The objects that every step of a run uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nst_core.backends.interface import Backend, FeatureExtractor
from nst_core.backends.tiling.style_memory import RememberedStyles, StyleMemory
from nst_core.painting.carried_curvature import CarriedCurvature
from nst_core.painting.matching import Matcher
from nst_core.painting.progress import RunReporter
from nst_core.painting.run_state import NO_STATES, StateKeeper
from nst_core.settings import Settings


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """The engine, the settings, and what one level leaves to the next.

    ``scratch_folder`` is for files that replace memory; None is the system's folder for temporary files.
    ``states`` keeps the state of the run. ``matcher`` remembers the matches of the level before, and
    ``curvature`` what its optimiser learnt. ``styles`` remembers what was computed of the styles for other
    pictures of a series.
    """

    backend: Backend
    extractor: FeatureExtractor
    settings: Settings
    reporter: RunReporter
    scratch_folder: Path | None = None
    states: StateKeeper = NO_STATES
    matcher: Matcher = field(default_factory=Matcher)
    curvature: CarriedCurvature = field(default_factory=CarriedCurvature)
    styles: StyleMemory | None = None

    def remembered_styles(self) -> RememberedStyles | None:
        """Return the memory of the series for what this engine computes; None if there is no series."""
        if self.styles is None:
            return None
        backend, settings = self.backend, self.settings
        network = backend.network.sha256, settings.pooling, settings.padding
        return RememberedStyles(self.styles, (*network, backend.engine, backend.device))
