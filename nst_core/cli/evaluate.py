"""The command ``nst evaluate``: the losses of any picture, painted by nst or not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from nst_core.cli.control_options import ControlOptions, control_options
from nst_core.cli.options import SettingsCommand, pixel_limit_option, settings_file_option, store_option
from nst_core.cli.setting_options import SettingOptions, chosen_settings, setting_options
from nst_core.settings import names_applying_to

if TYPE_CHECKING:
    from nst_core.images.picture import Picture
    from nst_core.job.model import Job
    from nst_core.vgg.store import ModelStore


class Weights(NamedTuple):
    """Weights of the content terms and the style terms of a loss."""

    content: float
    style: float


@click.command(cls=SettingsCommand)
@click.argument("picture", metavar="PICTURE")
@click.argument("content", metavar="CONTENT")
@click.argument("styles", metavar="[STYLE]...", nargs=-1)
@control_options
@setting_options(names_applying_to("style", "content", "loss"))
@settings_file_option("Reuse the settings in FILE, as with `nst stylize`.")
@click.option("--json", is_flag=True, hidden=True, expose_value=False, help="Accepted, and always on.")
@pixel_limit_option
@store_option
def evaluate(
    picture: str,
    content: str,
    styles: tuple[str, ...],
    control: ControlOptions,
    settings: SettingOptions,
    store: Path | None,
) -> None:
    """Print the losses of PICTURE as a painting of CONTENT in the style of STYLE.

    The losses are computed at PICTURE's size, for both the relative loss and the loss of the paper.
    "content" and "style" are unweighted; "total" and "terms" are weighted by --strength, or by --alpha and
    --beta. Masks belong to CONTENT; areas that they exclude do not count.
    """
    from nst_core.cli.control_files import parse_control
    from nst_core.cli.file_arguments import read_stored_settings
    from nst_core.cli.progress_output import QuietReporter
    from nst_core.cli.run_command import PaintingTask, read_job
    from nst_core.images.read import read_picture
    from nst_core.vgg.store import ModelStore

    stored = read_stored_settings(settings)
    style_files, control_files = parse_control(styles, control)
    style_settings = style_files[0].settings if style_files else {}
    chosen = chosen_settings(
        settings.values, {**style_settings, "init": "content"}, {**stored.settings, "init": "content"}
    )
    report = QuietReporter().report
    painting = read_picture(picture, on_notice=report)
    task = PaintingTask(content=content, styles=style_files, control=control_files)
    job = read_job(task, chosen, "", report)
    click.echo(json.dumps(evaluate_both_losses(painting, job, ModelStore(store)), indent=1))


def evaluate_both_losses(picture: Picture, job: Job, store: ModelStore) -> dict[str, dict[str, Any]]:
    """Return the summary of :func:`summarise_terms` for the relative loss and the paper's loss."""
    from nst_core.job.run import evaluate_jobs
    from nst_core.loss.weights import style_share

    settings = job.settings
    share = style_share(settings.strength)
    relative = Weights(1 / (1 + share), share / (1 + share))
    paper = Weights(settings.alpha, settings.beta)
    # A weight of 0 would leave its terms out, so the paper's loss is evaluated with weights of 1.
    variants = [
        settings.model_copy(update={"loss": "relative"}),
        settings.model_copy(update={"loss": "paper", "alpha": 1.0, "beta": 1.0}),
    ]
    relative_terms, paper_terms = evaluate_jobs(picture, job, variants, store)
    return {
        "relative": summarise_terms(relative_terms, evaluated_with=relative, weights=relative),
        "paper": summarise_terms(paper_terms, evaluated_with=Weights(1.0, 1.0), weights=paper),
    }


def summarise_terms(
    terms: Mapping[str, float], *, evaluated_with: Weights, weights: Weights
) -> dict[str, Any]:
    """Sum up the terms of a loss.

    ``terms`` were evaluated with the weights ``evaluated_with``. In the summary, "content" and "style" are
    unweighted, and "total" and "terms" have the weights ``weights``. Other terms, the priors, are left as
    they are.
    """
    unweighted = {
        kind: sum(value for name, value in terms.items() if name.startswith(f"{kind} ")) / weight
        for kind, weight in evaluated_with._asdict().items()
    }
    weighted = {}
    for name, value in terms.items():
        kind = name.partition(" ")[0]
        if kind in Weights._fields:
            value = value / getattr(evaluated_with, kind) * getattr(weights, kind)
        weighted[name] = value
    return {**unweighted, "total": sum(weighted.values()), "terms": weighted}
