"""The commands ``nst reconstruct`` and ``nst texture``: the two halves of the paper's method."""

from __future__ import annotations

import click

from nst_core.cli.options import GroupedOption, OutputOptions, SettingsCommand, output_options
from nst_core.cli.setting_options import SettingOptions, setting_options
from nst_core.pages.experiments import RECONSTRUCTION, TEXTURE
from nst_core.settings import fields, names_applying_to


@click.command(cls=SettingsCommand)
@click.argument("image", metavar="PICTURE")
@click.option(
    "--layer", "content_layers", cls=GroupedOption, section="look", metavar="LAYER", required=True,
    help="Layer to reconstruct from: conv1_1 to conv5_3 (VGG-19: conv5_4), reluX_Y or poolX.",
)  # fmt: skip
@setting_options(
    [name for name in fields() if name not in (*names_applying_to("style"), "content_layers")], RECONSTRUCTION
)
@output_options
def reconstruct(image: str, content_layers: str, settings: SettingOptions, output: OutputOptions) -> None:
    """Reconstruct PICTURE from its features at one layer, starting from white noise.

    See Gatys et al. 2016, section 2.1. The priors of Mahendran and Vedaldi 2015 (--tv, --alpha-norm) keep the
    result smooth and in range.
    """
    from nst_core.cli.run_command import PaintingTask, run_painting

    values = {**settings.values, "content_layers": content_layers}
    task = PaintingTask(content=image, defaults=RECONSTRUCTION, output_words=(content_layers,))
    run_painting(task, SettingOptions(values, settings.file), output)


@click.command(cls=SettingsCommand)
@click.argument("style", metavar="STYLE")
@click.option(
    "--layers", "style_layers", cls=GroupedOption, section="look", metavar="LAYER[:WEIGHT],...",
    help="Layers whose Gram matrices are matched. More and deeper layers reproduce larger structures. "
    "[default: as in `nst stylize`]",
)  # fmt: skip
@click.option(
    "--texture-size", cls=GroupedOption, section="look", metavar="WIDTHxHEIGHT",
    help="Size of the texture in pixels. [default: 512x512]",
)  # fmt: skip
@setting_options(
    [name for name in fields() if name not in (*names_applying_to("content"), "style_layers")], TEXTURE
)
@output_options
def texture(
    style: str,
    style_layers: str | None,
    texture_size: str | None,
    settings: SettingOptions,
    output: OutputOptions,
) -> None:
    """Paint a texture in the style of STYLE, without any content, starting from white noise.

    See Gatys et al. 2016, section 2.2.
    """
    from nst_core.cli.file_arguments import parse_sides, parse_style
    from nst_core.cli.run_command import PaintingTask, run_painting

    if texture_size:
        parse_sides(texture_size)  # refuse it before anything else
    task = PaintingTask(
        content=None,
        styles=(parse_style(style),),
        defaults=TEXTURE,
        output_words=("texture",),
        texture_size=texture_size,
    )
    values = settings.values if style_layers is None else {**settings.values, "style_layers": style_layers}
    run_painting(task, SettingOptions(values, settings.file), output)
