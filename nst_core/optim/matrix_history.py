"""The curvature pairs of L-BFGS as rows of two matrices, for devices that start kernels slower than they run.

The two loops of :mod:`nst_core.optim.lbfgs` start a dozen kernels for each pair, one after the other. Here
each loop is two products with a matrix, and a system of equations of the size of the history. With S and Y
the steps and changes, oldest first, R the upper triangle of S Y^T, D its diagonal, and H0 the initial inverse
Hessian:

    R a = S g,  r = H0 (g - Y^T a),  R^T c = D a - Y r,  H g = r + S^T c

which is the recursion with its coefficients eliminated (Byrd, Nocedal and Schnabel 1994 give the same product
in other terms). Takes torch tensors; nothing in it waits for the device. Does not know what a loss is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from array_api_compat import device

from nst_core.array_types import DeviceArray, array_namespace
from nst_core.optim.vectors import InMemoryStore, StoreFactory, VectorStore, strips


def suits_matrices(picture: DeviceArray, make_store: StoreFactory) -> bool:
    """Return whether the history of a picture is kept in matrices: on a card, whole, and in full precision.

    On a processor neither form is always faster: a direction took 1.3 ms with the two loops and 3.0 ms with
    matrices at 64 x 64 pixels, 16 and 7 at 256, 38 and 68 at 512. It keeps the two loops, which need less
    memory at a time. Larger pictures are computed in strips to save memory.
    """
    on_card = getattr(device(picture), "type", "cpu") != "cpu"
    return on_card and make_store is InMemoryStore and len(strips(picture)) == 1


class RowStore:
    """A row of a matrix as the store of a vector of one strip, of ``shape``."""

    def __init__(self, matrix: DeviceArray, row: int, shape: tuple[int, ...]) -> None:
        self.matrix, self.row, self.shape = matrix, row, shape

    def append(self, values: DeviceArray) -> DeviceArray:
        """Write the row, and return ``values``."""
        self.matrix[self.row] = array_namespace(values).reshape(values, (-1,))
        return values

    def get(self, index: int) -> DeviceArray:  # noqa: ARG002 -- there is one strip
        """Read the row."""
        return array_namespace(self.matrix).reshape(self.matrix[self.row], self.shape)


class MatrixHistory:
    """Steps S and changes Y of the gradient, (capacity, n) each, in a ring of rows."""

    def __init__(self, picture: DeviceArray, capacity: int) -> None:
        self.xp = array_namespace(picture)
        self.shape, self.capacity = tuple(picture.shape), capacity
        self.kind = {"dtype": picture.dtype, "device": device(picture)}
        size = math.prod(self.shape)
        self.steps, self.changes = (self.xp.zeros((capacity, size), **self.kind) for _ in range(2))
        self.clear()

    def clear(self) -> None:
        """Forget all pairs."""
        self.count = 0  # pairs that have been kept, those that were replaced included
        self.products = self.xp.zeros((self.capacity, self.capacity), **self.kind)  # s_i . y_j
        self.used = self.xp.zeros((self.capacity,), **self.kind)  # 1 for a pair that counts, else 0

    def make_stores(self) -> tuple[VectorStore, VectorStore]:
        """Return stores for the next pair, in the rows of the oldest, which counts no longer."""
        row = self.count % self.capacity
        self.used[row : row + 1] *= 0.0  # a number would be copied from the host
        return RowStore(self.steps, row, self.shape), RowStore(self.changes, row, self.shape)

    def keep(self, positive: DeviceArray) -> None:
        """Keep the pair that was stored last; it counts if ``positive`` ()."""
        row = self.count % self.capacity
        self.products[:, row] = self.steps @ self.changes[row]
        self.used[row] = self.xp.astype(positive, self.used.dtype)
        self.count += 1

    def shorten(self, capacity: int) -> list[tuple[VectorStore, VectorStore]]:
        """Keep the newest ``capacity`` pairs at most; return the stores of all rows, oldest first."""
        xp, turn = self.xp, self.count % self.capacity
        newest = slice(self.capacity - capacity, None)
        rows = [(turn + index) % self.capacity for index in range(self.capacity)][newest]
        # One matrix after the other: there is little memory left.
        self.steps = xp.stack([self.steps[row] for row in rows])
        self.changes = xp.stack([self.changes[row] for row in rows])
        self.products = self._oldest_first(self.products, axes=(0, 1))[newest, newest] + 0.0
        self.used = self._oldest_first(self.used)[newest] + 0.0
        self.capacity, self.count = capacity, capacity
        return [
            (RowStore(self.steps, row, self.shape), RowStore(self.changes, row, self.shape))
            for row in range(capacity)
        ]

    def apply(self, gradient: DeviceArray, initial: Callable[[DeviceArray], DeviceArray]) -> DeviceArray:
        """Return the inverse Hessian's product with ``gradient``; ``initial`` multiplies by H0."""
        xp = self.xp
        used = self._oldest_first(self.used) > 0
        products = self._oldest_first(self.products, axes=(0, 1))
        both = used[:, None] & used[None, :]
        identity = xp.eye(self.capacity, **self.kind)
        triangle = xp.where(both, xp.triu(products), identity)
        nothing = xp.zeros_like(self.used)

        along = xp.where(used, self._oldest_first(self.steps @ xp.reshape(gradient, (-1,))), nothing)
        first = xp.linalg.solve_triangular(triangle, along[:, None], upper=True)[:, 0]
        rest = xp.reshape(gradient, (-1,)) - self._as_rows(first) @ self.changes
        flat = xp.reshape(initial(xp.reshape(rest, self.shape)), (-1,))
        against = xp.linalg.diagonal(products) * first - self._oldest_first(self.changes @ flat)
        against = xp.where(used, against, nothing)
        second = xp.linalg.solve_triangular(triangle.T, against[:, None], upper=False)[:, 0]
        return xp.reshape(flat + self._as_rows(second) @ self.steps, self.shape)

    def _oldest_first(self, by_row: DeviceArray, axes: tuple[int, ...] = (0,)) -> DeviceArray:
        """Bring what belongs to rows into the order of the pairs; rows without one come first."""
        turn = self.count % self.capacity
        return self.xp.roll(by_row, (-turn,) * len(axes), axis=axes)

    def _as_rows(self, by_pair: DeviceArray) -> DeviceArray:
        """Bring what belongs to pairs into the order of the rows."""
        return self.xp.roll(by_pair, self.count % self.capacity, axis=0)
