"""Menus and windows to keep, rename, remove, export and import styles.

The engine does the work in the background (see ``style_commands``); the dialog stays usable. ``changed(old,
new)`` is called with the paths of a renamed style, or with an empty ``new`` for a removed one;
``show_error(sentence)`` reports failures.
"""

from __future__ import annotations

import os
from pathlib import Path

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402

from nst_gimp.image import previews, style  # noqa: E402
from nst_gimp.process import kept_styles, ready_styles, style_commands  # noqa: E402
from nst_gimp.process.job_folder import JobFolder  # noqa: E402
from nst_gimp.settings import arguments, contract  # noqa: E402
from nst_gimp.text.messages import UserError, to_user_error  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import screen_fit, thumbnails, widgets  # noqa: E402
from nst_gimp.ui.name_dialog import PICTURE_SIDE, NameDialog, NameQuestion  # noqa: E402

SUFFIX = ".styles.json"


class StyleMenus:
    """The commands on styles; ``parent()`` returns the window that theirs appear above."""

    def __init__(self, config, parent, changed, show_error) -> None:
        self.config, self.parent, self.changed, self.show_error = config, parent, changed, show_error

    def menu(self) -> Gtk.Menu:
        """Return the menu for all styles."""
        has_styles = bool(kept_styles.list_styles())
        return make_menu(
            (_("_Import styles…"), self.import_file, True),
            (_("_Export all kept styles…"), self.export, has_styles),
        )

    def menu_of(self, path: str) -> Gtk.Menu:
        """Return the menu for one style."""
        if ready_styles.is_ready(path):
            return make_menu((_("_Keep…"), lambda: self.keep(style.from_path(path)), True))
        if not is_kept(path):
            return make_menu(
                (_("_Keep…"), lambda: self.keep(style.from_path(path)), True),
                (_("_Forget"), lambda: self._forget(path), True),
            )
        return make_menu(
            (_("Re_name…"), lambda: self.rename(path), True),
            (_("_Export…"), lambda: self.export(path), True),
            (_("_Remove…"), lambda: self.remove(path), True),
        )

    def keep_chosen(self, on_kept) -> None:
        """Keep the chosen style; calls ``on_kept(path)`` with the path of the kept picture."""
        try:
            source = style.from_config(self.config)
            if source is not None:
                self.keep(source, on_kept)
        except UserError as error:
            self.show_error(str(error))

    def keep(self, source, on_kept=None) -> None:
        """Ask for a name and keep a style under it."""
        self.show_error("")
        try:
            settings = style_commands.style_settings(arguments.read(self.config))
        except UserError as error:
            self.show_error(str(error))
            return
        settings_text = "\n".join(widgets.setting_text(name, value) for name, value in settings.items())
        path = source.file.get_path() if source.file is not None else ""

        def act(name: str, with_settings: bool, replacing: bool, done) -> None:
            job_folder = None
            try:
                picture = path
                if not path or Path(path).suffix.lower() not in contract.STYLE_SUFFIXES:
                    job_folder = JobFolder()
                    picture = job_folder.path("style.png")
                    style.write_png(source, picture)
            except Exception as error:  # otherwise the window would wait for ever
                if job_folder is not None:
                    job_folder.__exit__()
                done(to_user_error(error))
                return
            options = style_commands.to_options(settings) if with_settings else []
            force = ["--force"] if replacing else []

            def finished(answer, problem) -> None:
                if job_folder is not None:
                    job_folder.__exit__()
                done(problem)
                if problem is None:
                    self.changed("", "")
                    if on_kept is not None:
                        on_kept(str(answer.get("path") or ""))

            command = [f"--as={name}", *force, *options, "--", picture]
            style_commands.run_in_background("add", command, style_commands.default_folder(), finished)

        NameDialog(
            self.parent(),
            NameQuestion(
                title=_("Keep a Style"),
                button=_("_Keep"),
                name=style_commands.make_valid_name(source.name),
                picture=picture_of(source),
                settings=settings_text,
            ),
            act,
        ).show()

    def rename(self, path: str) -> None:
        """Ask for a new name for a kept style."""
        self.show_error("")
        old = kept_styles.file_stem(path)

        def act(name: str, _settings: bool, replacing: bool, done) -> None:
            def renamed(answer, problem) -> None:
                done(problem)
                if problem is None:
                    self.changed(path, str(answer.get("path") or ""))

            force = ["--force"] if replacing else []
            style_commands.run_in_background("rename", [*force, "--", old, name], Path(path).parent, renamed)

        picture = thumbnails.thumbnail(path, PICTURE_SIDE)
        question = NameQuestion(_("Rename the Style"), _("_Rename"), old, picture, old_name=old)
        NameDialog(self.parent(), question, act).show()

    def remove(self, path: str) -> None:
        """Remove a kept style after the user has confirmed it."""
        self.show_error("")
        name = kept_styles.file_stem(path)
        question = _("Remove the style “{name}”?").format(name=name)
        details = _("Its picture and settings are deleted. Paintings made with it stay as they are.")
        if not ask(self.parent(), _("Remove the Style"), question, details, _("_Remove")):
            return

        def removed(_answer, problem) -> None:
            if problem is None:
                self.changed(path, "")
            else:
                self.show_error(str(problem))

        style_commands.run_in_background("remove", ["--", name], Path(path).parent, removed)

    def _forget(self, path: str) -> None:
        kept_styles.remove_recent(path)
        self.changed("", "")

    def export(self, path: str = "") -> None:
        """Write one kept style, or all, with pictures and settings, into one file."""
        self.show_error("")
        name = kept_styles.file_stem(path) if path else ""
        suggested = (name or _("styles")) + SUFFIX
        target = choose_file(
            self.parent(), _("Export Styles"), Gtk.FileChooserAction.SAVE, _("_Export"), suggested
        )
        if not target:
            return
        folder = Path(path).parent if path else style_commands.default_folder()
        command = ["--force", "--", target, *([name] if name else [])]
        style_commands.run_in_background(
            "export", command, folder, lambda _answer, problem: self._report(problem)
        )

    def import_file(self) -> None:
        """Keep the styles of an exported file; ask before any are replaced."""
        self.show_error("")
        path = choose_file(self.parent(), _("Import Styles"), Gtk.FileChooserAction.OPEN, _("_Import"))
        if path:
            self._import(path, replacing=False)

    def _import(self, path: str, *, replacing: bool) -> None:
        def imported(_answer, problem) -> None:
            if problem is not None and problem.code == style_commands.TAKEN and not replacing:
                question = _("Replace the styles with the same names?")
                if ask(self.parent(), _("Replace Styles"), question, problem.message, _("_Replace")):
                    self._import(path, replacing=True)
                return
            self._report(problem)
            if problem is None:
                self.changed("", "")

        command = [*(["--force"] if replacing else []), "--", path]
        style_commands.run_in_background("import", command, style_commands.default_folder(), imported)

    def _report(self, problem) -> None:
        if problem is not None:
            self.show_error(str(problem))


def is_kept(path: str) -> bool:
    """Return whether the file at ``path`` is a kept style."""
    return any(kept_style.path == path for kept_style in kept_styles.list_styles())


def picture_of(source):
    """Return a small picture of a style, or None if there is none."""
    try:
        if source.layer is not None:
            return previews.of_layer(source.layer, previews.full_box(source.layer), PICTURE_SIDE)
        return previews.of_file(source.file, PICTURE_SIDE)[0]
    except UserError:
        return None


def make_menu(*entries) -> Gtk.Menu:
    """Return a menu of (label, function, whether it can be chosen)."""
    menu = Gtk.Menu()
    for label, act, enabled in entries:
        item = Gtk.MenuItem.new_with_mnemonic(label)
        item.set_sensitive(enabled)
        # After the menu has closed: a window that opens under it would not get the keyboard.
        item.connect("activate", lambda _item, act=act: GLib.idle_add(lambda: act() and False))
        menu.append(item)
    menu.show_all()
    return menu


def ask(parent, title: str, question: str, details: str, button: str) -> bool:
    """Ask the user to confirm something that cannot be undone."""
    window = Gtk.MessageDialog(
        title=title, transient_for=parent, modal=True, message_type=Gtk.MessageType.QUESTION, text=question
    )
    window.format_secondary_text(details)
    window.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
    window.add_button(button, Gtk.ResponseType.OK).get_style_context().add_class("destructive-action")
    window.set_default_response(Gtk.ResponseType.CANCEL)
    answer = window.run()
    window.destroy()
    return answer == Gtk.ResponseType.OK


def choose_file(parent, title: str, action, button: str, suggested: str = "") -> str:
    """Ask for a style archive; return its path, or ""."""
    chooser = Gtk.FileChooserDialog(title=title, transient_for=parent, action=action)
    chooser.add_buttons(_("_Cancel"), Gtk.ResponseType.CANCEL, button, Gtk.ResponseType.ACCEPT)
    chooser.set_default_response(Gtk.ResponseType.ACCEPT)
    chooser.set_do_overwrite_confirmation(True)
    screen_fit.keep_on_screen(chooser)
    if suggested:
        chooser.set_current_name(suggested)
        chooser.set_current_folder(os.path.expanduser("~"))
    for label, pattern in ((_("Style archives"), "*.json"), (_("All files"), "*")):
        files = Gtk.FileFilter()
        files.set_name(label)
        files.add_pattern(pattern)
        chooser.add_filter(files)
    path = chooser.get_filename() if chooser.run() == Gtk.ResponseType.ACCEPT else None
    chooser.destroy()
    return path or ""
