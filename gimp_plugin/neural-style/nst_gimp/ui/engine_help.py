"""A bar that says in one sentence why the engine is not usable, with the buttons that help.

It also has the line that offers the better network while the engine paints with the smaller one.
"""

from __future__ import annotations

import threading

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402

from nst_gimp.process import locations, tasks  # noqa: E402
from nst_gimp.run import diagnostics  # noqa: E402
from nst_gimp.text.messages import UserError, to_user_error  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui.task_window import TaskWindow  # noqa: E402

REPAIRED = ("no-engine", "protocol", "crash", "hang")
FETCHED = ("no-model", "bad-model")
COMPLETED = ("no-film",)
SMALLER_NETWORK = "vgg16"


class EngineHelp(Gtk.Box):
    """The bar, hidden as long as there is no problem. Calls ``on_repaired()`` when the engine may work again.

    ``show_report(text)`` shows the diagnostics in a window.
    """

    def __init__(self, on_repaired, show_report) -> None:
        super().__init__(no_show_all=True)
        self.on_repaired, self.show_report = on_repaired, show_report
        self.problem = None
        self.bar = Gtk.InfoBar(message_type=Gtk.MessageType.WARNING)
        self.sentence = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=52, selectable=True)
        self.bar.get_content_area().pack_start(self.sentence, True, True, 0)
        self.buttons = [
            self._button(
                _("_Install or Repair…"), self._install,
                _("Run the installer, which mends what is missing or damaged, and show its progress"),
            ),
            self._button(
                _("Get VGG-1_9…"), self.fetch_network,
                _("Download the network VGG-19: 575 MB, of which 80 MB stay. It can be interrupted"),
            ),
            self._button(
                _("_Install OpenCV…"), self._add_films,
                _("Run the installer, which adds OpenCV and PyAV: up to 98 MB to download, 292 MB on disk"),
            ),
            self._button(
                _("Diagn_ostics"), self._diagnose,
                _("Check the whole installation and show the report"),
            ),
        ]  # fmt: skip
        self.line = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=34, no_show_all=True)
        self.line.set_markup(
            _("Using VGG-16; results differ slightly.") + f' <a href="get">{_("Get VGG-19…")}</a>'
        )
        self.line.set_tooltip_text(self.buttons[1].get_tooltip_text())
        self.line.connect("activate-link", lambda _label, _uri: self.fetch_network() or True)
        self.pack_start(self.bar, True, True, 0)
        self.bar.show_all()

    def _button(self, label: str, act, tip: str) -> Gtk.Button:
        button = Gtk.Button(label=label, use_underline=True, tooltip_text=tip)
        button.connect("clicked", lambda _button: act())
        self.bar.get_action_area().pack_start(button, False, False, 0)
        return button

    def show_plans(self, plans: dict) -> None:
        """Follow the engine's latest answers: an error that makes it unusable, or plans."""
        errors = [plan for plan in plans.values() if is_unusable(plan)]
        self.show_problem(errors[0] if errors else None)
        models = {plan.get("model") for plan in plans.values() if isinstance(plan, dict)}
        self.line.set_visible(SMALLER_NETWORK in models)

    def show_problem(self, error) -> None:
        """Show why the engine is not usable, or nothing if ``error`` is None."""
        self.problem = error
        self.set_visible(error is not None)
        if error is None:
            return
        install, fetch, films, _diagnose = self.buttons
        has_installer = bool(locations.find_installer())
        install.set_visible(error.code in REPAIRED and has_installer)
        fetch.set_visible(error.code in FETCHED)
        films.set_visible(error.code in COMPLETED and has_installer)
        helps = any(button.get_visible() for button in (install, fetch, films))
        self.sentence.set_text(sentence(error) if helps else str(error))

    def _install(self) -> None:
        self._run(_("Installing Neural Style"), lambda: tasks.InstallerTask(locations.find_installer()))

    def _add_films(self) -> None:
        self._run(
            _("Installing OpenCV"),
            lambda: tasks.InstallerTask(locations.find_installer(), tasks.ADD_FILMS),
        )

    def fetch_network(self) -> None:
        """Download VGG-19 while a window shows the progress."""
        self._run(_("Getting VGG-19"), tasks.NetworkTask)

    def _run(self, title: str, start) -> None:
        try:
            task = start()
        except UserError as error:
            self.show_problem(error)
            return
        TaskWindow(self.get_toplevel(), title, task, lambda succeeded: succeeded and self.on_repaired())

    def _diagnose(self) -> None:
        button = self.buttons[-1]
        button.set_sensitive(False)

        def done(text: str) -> bool:
            button.set_sensitive(True)
            self.show_report(text)
            return False

        def work() -> None:
            try:
                text = diagnostics.report()
            except Exception as error:  # otherwise the button would stay grey
                text = str(to_user_error(error))
            GLib.idle_add(done, text)

        threading.Thread(target=work, daemon=True).start()  # it starts the engine, which may take a while


def is_unusable(error) -> bool:
    """Return whether ``error`` says that the engine cannot paint anything."""
    return isinstance(error, UserError) and error.code in (*REPAIRED, *FETCHED, *COMPLETED)


def sentence(error: UserError) -> str:
    """Return one sentence that says why the engine is not usable."""
    if error.code == "no-model":
        return _("The network that the engine paints with has not been downloaded yet.")
    return error.message
