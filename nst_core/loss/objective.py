"""The loss of Gatys, Ecker and Bethge (CVPR 2016) as plain data, without any framework.

An :class:`Objective` is a list of terms with their layers, coefficients and targets as numpy arrays. A
backend turns it into a loss and a gradient. With F the features (N channels, M = h * w positions) of the
picture being painted at a term's layer:

content (eq. 1)    E = weight / 2 * sum_ij mask_j (F_ij - P_ij)^2
style (eq. 3, 4)   E = weight / (4 N^2) * sum_ij (G_ij - A_ij)^2,  G = F diag(g) F^T / sum(g),
                   or the distance of another statistic, see :mod:`nst_core.loss.statistics`

G and A are Gram matrices per position. The paper has 1 / (4 N^2 M^2) with plain sums, which is 1 / (4 N^2)
here. For pictures of one size the two are the same number; for different sizes this form does not depend on
them. ``g`` is a guide: 1 everywhere, unless part of the picture has no part in the style (transparency,
regions).

:mod:`nst_core.loss.weights` and :mod:`nst_core.painting.targets` compute the coefficients, those of the
default relative loss or those of the paper.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import TypeAlias

from nst_core.array_types import Array, DeviceArray
from nst_core.loss.statistics.base import StyleStatistic, StyleTarget
from nst_core.loss.statistics.gram import GRAM


@dataclass(frozen=True)
class ContentTerm:
    """Squared error of features at a layer.

    ``target`` is P, ``(N, h, w)``; ``mask`` is ``(h, w)``, 0 or more, or None for ones. ``kind`` tells the
    content's own features from those of the style that match it.
    """

    layer: str
    weight: float
    target: Array
    mask: Array | None = None
    _: KW_ONLY
    kind: str = "content"

    @property
    def name(self) -> str:
        """Name of the term in reports."""
        return f"{self.kind} {self.layer}"


@dataclass(frozen=True)
class StyleTerm:
    """Distance between the statistics of features at a layer and those of a style.

    ``target`` is A, the style's Gram matrix ``(N, N)`` per position; ``mean`` is its mean features ``(N,)``,
    None unless ``statistic`` needs them. ``guide`` is ``(h, w)`` in 0..1, or None for ones. ``region`` tells
    the terms of several regions apart in reports. ``prepared`` is what is compared with instead, for a part
    of a picture.
    """

    layer: str
    weight: float
    target: Array
    _: KW_ONLY
    guide: Array | None = None
    statistic: StyleStatistic = GRAM
    mean: Array | None = None
    region: str = ""
    prepared: StyleTarget | None = None

    @property
    def name(self) -> str:
        """Name of the term in reports."""
        return f"style {self.layer}" + (f" ({self.region})" if self.region else "")

    def make_target(self) -> StyleTarget:
        """Return the arrays that the statistic compares with, on the host.

        Raises:
            ValueError: the statistic needs means and the term has none.
        """
        if self.prepared is not None:
            return self.prepared
        if self.statistic.needs_mean and self.mean is None:
            raise ValueError(f"the statistic {self.statistic.name} needs the style's mean")
        return self.statistic.make_target(self.target, self.mean)


@dataclass(frozen=True)
class TotalVariation:
    """TV-beta of Mahendran and Vedaldi 2015, eq. 3, as a mean over the picture's pixels."""

    weight: float
    beta: float = 2.0
    name: str = "total variation"


@dataclass(frozen=True)
class AlphaNorm:
    """Alpha-norm of Mahendran and Vedaldi 2015, eq. 2, of pixels in -1..1, as a mean over the picture."""

    weight: float
    alpha: float = 6.0
    name: str = "alpha norm"


@dataclass(frozen=True)
class RangePenalty:
    """Mean square of what lies outside 0..1: smooth, so that L-BFGS needs no clamping."""

    weight: float
    name: str = "range"


@dataclass(frozen=True, eq=False)
class Structure:
    """Squared error of the Laplacian of the pooled picture; see :mod:`nst_core.loss.structure`.

    ``target`` (3, h, w) is the content's, in cells of ``pool`` x ``pool`` pixels; ``mask`` (h, w) in 0..1
    says how much each cell counts. A backend holds both on its device.
    """

    weight: float
    pool: int
    target: DeviceArray
    mask: DeviceArray

    @property
    def name(self) -> str:
        """Name of the term in reports."""
        return f"structure {self.pool}"


@dataclass(frozen=True, eq=False)
class Temporal:
    """Mean square of the difference to an earlier frame of a film, warped to this one.

    Ruder, Dosovitskiy and Brox 2016, "Artistic style transfer for videos", eq. 7: ``target`` (3, h, w) is the
    warped frame, and ``mask`` (h, w) in 0..1 says where it can be trusted. A backend holds both arrays on its
    device.
    """

    weight: float
    target: DeviceArray
    mask: DeviceArray
    name: str = "temporal"


Prior: TypeAlias = TotalVariation | AlphaNorm | RangePenalty | Structure | Temporal
Term: TypeAlias = ContentTerm | StyleTerm | Prior


@dataclass(frozen=True)
class Objective:
    """The whole loss: the sum of its terms, in this order in every report."""

    content: tuple[ContentTerm, ...] = ()
    style: tuple[StyleTerm, ...] = ()
    priors: tuple[Prior, ...] = field(default=())

    @property
    def terms(self) -> tuple[Term, ...]:
        """All terms, in the order of :attr:`Evaluation.terms`: content, style, priors."""
        return (*self.content, *self.style, *self.priors)

    @property
    def layer_terms(self) -> tuple[ContentTerm | StyleTerm, ...]:
        """The terms that use features, in report order."""
        return (*self.content, *self.style)

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers whose features are needed, each once."""
        return tuple(dict.fromkeys(term.layer for term in self.layer_terms))
