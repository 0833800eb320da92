"""``nst reconstruct`` and ``nst texture``: the paper's two halves, each on its own."""

from __future__ import annotations

from typing import Any

import click

from nst_core.cli.options import GroupedOption, SettingsCommand, output_options, setting_options
from nst_core.pages.experiments import RECONSTRUCTION, TEXTURE
from nst_core.settings import fields

OF_STYLE = (
    "strength", "style_scale", "keep_colors", "color_match", "beta", "style_layers", "style_loss",
    "style_crop", "guides", "fine_layers",
)  # fmt: skip
"""Settings that mean nothing where there is no style."""

OF_CONTENT = (
    "strength", "keep_colors", "color_match", "alpha", "content_layers", "guides", "fine_layers"
)  # fmt: skip
"""Settings that mean nothing where there is no content."""


@click.command(cls=SettingsCommand, short_help="Show what a layer of the network knows of a picture.")
@click.argument("image", metavar="IMAGE")
@click.option(
    "--layer", "content_layers", cls=GroupedOption, section="look", metavar="LAYER", required=True,
    help="The layer, conv1_1 to conv5_3 (VGG-19: conv5_4), reluX_Y or poolX.",
)  # fmt: skip
@setting_options([name for name in fields() if name not in (*OF_STYLE, "content_layers")], RECONSTRUCTION)
@output_options
def reconstruct(image: str, **given: Any) -> None:
    """Find, from white noise, a picture with the features of IMAGE at one layer.

    Gatys et al. 2016, section 2.1, with the priors of Mahendran and Vedaldi 2015 (--tv, --alpha-norm).
    """
    from nst_core.cli.running import Task, run

    run(Task(image, (), RECONSTRUCTION, words=(given["content_layers"],)), given)


@click.command(cls=SettingsCommand, short_help="Paint a texture: the style without any content.")
@click.argument("style", metavar="STYLE")
@click.option(
    "--layers", "style_layers", cls=GroupedOption, section="look", metavar="LAYER[:WEIGHT],...",
    help="The layers whose Gram matrices are matched; more and deeper ones match larger structures. "
    "[default: as for stylize]",
)  # fmt: skip
@click.option(
    "--texture-size", cls=GroupedOption, section="look", metavar="WIDTHxHEIGHT",
    help="Size of the texture in pixels. [default 512x512]",
)  # fmt: skip
@setting_options([name for name in fields() if name not in (*OF_CONTENT, "style_layers")], TEXTURE)
@output_options
def texture(style: str, texture_size: str | None, **given: Any) -> None:
    """Find, from white noise, a picture with the style of STYLE and no content.

    Gatys et al. 2016, section 2.2.
    """
    from nst_core.cli.inputs import parse_sides, parse_style
    from nst_core.cli.running import Task, run

    if texture_size:
        parse_sides(texture_size)
    run(Task(None, (parse_style(style),), TEXTURE, words=("texture",), texture_size=texture_size), given)
