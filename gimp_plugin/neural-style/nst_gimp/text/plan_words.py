"""A plan in words: device, time, memory, and how a large picture is painted.

Takes the engine's plan event and returns sentences. Does not depend on GIMP or the dialog.
"""

from __future__ import annotations

from nst_gimp.text.words import _, format_bytes, format_estimate

LONG_SECONDS = 20 * 60
"""A longer run gets the advice to set a time limit."""


def describe_plan(plan: dict, device: str, *, limited: bool) -> str:
    """Return all sentences about a plan, one on each line. ``limited``: a time limit is set."""
    sentences = (describe_cost(plan, device), describe_method(plan), advice(plan, limited=limited))
    return "\n".join(filter(None, sentences))


def describe_cost(plan: dict, device: str) -> str:
    """Return a sentence with the device, the time and the memory."""
    seconds, size, device_size = (plan.get(name) for name in ("seconds", "bytes", "device_bytes"))
    facts = [_("about {time}").format(time=format_estimate(seconds))] if _is_number(seconds) else []
    if _is_number(size) and size > 0:
        facts.append(_("{amount} of memory").format(amount=format_bytes(size)))
    if _is_number(device_size) and device_size > 0:
        facts.append(_("{amount} of device memory").format(amount=format_bytes(device_size)))
    if not _is_number(seconds):
        facts.append(_("time unknown before the first run"))
    return _("On {device}: {facts}.").format(device=device or "?", facts=", ".join(facts))


def describe_method(plan: dict) -> str:
    """Return sentences for a picture that is painted small and enlarged, or in tiles; else ""."""
    levels = plan.get("levels") or []
    if not levels:
        return ""
    last, full_size = levels[-1], (plan.get("width") or 0, plan.get("height") or 0)
    painted_size = (last.get("width"), last.get("height"))
    sentences = []
    if all(full_size) and full_size != painted_size:
        sentences.append(
            _("Painted at {own} pixels, then enlarged to {full}.").format(
                own=format_size(painted_size), full=format_size(full_size)
            )
        )
    if (last.get("tiles") or 1) > 1:
        sentences.append(_("Painted in {count} tiles to fit into memory.").format(count=last["tiles"]))
    return "\n".join(sentences)


def advice(plan: dict, *, limited: bool) -> str:
    """Return advice for a long run that has no time limit yet, or ""."""
    seconds = plan.get("seconds")
    long = _is_number(seconds) and seconds > LONG_SECONDS
    return _("Set a time limit to shorten it.") if long and not limited else ""


def format_size(size) -> str:
    """Return a size in pixels as text: "6000 × 4000"."""
    return " × ".join(str(side) for side in size)


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
