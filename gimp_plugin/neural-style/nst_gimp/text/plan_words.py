"""What a plan says, in words: where, how long, how much memory, and what is particular about the painting.

Comes from the engine's plan event, goes out as sentences. Knows neither GIMP nor the dialog.
"""

from __future__ import annotations

from nst_gimp.text.words import _, amount, roughly

LONG_SECONDS = 20 * 60
"""From here on it is worth saying what makes a painting take less."""


def all_of_it(plan: dict, device: str, *, limited: bool) -> str:
    """Return everything there is to say, a line for each matter; ``limited``: a time limit is set."""
    return "\n".join(filter(None, (expected(plan, device), how(plan), advice(plan, limited=limited))))


def expected(plan: dict, device: str) -> str:
    """Say where it is painted, how long that takes, and how much memory."""
    seconds, size, device_size = (plan.get(name) for name in ("seconds", "bytes", "device_bytes"))
    parts = [_("about {time}").format(time=roughly(seconds))] if _is_number(seconds) else []
    if _is_number(size) and size > 0:
        parts.append(_("{amount} of memory").format(amount=amount(size)))
    if _is_number(device_size) and device_size > 0:
        parts.append(_("{amount} of the device’s").format(amount=amount(device_size)))
    if not _is_number(seconds):
        parts.append(_("how long it takes is known after the first painting"))
    return _("On {device}: {facts}.").format(device=device or "?", facts=", ".join(parts))


def how(plan: dict) -> str:
    """Say what is particular about a large painting: that it is carried up, that it is painted in tiles."""
    levels = plan.get("levels") or []
    if not levels:
        return ""
    last, size = levels[-1], (plan.get("width") or 0, plan.get("height") or 0)
    own = (last.get("width"), last.get("height"))
    said = []
    if all(size) and size != own:
        said.append(
            _("Painted at {own} pixels and carried up to {full}.").format(own=across(own), full=across(size))
        )
    if (last.get("tiles") or 1) > 1:
        said.append(_("Painted in {count} tiles, to fit into memory.").format(count=last["tiles"]))
    return "\n".join(said)


def advice(plan: dict, *, limited: bool) -> str:
    """Say what makes a long painting take less, where nothing has been done about it."""
    seconds = plan.get("seconds")
    long = _is_number(seconds) and seconds > LONG_SECONDS
    return _("A time limit makes it shorter.") if long and not limited else ""


def across(size) -> str:
    """Say a size: "6000 × 4000"."""
    return " × ".join(str(side) for side in size)


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
