"""``nst evaluate``: the losses of any picture, another program's included."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nst_core.cli.control import control_options
from nst_core.cli.options import (
    GroupedOption,
    SettingsCommand,
    chosen_settings,
    setting_options,
    store_option,
)

NAMES = (
    "strength", "style_scale", "keep_colors", "color_match", "alpha", "beta", "content_layers",
    "style_layers", "style_loss", "guides", "fine_layers", "style_crop", "pooling", "padding", "tv",
    "tv_beta", "alpha_norm", "alpha_norm_exponent", "model", "engine", "device",
)  # fmt: skip
"""Settings that change a loss; the others only change how it is brought down."""


@click.command(cls=SettingsCommand, short_help="Print the losses of any picture as JSON.")
@click.argument("picture", metavar="PICTURE")
@click.argument("content", metavar="CONTENT")
@click.argument("styles", metavar="[STYLE]...", nargs=-1)
@control_options
@setting_options(NAMES)
@click.option("--settings", "settings_file", cls=GroupedOption, metavar="FILE", help="As for stylize.")
@click.option("--json", is_flag=True, hidden=True, expose_value=False, help="It always is.")
@store_option
def evaluate(
    picture: str,
    content: str,
    styles: tuple[str, ...],
    settings_file: str | None,
    store: Path | None,
    **given: Any,
) -> None:
    """Print the losses of PICTURE as a painting of CONTENT in the style of STYLE, at PICTURE's size.

    Both the relative loss and the paper's: "content" and "style" before they are weighed by strength, or
    alpha and beta; "total" and "terms" after. Masks are of CONTENT; what they leave out does not count.
    """
    from nst_core.cli.control_files import parse_control
    from nst_core.cli.running import Task, read_job
    from nst_core.cli.telling import Quiet
    from nst_core.images.read import read_picture
    from nst_core.job.metadata import read_run_record
    from nst_core.vgg.store import ModelStore

    stored = read_run_record(settings_file).settings if settings_file else {}
    files, control, others = parse_control(styles, given)
    suiting = files[0].settings if files else {}
    settings = chosen_settings(others, {**suiting, "init": "content"}, {**stored, "init": "content"})
    told = Quiet().event
    shown = read_picture(picture, on_notice=told)
    job = read_job(Task(content, files, control=control), settings, "", told)
    losses = both_losses(shown, job, ModelStore(store))
    click.echo(json.dumps(losses, indent=1))


def both_losses(picture: Any, job: Any, store: Any) -> dict[str, dict[str, Any]]:
    """Evaluate ``picture`` under both losses; see :func:`summary`."""
    from nst_core.job.run import evaluate_jobs
    from nst_core.loss.weights import style_share

    settings = job.settings
    share = style_share(settings.strength)
    scales = {"relative": (1 / (1 + share), share / (1 + share)), "paper": (settings.alpha, settings.beta)}
    # A weight of 0 would leave its terms out: the paper's are evaluated with 1 and weighed here.
    known = {"relative": scales["relative"], "paper": (1.0, 1.0)}
    changes = {"relative": {"loss": "relative"}, "paper": {"loss": "paper", "alpha": 1.0, "beta": 1.0}}
    variants = [settings.model_copy(update=changes[loss]) for loss in scales]
    evaluated = evaluate_jobs(picture, job, variants, store)
    return {
        loss: summary(terms, known[loss], scales[loss]) for loss, terms in zip(scales, evaluated, strict=True)
    }


def summary(
    terms: Mapping[str, float], known: tuple[float, float], wanted: tuple[float, float]
) -> dict[str, Any]:
    """Sum up ``terms``, whose content and style carry the factors ``known``, to carry ``wanted`` instead.

    "content" and "style" carry none.
    """
    kinds = ("content", "style")
    plain = {
        kind: sum(value for name, value in terms.items() if name.startswith(f"{kind} ")) / factor
        for kind, factor in zip(kinds, known, strict=True)
    }
    weighed = {
        name: value / known[kinds.index(kind)] * wanted[kinds.index(kind)] if kind in kinds else value
        for name, value in terms.items()
        for kind in [name.partition(" ")[0]]
    }
    return {**plain, "total": sum(weighed.values()), "terms": weighed}
