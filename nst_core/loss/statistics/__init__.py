"""Style statistics: one file for each, registered here under the name that settings use.

To add a statistic, write its file next to the others and add its object to the tuple below.
"""

from __future__ import annotations

from collections.abc import Mapping

from nst_core.loss.statistics.base import StyleStatistic
from nst_core.loss.statistics.gram import GRAM
from nst_core.loss.statistics.moments import MOMENTS
from nst_core.loss.statistics.wasserstein import WASSERSTEIN

_ALL: tuple[StyleStatistic, ...] = (GRAM, MOMENTS, WASSERSTEIN)

STATISTICS: Mapping[str, StyleStatistic] = {statistic.name: statistic for statistic in _ALL}
"""Every style statistic by its name, which is also its value of the setting ``style_loss``."""
