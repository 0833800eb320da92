"""The dialog for animations: which layers are the frames, the style, how long, and what the result is.

GIMP's ProcedureDialog keeps the last values, one set of saved settings and the Reset button.
"""

from __future__ import annotations

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, Gtk  # noqa: E402

from nst_gimp.image import frames, layers  # noqa: E402
from nst_gimp.process.warm_engine import WarmEngine  # noqa: E402
from nst_gimp.run import queue_words  # noqa: E402
from nst_gimp.settings import animation_arguments  # noqa: E402
from nst_gimp.settings.animation_arguments import AUTOMATIC, GROUP, IMAGE  # noqa: E402
from nst_gimp.text.messages import UserError  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import access, dialog_buttons, engine_help, help_button, report_window, screen_fit, widgets  # noqa: E402
from nst_gimp.ui.advanced_page import AdvancedPage  # noqa: E402
from nst_gimp.ui.animation_plan import AnimationPlan  # noqa: E402
from nst_gimp.ui.error_bar import ErrorBar  # noqa: E402
from nst_gimp.ui.look_page import LookPage  # noqa: E402
from nst_gimp.ui.queue_rows import QueueRows  # noqa: E402


class AnimationDialog:
    """One dialog, shown again until an animation is painted or the user cancels.

    Raises:
        UserError: there are no frames.
    """

    def __init__(self, procedure, config, image, drawables) -> None:
        self.config, self.image, self.drawables = config, image, drawables
        self.frames = self._find()
        self.warm_engine = WarmEngine()
        self.expected_seconds, self._plan = None, ""
        self.window = GimpUi.ProcedureDialog.new(procedure, config, _("Neural Style for an Animation"))
        self.window.set_ok_label(_("_Paint"))
        self.plan_text = _wrapped(_("Estimating the time…"))
        self.plan_text.get_style_context().add_class("dim-label")
        self.frames_text = _wrapped("")
        self.help = engine_help.EngineHelp(
            self._engine_repaired, lambda text: report_window.show(text, self.window)
        )
        self.bar = ErrorBar(self.help)
        self.queue_rows = QueueRows(image, self._show_plan)
        body = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, border_width=12)
        for widget in (self.bar, self.help, self.queue_rows, self.frames_text):
            body.pack_start(widget, False, False, 0)
        pages = self._pages()
        body.pack_start(pages, True, True, 0)
        for widget in (self._choices(), self.plan_text, self.help.line):
            body.pack_start(widget, False, False, 0)
        area = self.window.get_content_area()
        area.pack_start(body, True, True, 0)
        area.reorder_child(body, 0)
        screen_fit.keep_on_screen(self.window)
        body.show_all()
        help_button.replace(self.window, "animations", self.bar.show_error)
        dialog_buttons.gather(self.window)
        paint = self.window.get_widget_for_response(Gtk.ResponseType.OK)
        paint.set_tooltip_text(_("Paint all frames with these settings"))
        access.complete(self.window, pages, _("Settings"))
        for name in ("style-file", "style-layer"):
            config.connect(f"notify::{name}", lambda *_args: self._update_buttons())
        config.connect(f"notify::{animation_arguments.FRAMES_NAME}", lambda *_args: self._frames_chosen())
        self._describe_frames()
        self._update_buttons()

    def _pages(self) -> Gtk.Notebook:
        subject = frames.subject_of(self.frames)
        self.look = LookPage(self.config, subject, self.bar.show_error)
        self.advanced = AdvancedPage(self.config, subject)
        pages = Gtk.Notebook(scrollable=True)
        for words, page in ((_("St_yle"), self.look), (_("_Advanced"), self.advanced)):
            page.set_border_width(10)
            pages.append_page(page, Gtk.Label(label=words, use_underline=True, margin=4))
        return pages

    def _find(self):
        """Return the frames that are chosen; those of the image if no group is selected any more."""
        if self.config.get_property(animation_arguments.FRAMES_NAME) == GROUP and self._group() is None:
            self.config.set_property(animation_arguments.FRAMES_NAME, AUTOMATIC)
        if self._has_palette():
            self.config.set_property(animation_arguments.RESULT_NAME, IMAGE)
        which, _result = animation_arguments.choices(self.config)
        return frames.find(self.image, self.drawables, which)

    def _group(self):
        return frames.selected_group(self.drawables)

    def _has_palette(self) -> bool:
        return self.image.get_base_type() == Gimp.ImageBaseType.INDEXED

    def _choices(self) -> Gtk.Widget:
        """Return the menus of the frames and of the result."""
        grid = Gtk.Grid(column_spacing=12, row_spacing=6)
        group = self._group()
        if group is not None:
            menu = self._menu(
                animation_arguments.FRAMES_NAME,
                (
                    (AUTOMATIC, _("The layers of the group “{name}”").format(name=group.get_name())),
                    (IMAGE, _("The layers of the image")),
                ),
                _("Which layers are the frames"),
            )
            _attach(grid, 0, _("_Which layers:"), menu)
        result = self._menu(
            animation_arguments.RESULT_NAME,
            ((IMAGE, _("A new image")), (GROUP, _("A new layer group in this image"))),
            _("An image with a palette cannot take painted layers")
            if self._has_palette()
            else _("What becomes of the painted frames"),
        )
        result.set_sensitive(not self._has_palette())
        _attach(grid, 1, _("Resul_t:"), result)
        return grid

    def _menu(self, name: str, choices, tip: str) -> Gtk.ComboBoxText:
        menu = Gtk.ComboBoxText(tooltip_text=tip, hexpand=True)
        for choice, text in choices:
            menu.append(choice, text)
        self.config.bind_property(name, menu, "active-id", widgets.BOTH_WAYS)
        return menu

    def _frames_chosen(self) -> None:
        try:
            self.frames = self._find()
        except UserError as error:
            self.bar.show_error(str(error))
            return
        self.bar.show_error("")
        self._describe_frames()

    def _describe_frames(self) -> None:
        found = self.frames
        text = _("{count} frames of {width} × {height} pixels, from the bottom layer to the top.").format(
            count=len(found.frames), width=found.box[2], height=found.box[3]
        )
        if not Gimp.Selection.is_empty(self.image):
            text += " " + _("The selection does not matter: whole frames are painted.")
        if self._has_palette():
            text += " " + _("The result has all colours, not only those of the palette.")
        self.frames_text.set_text(text)

    def _update_buttons(self) -> None:
        has_style = any(self.config.get_property(name) is not None for name in ("style-file", "style-layer"))
        can_paint = has_style and self.help.problem is None
        self.window.set_response_sensitive(Gtk.ResponseType.OK, can_paint)

    def ask(self) -> bool:
        """Show the dialog until it is answered; return whether to paint."""
        layers.check_open(self.image)
        plan = AnimationPlan(self.warm_engine, lambda: self.frames, self.config, self._show_plans)
        self.ask_plans_again = plan.ask_again
        self.queue_rows.start()
        try:
            return self.window.run()
        finally:
            self.expected_seconds = plan.seconds
            self.queue_rows.stop()
            plan.stop()
            self.warm_engine.close()  # the run needs the memory
            self.window.hide()
            while Gtk.events_pending():
                Gtk.main_iteration()

    def _show_plans(self, text: str, plans: dict) -> None:
        self.help.show_plans(plans)
        self._plan = text if self.help.problem is None else ""
        self._show_plan(self.queue_rows.entries)
        self.look.time_choice.show_plans({} if self.help.problem else plans)
        self._update_buttons()
        if any(isinstance(plan, dict) for plan in plans.values()):  # the user waits for the plan first
            self.advanced.device_choice.ask(self.warm_engine)

    def _show_plan(self, entries: list) -> None:
        wait = queue_words.describe_wait(entries)
        self.plan_text.set_text(f"{wait}.\n{self._plan}" if wait else self._plan)

    def _engine_repaired(self) -> None:
        """Use the engine that was installed or completed meanwhile, without restarting anything."""
        self.warm_engine.close()
        self.help.show_problem(None)
        self.look.chooser.refresh()
        self.ask_plans_again()

    def close(self) -> None:
        """Destroy the dialog."""
        self.window.destroy()


def _wrapped(text: str) -> Gtk.Label:
    return Gtk.Label(label=text, xalign=0.0, wrap=True, max_width_chars=60)


def _attach(grid, row: int, text: str, widget) -> None:
    label = Gtk.Label(label=text, use_underline=True, xalign=0.0)
    label.set_mnemonic_widget(widget)
    grid.attach(label, 0, row, 1, 1)
    grid.attach(widget, 1, row, 1, 1)
