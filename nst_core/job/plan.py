"""Plan a job before it is run: levels, tiles, seconds and bytes.

Takes a job and an open engine, and asks :mod:`nst_core.planning.run_plan` with the job's sizes and workload.
Reads no pixels apart from masks.
"""

from __future__ import annotations

import psutil

from nst_core.backends.choose import Engine
from nst_core.events import Plan
from nst_core.job.model import Job
from nst_core.job.prepare import (
    fine_style_sizes,
    job_workload,
    painted_box,
    painted_size,
    picture_bytes,
    result_size,
)
from nst_core.painting.windows import BoundingBox
from nst_core.planning.run_plan import PlanRequest, RunPlan, plan_event, plan_run
from nst_core.system.resource_errors import translate_resource_errors


@translate_resource_errors()
def plan_job(job: Job, engine: Engine) -> Plan:
    """Return the plan of a job that has been read but not prepared.

    Raises:
        NstError: ``too-small``, ``out-of-memory``; ``bad-image`` for an empty mask or one of another shape.
    """
    held_bytes = psutil.Process().memory_info().rss + picture_bytes(job)
    return plan_event(plan_painting(job, engine, painted_box(job), held_bytes), job.settings, engine)


def plan_painting(
    job: Job, engine: Engine, box: BoundingBox | None, held_bytes: int | None = None
) -> RunPlan:
    """Plan a job of which only ``box`` is painted (None: all of it).

    ``held_bytes`` is the memory that the process will use when painting begins; None is what it uses now.

    Raises:
        NstError: ``too-small``, ``out-of-memory``.
    """
    request = PlanRequest(
        size=painted_size(job),
        settings=job.settings,
        box=box,
        workload=job_workload(job),
        fine_styles=tuple(fine_style_sizes(job)),
        held_bytes=held_bytes,
        result_size=result_size(job),
    )
    return plan_run(request, engine)
