"""The worker's command ``fetch``: download a network while the plug-in shows the progress.

The download continues where an earlier one stopped. It is cancelled by closing stdin, which ends the process.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from nst_core.vgg.store import ModelStore

if TYPE_CHECKING:
    from nst_core.vgg.fetched_files import FetchProgress
    from nst_core.worker.commands import SendEvent


def fetch(name: str, send: SendEvent) -> dict[str, object]:
    """Download and install the network ``name``, and return the done event's fields.

    Sends a ``fetch`` event for each step of the progress that can be seen: a thousandth of the bytes.

    Raises:
        NstError: ``unknown-model``, or the download failed; see :meth:`ModelStore.fetch`.
    """
    last = ("", -1)

    def report(step: FetchProgress) -> None:
        nonlocal last
        current = (step.phase, 1000 * step.done // max(1, step.total))
        if current != last:
            last = current
            send("fetch", **asdict(step))

    network = ModelStore().fetch(name, report)
    return {"model": network.name, "model_sha256": network.sha256}
