"""Types of arrays that pass between rooms: numpy arrays, and arrays of whichever framework computes."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float32]
"""A numpy array of single precision."""

DeviceArray: TypeAlias = Any
"""An array of the backend in use: a numpy array or a torch tensor. Its own framework does the arithmetic."""
