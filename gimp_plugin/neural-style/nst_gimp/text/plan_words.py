"""A plan in words: device, time, memory, and how a large picture is painted.

Takes the engine's plan event and returns sentences. Does not depend on GIMP or the dialog.
"""

from __future__ import annotations

from nst_gimp.text.words import _, format_bytes, format_estimate

SOFT_SHARE = 1 / 3
"""A painting whose side is a smaller share of the photo's looks soft when it is enlarged."""


def describe_plan(plan: dict, device: str, full_size: tuple) -> str:
    """Return all sentences about a plan, one on each line.

    ``full_size`` is the (width, height) of the result.
    """
    return "\n".join(filter(None, (describe_cost(plan, device), describe_method(plan, full_size))))


def describe_choice(plan, side, photo_side: int) -> str:
    """Return one line about a choice of how long to paint: its time and its size.

    ``plan`` is the engine's event, an error instead of it, or None. ``side`` is the long side in pixels that
    the choice sets, 0 for the photo's own; None takes the plan's.
    """
    if isinstance(plan, Exception):
        return getattr(plan, "message", str(plan))
    facts = []
    seconds = seconds_of(plan)
    if seconds is not None:
        facts.append(_("about {time}").format(time=format_estimate(seconds)))
    if side is None:
        side = max(painted_size(plan or {}), default=0)
        if not side:
            return ", ".join(facts)
    if side in (0, photo_side):
        facts.append(_("painted at full size ({side} px)").format(side=photo_side))
    elif side < photo_side:
        facts.append(_("painted at {side} px, then enlarged").format(side=side))
    else:
        facts.append(_("painted at {side} px, then reduced").format(side=side))
    return ", ".join(facts)


def seconds_of(plan):
    """Return the seconds of a plan, or None if there is none or it does not know."""
    seconds = plan.get("seconds") if isinstance(plan, dict) else None
    return float(seconds) if _is_number(seconds) else None


def painted_size(plan: dict) -> tuple:
    """Return the (width, height) of the last level that is painted, or () if there is none."""
    levels = plan.get("levels") or []
    return (levels[-1].get("width") or 0, levels[-1].get("height") or 0) if levels else ()


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


def describe_method(plan: dict, full_size: tuple) -> str:
    """Return sentences for a picture that is painted small and enlarged, or in tiles; else ""."""
    size, sentences = painted_size(plan), []
    if not size:
        return ""
    sizes = {"own": format_size(size), "full": format_size(full_size)}
    if is_soft(plan, full_size):
        factor = round(max(full_size) / max(size))
        sentences.append(
            _("Painted at {own} px, then enlarged {factor} times to {full}: strokes will be soft.").format(
                factor=factor, **sizes
            )
        )
    elif all(full_size) and max(full_size) > max(size):
        sentences.append(_("Painted at {own} px, then enlarged to {full}.").format(**sizes))
    tiles = plan["levels"][-1].get("tiles") or 1
    if tiles > 1:
        sentences.append(_("Painted in {count} tiles to fit into memory.").format(count=tiles))
    return "\n".join(sentences)


def is_soft(plan: dict, full_size: tuple) -> bool:
    """Return whether the picture is painted so small that it looks soft when it is enlarged."""
    size = painted_size(plan)
    return bool(size) and max(size) < SOFT_SHARE * max(full_size)


def format_size(size) -> str:
    """Return a size in pixels as text: "6000 × 4000"."""
    return " × ".join(str(side) for side in size)


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
