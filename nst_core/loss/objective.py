"""The loss of Gatys, Ecker and Bethge (CVPR 2016), described without any framework.

An :class:`Objective` is plain data: terms with their layers, coefficients and targets as numpy arrays.
A backend turns it into a loss and a gradient. With F the features (N channels, M = h * w positions) of
the picture being painted at a term's layer:

content (eq. 1)    E = weight / 2 * sum_ij mask_j (F_ij - P_ij)^2
style (eq. 3, 4)   E = weight / (4 N^2) * sum_ij (G_ij - A_ij)^2,  G = F diag(g) F^T / sum(g),
                   or another distance of statistics, see :mod:`nst_core.loss.style_statistics`

G and A are Gram matrices per position, so that the paper's 1 / (4 N^2 M^2) on plain sums is
1 / (4 N^2) here; for pictures of one size the two are the same number, and for different sizes this is
the form that does not depend on them. ``g`` is a guide, 1 everywhere unless part of the picture takes no
part (transparency, regions).

The coefficients, those of the default, relative loss or the paper's, are made by
:mod:`nst_core.loss.weights` and :mod:`nst_core.painting.targets`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from nst_core.array_types import Array

Statistic: TypeAlias = Literal["gram", "moments", "wasserstein"]
"""What of the features at a layer a style is held to be."""


@dataclass(frozen=True)
class ContentTerm:
    """Squared error of features at a layer.

    ``target`` is P, ``(N, h, w)``; ``mask`` is ``(h, w)`` in 0..1, or None for ones.
    """

    layer: str
    weight: float
    target: Array
    mask: Array | None = None

    @property
    def name(self) -> str:
        """What reports call this term."""
        return f"content {self.layer}"


@dataclass(frozen=True)
class StyleTerm:
    """Distance of the statistics of features at a layer from those of a style.

    ``target`` is A, the style's Gram matrix ``(N, N)``, per position; ``mean`` its mean features ``(N,)``,
    None where ``statistic`` is ``gram``. ``guide`` is ``(h, w)`` in 0..1, or None for ones. ``region`` tells
    the terms of several regions apart in reports.
    """

    layer: str
    weight: float
    target: Array
    guide: Array | None = None
    statistic: Statistic = "gram"
    mean: Array | None = None
    region: str = ""

    @property
    def name(self) -> str:
        """What reports call this term."""
        return f"style {self.layer}" + (f" ({self.region})" if self.region else "")


@dataclass(frozen=True)
class TotalVariation:
    """TV-beta of Mahendran and Vedaldi 2015, eq. 3, as a mean over the picture's pixels."""

    weight: float
    beta: float = 2.0
    name: str = "total variation"


@dataclass(frozen=True)
class AlphaNorm:
    """The alpha-norm of Mahendran and Vedaldi 2015, eq. 2, of pixels in -1..1, as a mean over the picture."""

    weight: float
    alpha: float = 6.0
    name: str = "alpha norm"


@dataclass(frozen=True)
class RangePenalty:
    """Mean square of what lies outside 0..1: smooth, so that L-BFGS needs no clamping."""

    weight: float
    name: str = "range"


Prior: TypeAlias = TotalVariation | AlphaNorm | RangePenalty
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
        """The terms that look at features, in report order."""
        return (*self.content, *self.style)

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers whose features are needed, each once."""
        return tuple(dict.fromkeys(term.layer for term in self.layer_terms))
