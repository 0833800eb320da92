"""Array types that the packages share: numpy arrays, and arrays of the backend's framework."""

from typing import Any, TypeAlias

import array_api_compat
import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float32]
"""A numpy array of float32."""

DeviceArray: TypeAlias = Any
"""An array of the backend in use: a numpy array or a torch tensor. Its framework does the arithmetic."""


def array_namespace(array: DeviceArray) -> Any:
    """Return the functions of the array API for an array's framework.

    NumPy is such a namespace itself from 2.1 on. Its wrapper in array-api-compat imports all of its modules,
    the Fortran compiler's included, which takes longer than the rest.
    """
    if isinstance(array, np.ndarray) and hasattr(np, "__array_namespace_info__") and hasattr(np, "astype"):
        return np
    return array_api_compat.array_namespace(array)
