"""The shots of a film: the frames at which the picture changes at once.

A frame begins a shot if the one before, moved along the optical flow, does not look like it. Frames are
compared at a small size. Takes and returns pictures and numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from nst_core.film.flow import Grey, find_motion, flow_frame, warp
from nst_core.images.picture import Picture
from nst_core.images.resize import fit, resize_picture

SIDE = 128
"""Long side, in pixels, at which frames are compared."""

DIFFERENCE = 0.35
"""Mean difference to the frame before, moved, as a share of that to a frame without any likeness, from which
it is another shot. Pans, zooms and passing objects have up to 0.1, two photographs 0.6 to 1."""

LEAST_CONTRAST = 0.05
"""Mean difference of unlike frames at the least, of 1 for black and white: flat frames belong together."""


def shot_starts(pictures: Iterable[Picture]) -> Iterator[bool]:
    """Yield for each of ``pictures`` whether it begins a shot; the first one does."""
    before: Grey | None = None
    for picture in pictures:
        height, width = picture.height, picture.width
        if max(height, width) > SIDE:
            height, width = (max(16, side) for side in fit(height, width, SIDE))
        small = (
            picture
            if (height, width) == (picture.height, picture.width)
            else resize_picture(picture, height, width)
        )
        after = flow_frame(small.pixels)
        yield before is None or before.shape != after.shape or is_cut(before, after)
        before = after


def is_cut(before: Grey, after: Grey) -> bool:
    """Return whether ``after`` (h, w) begins another shot than ``before``."""
    motion = find_motion(before, after)
    first, second = (frame.astype(np.float32) / np.float32(255.0) for frame in (before, after))
    moved = warp(first[None], motion.backward)[0]
    unlike = np.abs(first.ravel()[:, None][::7] - second.ravel()[::-1][::7][:, None]).mean()
    return bool(np.abs(moved - second).mean() > DIFFERENCE * max(float(unlike), LEAST_CONTRAST))
