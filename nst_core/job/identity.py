"""The identity of a run: hashes of all that decides the picture, by names that people know.

Two runs with the same identity paint the same picture, up to the rounding of engines and devices, so one can
go on from the other's state. Takes a job and a network, returns texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from nst_core.images.picture import Picture
from nst_core.job.model import Job, WeightedStyle
from nst_core.settings import setting_infos
from nst_core.system.content_hash import content_hash
from nst_core.vgg.network import Network

ANY_VALUE = ("color_layout", "engine", "device", "model", "time_limit", "max_memory", "max_device_memory")
"""Settings that may change when a run goes on: they act on finished pictures, or on how they are computed.
The network counts by its weights."""


def run_identity(job: Job, network: Network) -> dict[str, str]:
    """Return what decides the picture of ``job``: settings by their options, pictures and masks as hashes."""
    values = job.settings.model_dump(mode="json")
    identity = {
        f"--{name.replace('_', '-')}": json.dumps(values[name])
        for name in setting_infos()
        if name not in ANY_VALUE
    }
    regions = [
        part
        for region in job.regions
        for part in (region.mask, region.keep_colors, *style_parts(region.styles))
    ]
    return {
        "content": content_hash(picture_parts(job.content)),
        "style": content_hash(style_parts(job.styles)),
        "region": content_hash(regions),
        "mask": content_hash([job.selection, job.strength_mask]),
        "starting picture": content_hash(picture_parts(job.init_image)),
        "size": json.dumps([job.texture_size if job.content is None else None, job.keep_size]),
        "network": network.sha256,
        **identity,
    }


def differences(stored: Mapping[str, str], identity: Mapping[str, str]) -> list[str]:
    """Return the names of what differs between two runs."""
    return [name for name in {**identity, **stored} if stored.get(name) != identity.get(name)]


def combined_hash(identity: Mapping[str, str]) -> str:
    """Return one hash of an identity."""
    return content_hash([json.dumps(sorted(identity.items()))])


def picture_parts(picture: Picture | None) -> list[object]:
    """Return what decides how a picture is painted, for a hash."""
    return [] if picture is None else [picture.pixels, picture.alpha, picture.grey]


def style_parts(styles: Iterable[WeightedStyle]) -> list[object]:
    """Return what decides how ``styles`` are painted with, for a hash."""
    return [
        part
        for style in styles
        for part in (*picture_parts(style.picture), style.weight, style.mask, *picture_parts(style.fine))
    ]
