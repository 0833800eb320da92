"""The dialog: a trial, pages for the style, for regions and for advanced settings, and the plan of the run.

GIMP's ProcedureDialog keeps the last values, one set of saved settings and the Reset button. Every page can
be scrolled, so that the dialog fits on a small screen.
"""

from __future__ import annotations

import os
from contextlib import suppress

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GimpUi, Gio, Gtk  # noqa: E402

from nst_gimp.image import layers, overlays, style  # noqa: E402
from nst_gimp.process import kept_styles  # noqa: E402
from nst_gimp.process.warm_engine import WarmEngine  # noqa: E402
from nst_gimp.run import queue_words  # noqa: E402
from nst_gimp.text.messages import UserError  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import access, dialog_buttons, engine_help, help_button, look_page, report_window, screen_fit  # noqa: E402
from nst_gimp.ui.advanced_page import AdvancedPage  # noqa: E402
from nst_gimp.ui.error_bar import ErrorBar  # noqa: E402
from nst_gimp.ui.mask_tint import MaskTint  # noqa: E402
from nst_gimp.ui.plan_line import PlanLine  # noqa: E402
from nst_gimp.ui.queue_rows import QueueRows  # noqa: E402
from nst_gimp.ui.results import Results  # noqa: E402
from nst_gimp.ui.several_page import SeveralPage  # noqa: E402
from nst_gimp.ui.trial_view import TrialView  # noqa: E402


class StyleDialog:
    """One dialog, shown again until a painting is kept or the user cancels."""

    def __init__(self, procedure, config, subject, origin) -> None:
        self.origin = origin
        self.config, self.subject = config, subject
        self.warm_engine = WarmEngine()
        self.expected_seconds = None
        self.window = GimpUi.ProcedureDialog.new(procedure, config, _("Neural Style"))
        self.window.set_ok_label(_("_Paint"))
        self.plan_text = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=34)
        self.plan_text.get_style_context().add_class("dim-label")
        self._plan = _("Estimating the time…")
        self.plan_text.set_text(self._plan)
        self.help = engine_help.EngineHelp(
            self._engine_repaired, lambda text: report_window.show(text, self.window)
        )
        self.bar = ErrorBar(self.help, self._grow_to_fit)
        self.trial = TrialView(self.warm_engine, subject, config)
        body = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, border_width=12)
        left = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12)
        left.pack_start(self.trial, True, True, 0)
        self.results = Results(self, reset_missing_style)
        left.pack_start(self.results.strip, True, True, 0)
        left.pack_end(self.help.line, False, False, 0)
        left.pack_end(self.plan_text, False, False, 0)
        upper = Gtk.Box(spacing=18)
        upper.pack_start(screen_fit.column(left), True, True, 0)
        pages = self._pages()
        upper.pack_start(pages, False, True, 0)
        body.pack_start(self.bar, False, False, 0)
        body.pack_start(self.help, False, False, 0)
        if origin.painting is not None:
            body.pack_start(self._painted_before(), False, False, 0)
        self.queue_rows = QueueRows(subject.image, self._on_queue)
        body.pack_start(self.queue_rows, False, False, 0)
        body.pack_start(upper, True, True, 0)
        area = self.window.get_content_area()
        area.pack_start(body, True, True, 0)
        area.reorder_child(body, 0)
        body.show_all()
        help_button.replace(self.window, "", self.bar.show_error)
        dialog_buttons.gather(self.window)
        access.complete(self.window, pages, _("Settings"))
        for name in ("style-file", "style-layer", "region-masks", "outside"):
            config.connect(f"notify::{name}", lambda *_args: self._update_buttons())
        self._update_buttons()

    def _painted_before(self) -> Gtk.Widget:
        """Return a row that says what is painted if a painting is selected, and offers to replace it."""
        text = _("“{painting}” is painted again, from the layer “{source}”.")
        if self.origin.is_lost:
            text = _("The layer that “{painting}” was painted from is gone. The painting itself is painted.")
        names = {"painting": self.origin.painting.get_name(), "source": self.subject.layer.get_name()}
        label = Gtk.Label(label=text.format(**names), xalign=0.0, wrap=True, max_width_chars=70)
        self.replaces = Gtk.CheckButton(label=_("Replace the pai_nting"), use_underline=True)
        self.replaces.set_tooltip_text(_("The new painting takes its place; otherwise it is added above it"))
        row = Gtk.Box(spacing=18)
        row.pack_start(label, True, True, 0)
        row.pack_end(self.replaces, False, False, 0)
        return row

    def place(self):
        """Return where the new layer goes: None is above the layer that is painted."""
        painting = self.origin.painting
        return layers.Place(painting, self.replaces.get_active()) if painting is not None else None

    def _pages(self) -> Gtk.Widget:
        self.tint = MaskTint(self._show_mask)
        self.several = SeveralPage(self.config, self.subject, self.tint)
        self.several.regions.on_selection = self._selection_taken
        self.look = look = look_page.LookPage(self.config, self.subject, self.bar.show_error)
        self.time_choice = look.time_choice
        self.advanced = AdvancedPage(self.config, self.subject)
        pages = Gtk.Notebook(scrollable=True)
        for words, page in (
            (_("St_yle"), look),
            (_("Se_veral styles, regions"), self.several),
            (_("_Advanced"), self.advanced),
        ):
            page.set_border_width(10)
            pages.append_page(page, Gtk.Label(label=words, use_underline=True, margin=4))
        pages.connect("switch-page", lambda _pages, page, _number: self._page_chosen(page))
        return pages

    def _page_chosen(self, page) -> None:
        self.tint.clear()
        if page is self.several:
            page.refresh()

    def _selection_taken(self) -> None:
        """Show the whole picture: the selection is a region now, and does not limit the painting."""
        self.trial.stop()
        self.trial.on_begin(layers.get_subject(self.subject.image, [self.subject.layer]))
        self.tint.update()

    def _show_mask(self, name: str) -> None:
        """Lay a mask over the picture; "" shows the picture itself."""
        tinted = None
        with suppress(UserError):  # the channel or layer was deleted meanwhile
            tinted = overlays.tinted(self.trial.original, self.trial.subject, name) if name else None
        self.trial.show_tinted(tinted)

    def _update_buttons(self) -> None:
        has_style = any(self.config.get_property(name) is not None for name in ("style-file", "style-layer"))
        has_regions = bool(self.config.get_property("region-masks"))
        can_paint = (has_style or has_regions) and self.help.problem is None
        self.window.set_response_sensitive(Gtk.ResponseType.OK, can_paint)
        self.trial.set_ready(can_paint)

    def _grow_to_fit(self) -> None:
        """Make the dialog as high as its contents, if the screen allows, so that nothing scrolls."""
        screen = Gdk.Display.get_default().get_monitor(0).get_workarea()
        width, height = self.window.get_size()
        _minimum, natural = self.window.get_preferred_height_for_width(width)
        self.window.resize(width, max(height, min(natural, screen.height)))

    def ask(self) -> bool:
        """Show the dialog until it is answered; return whether to paint."""
        plan_line = PlanLine(self.warm_engine, lambda: self.trial.subject, self.config, self._show_plans)
        self.ask_plans_again = plan_line.ask_again
        self.trial.on_begin_trial = plan_line.ask_soon
        self.trial.painted_side = plan_line.painted_side
        self.queue_rows.start()
        self.trial.automatic.rest()
        try:
            return bool(self.window.run())
        finally:
            self.expected_seconds = plan_line.seconds
            self.queue_rows.stop()
            self.trial.stop()
            plan_line.stop()
            self.warm_engine.close()  # the run needs the memory
            self.window.hide()
            while Gtk.events_pending():
                Gtk.main_iteration()

    def _show_plans(self, text: str, plans: dict) -> None:
        self.help.show_plans(plans)
        self._plan = text if self.help.problem is None else ""
        self._show_plan()
        self.time_choice.show_plans({} if self.help.problem else plans)
        self.trial.plan_changed()
        self._update_buttons()
        if any(isinstance(plan, dict) for plan in plans.values()):  # the user waits for the plan first
            self.advanced.device_choice.ask(self.warm_engine)

    def _show_plan(self) -> None:
        wait = queue_words.describe_wait(self.queue_rows.entries)
        self.plan_text.set_text(f"{wait}.\n{self._plan}" if wait else self._plan)

    def _on_queue(self, entries: list) -> None:
        self._show_plan()
        self.trial.set_queue_busy(bool(entries))

    def _engine_repaired(self) -> None:
        """Use the engine that was installed or completed meanwhile, without restarting anything."""
        self.trial.stop()
        self.warm_engine.close()
        self.help.show_problem(None)
        self._plan = _("Estimating the time…")
        self._show_plan()
        reset_missing_style(self.config)
        self.look.chooser.refresh()
        self.ask_plans_again()

    def close(self) -> None:
        """Destroy the dialog."""
        self.window.destroy()


def reset_missing_style(config) -> None:
    """Choose a style if there is none, and clear a style file that no longer exists.

    A layer, named by the caller or used by the last run of this session, replaces the last run's file.
    """
    file, layer = config.get_property("style-file"), config.get_property("style-layer")
    if file is None and layer is None:
        layer = style.last_layer(config)
        config.set_property("style-layer", layer)
    path = file.get_path() if isinstance(file, Gio.File) else None
    if layer is not None:
        config.set_property("style-file", None)
    elif file is None or (path and not os.path.exists(path)):
        chosen = kept_styles.find_path(path) if path else kept_styles.first_choice()
        config.set_property("style-file", Gio.File.new_for_path(chosen) if chosen else None)
