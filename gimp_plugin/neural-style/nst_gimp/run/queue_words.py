"""The queue of paintings in words. Takes its entries and returns sentences."""

from __future__ import annotations

from nst_gimp.process.paint_queue import seconds_until_free
from nst_gimp.text.words import _, format_duration, format_estimate


def describe_wait(ahead: list) -> str:
    """Return what a painting waits for: "Waits for 1 painting, about 2 min"; "" for none."""
    if not ahead:
        return ""
    text = _("Waits for 1 painting") if len(ahead) == 1 else _("Waits for {count} paintings")
    text = text.format(count=len(ahead))
    seconds = seconds_until_free(ahead)
    if seconds is None:
        return text
    return _("{text}, about {time}").format(text=text, time=format_estimate(seconds))


def describe_place(ahead: list) -> str:
    """Return the place of a painting that waits: "Place 2 in the queue"."""
    return _("Place {place} in the queue").format(place=len(ahead) + 1)


def describe_entry(place: int, entry) -> str:
    """Return a line about a painting: its picture, its style, and its place or the time that is left."""
    facts = entry.facts
    name = _("“{image}” in the style of {style}").format(
        image=facts.get("image") or "?", style=facts.get("style") or "?"
    )
    if not facts.get("is_painting"):
        state = _("place {place}").format(place=place)
    else:
        seconds = seconds_until_free([entry])
        state = _("is being painted")
        if seconds is not None and facts.get("seconds_left") is not None:
            state = _("{time} left").format(time=format_duration(seconds))
    return _("{name}: {value}").format(name=name, value=state)
