"""The structure of the content as a prior with a target: the Laplacian of the pooled picture.

After Li et al. 2017, "Laplacian-Steered Neural Style Transfer", eq. 4 to 6. With P the mean over cells of
p x p pixels and L the Laplacian with 4 neighbours,

    E = weight * sum_ij mask_j (L P x - L P c)_ij^2,  i the colours, j the cells.

Theirs counts all cells alike, and so wipes strokes from skies, where the content has no Laplacian. Here a
cell counts by its share of edges, e / (e + the mean of e), with e the energy of the content's Laplacian in
its neighbourhood of 3 x 3 cells.

Cells start at the picture's first pixel; rows and columns that fill no cell at the right and at the bottom
are left out, as pooling of the network does. At the edge L takes only the neighbours that are there, so it is
symmetric, and the gradient is 2 weight P^T L mask (L P x - L P c). Written once for numpy and torch.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nst_core.array_types import Array, DeviceArray, array_namespace
from nst_core.loss.cells import mean_over_cells
from nst_core.loss.guides import halve_mask
from nst_core.loss.objective import Structure

ALL = slice(None)

FLAT = 1e-3
"""Energy of a cell's Laplacian, summed over the colours, below which it is grain and not structure.

Photographs have 0.05 to 0.5 on average at 192 to 1024 pixels, in cells of 2, 4 and 8 pixels.
"""


HALVINGS = (1, 2)
"""Cells have sides of 2 to the power of these."""

LARGEST_CELL = 2 ** max(HALVINGS)
"""Side of the largest cell, in pixels."""

MARGIN = 3 * LARGEST_CELL
"""Pixels around a cell that its part of the prior sees: its neighbours' own neighbours, and theirs."""

FULL_WEIGHT, POWER = 1.0, 2.5
"""Weight of the structure at 100, next to a relative loss of about 1, and its power of the setting.

Chosen by eye and with ``python -m tests.bench.judge``: see nst_core/docs/method.md.
"""


def structure_terms(pixels: Array, mask: Array | None, setting: float) -> tuple[Structure, ...]:
    """Return the priors of the setting ``structure``, 0..100, for ``pixels`` (3, h, w) and a ``mask``.

    See :func:`make_structure`; at 0 there are none.
    """
    weight = FULL_WEIGHT * (setting / 100.0) ** POWER / len(HALVINGS)
    terms = (make_structure(pixels, mask, weight, halvings) for halvings in HALVINGS)
    return tuple(term for term in terms if weight > 0 and term is not None)


def make_structure(pixels: Array, mask: Array | None, weight: float, halvings: int) -> Structure | None:
    """Return the prior that keeps the structure of ``pixels`` (3, h, w), in cells of 2^``halvings`` pixels.

    ``mask`` (h, w) in 0..1 says how much each pixel counts; None is ones. The value of the prior is
    ``weight`` for a flat picture, whatever the content, the size and the mask; it is less if the content is
    almost flat. Returns None if no cell counts.
    """
    target = np.asarray(laplacian(mean_over_cells(pixels, 2**halvings)), dtype=np.float32)
    energies = np.sum(np.square(target, dtype=np.float64), axis=0)
    counts = np.ones_like(energies) if mask is None else halve_mask(mask, halvings)
    cells = float(counts.sum(dtype=np.float64))
    if not cells:
        return None
    around = _mean_of_neighbours(energies)
    usual = max(float((around * counts).sum()) / cells, FLAT)
    counts = counts * (around / (around + usual))
    energy = max(float((energies * counts).sum()), FLAT * cells)
    return Structure(weight / energy, 2**halvings, target, counts.astype(np.float32))


def _mean_of_neighbours(energies: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean over each neighbourhood of 3 x 3 cells, the edge repeated."""
    for axis in (0, 1):
        lines = np.moveaxis(energies, axis, 0)
        around = np.concatenate([lines[:1], lines, lines[-1:]])
        energies = np.moveaxis((around[:-2] + around[1:-1] + around[2:]) / 3.0, 0, axis)
    return energies


def structure_loss(
    prior: Structure, picture: DeviceArray, owned: slice = ALL
) -> tuple[DeviceArray, DeviceArray]:
    """Return the value () of ``prior`` and its gradient at ``owned`` rows of ``picture`` (3, height, width).

    Only cells of ``owned`` rows count, which start at a cell. ``picture`` has two cells more on each side of
    them, unless it ends there.
    """
    xp = array_namespace(picture)
    cells = slice(owned.start and owned.start // prior.pool, owned.stop and owned.stop // prior.pool)
    difference = laplacian(mean_over_cells(picture, prior.pool)) - prior.target
    masked = difference * prior.mask
    value = xp.sum(masked[:, cells] * difference[:, cells]) * prior.weight
    by_cell = laplacian(masked) * (2.0 * prior.weight / prior.pool**2)
    return value, _spread(by_cell, picture, prior.pool)[:, owned]


def rows_of(prior: Structure, rows: slice) -> Structure:
    """Return ``prior`` for ``rows`` of the picture, which start at a cell, and end at one or at its end."""
    cells = slice(rows.start // prior.pool, rows.stop // prior.pool)
    return Structure(prior.weight, prior.pool, prior.target[:, cells], prior.mask[cells])


def laplacian(picture: DeviceArray) -> DeviceArray:
    """Return the sum of the differences to the neighbours above, below, left and right that exist."""
    xp = array_namespace(picture)
    result = xp.zeros_like(picture)
    down = picture[:, 1:] - picture[:, :-1]
    result[:, :-1] += down
    result[:, 1:] -= down
    right = picture[:, :, 1:] - picture[:, :, :-1]
    result[:, :, :-1] += right
    result[:, :, 1:] -= right
    return result


def _spread(by_cell: DeviceArray, picture: DeviceArray, pool: int) -> DeviceArray:
    """Return ``by_cell`` (N, h, w) repeated over cells, and 0 at pixels of ``picture`` that fill none."""
    xp = array_namespace(picture)
    channels, rows, columns = by_cell.shape
    spread = xp.zeros_like(picture)
    repeated = xp.broadcast_to(by_cell[:, :, None, :, None], (channels, rows, pool, columns, pool))
    spread[:, : rows * pool, : columns * pool] = xp.reshape(repeated, (channels, rows * pool, columns * pool))
    return spread
