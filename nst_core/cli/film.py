"""The command ``nst film``: a video, an animation, or a folder of numbered frames."""

from __future__ import annotations

from pathlib import Path

import click

from nst_core.cli.film_options import FilmOptions, film_options
from nst_core.cli.options import SettingsCommand
from nst_core.cli.setting_options import SettingOptions, setting_options
from nst_core.settings import fields


@click.command(
    cls=SettingsCommand,
    epilog="Ctrl-C ends the run; finished frames are kept, and the same command with --resume goes on.",
)
@click.argument("film", metavar="FILM", type=click.Path(path_type=Path))
@click.argument("styles", metavar="STYLE...", nargs=-1, required=True)
@film_options
@setting_options(fields())
def film(film: Path, styles: tuple[str, ...], settings: SettingOptions, options: FilmOptions) -> None:
    """Paint the film FILM in the style of the picture STYLE.

    FILM is a video, an animated GIF, PNG or WebP, or a folder of numbered pictures. Each frame goes on from
    the one before, moved along with what it shows, so that strokes do not flicker; a cut starts afresh.
    Sound, frame rate, rotation, transparency and length are kept.
    """
    from nst_core.film.model import check_film_installed

    check_film_installed()

    from nst_core.cli.control_files import parse_control
    from nst_core.cli.control_options import ControlOptions
    from nst_core.cli.run_film import run_film
    from nst_core.cli.setting_options import chosen_settings

    style_files, _ = parse_control(styles, ControlOptions())
    chosen = chosen_settings(settings.values, style_files[0].settings)
    run_film(film, style_files, chosen, options)
