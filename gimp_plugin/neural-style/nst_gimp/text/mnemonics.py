"""Letters for controls: each label gets one that is pressed with Alt, marked as GTK wants it: "_Strength".

Takes labels in any language and the letters that are taken. Does not depend on GTK.
"""

from __future__ import annotations


def mark(label: str, taken: dict, reserved=()) -> str:
    """Return ``label`` with an underscore before its letter, and count that letter in ``taken``.

    ``taken`` has the number of controls for each letter. The first free letter at the beginning of a word is
    chosen, or else any free one, or else the one with the fewest controls: GTK goes from one to the next.
    Letters in ``reserved`` are never chosen: a button must react to its letter at once. So a label may stay
    without a letter.
    """
    candidates = [
        index
        for index, letter in enumerate(label)
        if letter.isalnum() and letter.isascii() and letter.lower() not in reserved
    ]
    if not candidates:
        return label.replace("_", "__")

    def cost(index: int) -> tuple:
        begins_word = index == 0 or not label[index - 1].isalnum()
        return taken.get(label[index].lower(), 0), not begins_word, index

    chosen = min(candidates, key=cost)
    letter = label[chosen].lower()
    taken[letter] = taken.get(letter, 0) + 1
    before, rest = label[:chosen].replace("_", "__"), label[chosen:].replace("_", "__")
    return f"{before}_{rest}"
