"""Keyboard and screen reader: a letter for every labelled control, and a name for every control.

Goes over finished windows, so that a page's own code need not care about either.
"""

from __future__ import annotations

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GimpUi, Gtk  # noqa: E402

from nst_gimp.text import mnemonics  # noqa: E402


def complete(window, pages: Gtk.Notebook, name: str) -> None:
    """Give the controls on ``pages`` letters, the pages their tabs' names, and all of them ``name``."""
    mark_letters(window, pages)
    set_name(pages, name)
    for page in pages.get_children():
        set_name(page, pages.get_tab_label(page).get_text())


def mark_letters(window, pages: Gtk.Notebook) -> None:
    """Give letters to the labelled controls on ``pages`` that have none.

    Letters used outside the pages, for the pages themselves, and by buttons on them are kept for those; pages
    may use the same letters, because only one is shown.
    """
    bodies = pages.get_children()
    outside = [
        widget for widget in descendants(window) if not any(widget.is_ancestor(body) for body in bodies)
    ]
    reserved = letters_of(outside + [pages.get_tab_label(body) for body in bodies])
    for body in bodies:
        widgets = list(descendants(body))
        kept, taken = {*reserved, *letters_of(widgets)}, {}
        for widget in widgets:
            if isinstance(widget, GimpUi.SpinScale) and is_without_letter(widget):
                widget.set_label(mnemonics.mark(widget.get_label(), taken, kept))
            elif is_label_of_control(widget) and is_without_letter(widget):
                widget.set_text_with_mnemonic(mnemonics.mark(widget.get_text(), taken, kept))


def set_name(widget, name: str) -> None:
    """Tell screen readers what a control without a label of its own is for."""
    widget.get_accessible().set_name(name)


def descendants(widget):
    """Yield the widgets in ``widget``, each before what is in it."""
    if isinstance(widget, Gtk.Container):
        children: list = []
        widget.forall(children.append)
        for child in children:
            yield child
            yield from descendants(child)


def is_label_of_control(widget) -> bool:
    """Return whether a widget is a label in front of a control."""
    return isinstance(widget, Gtk.Label) and widget.get_mnemonic_widget() is not None


def is_without_letter(widget) -> bool:
    """Return whether a label or slider has no letter yet."""
    return widget.get_mnemonic_keyval() in (0, Gdk.KEY_VoidSymbol)


def letters_of(widgets) -> list:
    """Return the letters that ``widgets`` have."""
    keys = [
        widget.get_mnemonic_keyval()
        for widget in widgets
        if isinstance(widget, (Gtk.Label, GimpUi.SpinScale)) and not is_without_letter(widget)
    ]
    return [chr(Gdk.keyval_to_unicode(key)).lower() for key in keys if Gdk.keyval_to_unicode(key)]
