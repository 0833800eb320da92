"""Array types that the packages share: numpy arrays, and arrays of the backend's framework."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float32]
"""A numpy array of float32."""

DeviceArray: TypeAlias = Any
"""An array of the backend in use: a numpy array or a torch tensor. Its framework does the arithmetic."""
