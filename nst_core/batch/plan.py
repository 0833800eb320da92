"""The plan of a batch: how long all its pictures will take, before the first one is begun.

Reads no more of the pictures than their sizes. What cannot be planned is left out: it is told when its turn
comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from nst_core.backends.choose import Engine
from nst_core.batch.folder import BatchTask
from nst_core.errors import NstError
from nst_core.images.read import read_size
from nst_core.images.resize import fit
from nst_core.job.control_files import ControlFiles
from nst_core.painting.workload import Workload
from nst_core.planning.run_plan import PlanRequest, RunPlan, plan_run
from nst_core.settings import Settings


def plan_batch(
    tasks: Sequence[BatchTask],
    styles: Sequence[str],
    control: ControlFiles,
    settings: Settings,
    engine: Engine,
) -> float:
    """Return the seconds that ``tasks`` are expected to take with the style pictures ``styles``.

    Pictures of one size take the same time, except that styles get their fine strokes only once.
    """
    planned: dict[tuple[int, int], RunPlan] = {}
    seconds = 0.0
    for task in tasks:
        with suppress(NstError):
            size = _painted_size(task.source, settings)
            if size in planned:
                seconds += planned[size].seconds - planned[size].fine_style_seconds
                continue
            request = PlanRequest(
                size=size,
                settings=settings,
                workload=_workload(styles, control),
                fine_styles=tuple(read_size(style) for style in styles) if control.fine_style else (),
            )
            planned[size] = plan_run(request, engine)
            seconds += planned[size].seconds
    return seconds


def _painted_size(source: Path, settings: Settings) -> tuple[int, int]:
    height, width = read_size(source)
    return fit(height, width, settings.size) if settings.size else (height, width)


def _workload(styles: Sequence[str], control: ControlFiles) -> Workload:
    """Return the work that every picture requires; masks are taken to leave everything to be painted."""
    regions = len(control.regions) + bool(control.regions and styles)
    return Workload(
        content=True,
        styles=len(styles) + len(control.regions),
        regions=max(1, regions),
        masked=bool(control.masks),
    )
