"""The table of all settings: those of :mod:`nst_core.settings.look`, the method's and the machine's."""

from __future__ import annotations

from typing import Literal

from nst_core.settings.look import LookSettings
from nst_core.settings.metadata import Choice, SettingInfo, setting
from nst_core.settings.values import Layers, Memory, OptionalCrop


class Settings(LookSettings):
    """Everything besides the pictures that decides how the result looks and how it is computed."""

    init: str = setting(
        "content",
        SettingInfo(
            group="method",
            label="Start from",
            help="Picture that the optimisation starts from: content, style, noise, or the path of a "
            "picture.",
            from_picture="content|style|noise",
        ),
    )
    loss: Literal["relative", "paper"] = setting(
        "relative",
        SettingInfo(
            group="method",
            label="Loss",
            help="Scale of the loss.",
            choices={
                "relative": Choice(
                    "Relative",
                    "each term is a share of its target, so that a setting means the same for all pictures.",
                ),
                "paper": Choice(
                    "As in the paper", "the sums as printed in Gatys et al. 2016, weighted by alpha and beta."
                ),
            },
            source="Gatys et al. 2016, eq. 1 to 7",
            with_style="if changed",
        ),
    )
    alpha: float = setting(
        1.0,
        SettingInfo(
            group="method",
            label="Alpha",
            help="Weight of the content loss, with the paper's loss.",
            source="Gatys et al. 2016, eq. 7",
            applies_to=("content",),
            with_style="if changed",
            used_if=("loss", ("paper",)),
        ),
        ge=0.0,
        le=1e12,
    )
    beta: float = setting(
        1e3,
        SettingInfo(
            group="method",
            label="Beta",
            help="Weight of the style loss, with the paper's loss.",
            source="Gatys et al. 2016, eq. 7 and figure 4: alpha/beta = 1e-3",
            applies_to=("style",),
            with_style="if changed",
            used_if=("loss", ("paper",)),
        ),
        ge=0.0,
        le=1e12,
    )
    content_layers: Layers = setting(
        "relu4_2",
        SettingInfo(
            group="method",
            label="Content layers",
            help="Layers whose features describe the content, with optional weights: relu4_2 or "
            "relu4_2:1,relu3_2:0.5.",
            source="Gatys et al. 2016, section 3: conv4_2",
            applies_to=("content",),
            with_style="if changed",
        ),
    )
    style_layers: Layers = setting(
        "relu1_1:4,relu2_1:2,relu3_1,relu4_1,relu5_1",
        SettingInfo(
            group="method",
            label="Style layers",
            help="Layers whose statistics describe the style, with optional weights; fewer deep layers give "
            "smaller strokes, heavier early ones hold the style's colours. With the paper's loss, the "
            "default layers count alike.",
            source="Gatys et al. 2016, section 3: conv1_1 to conv5_1, w_l = 1/5 each",
            applies_to=("style",),
            with_style="if changed",
        ),
    )
    style_loss: Literal["gram", "moments", "wasserstein"] = setting(
        "gram",
        SettingInfo(
            group="method",
            label="Style statistics",
            help="Statistics of the features that describe the style at each layer.",
            choices={
                "gram": Choice("Gram matrices", "Gram matrices, as in the paper."),
                "moments": Choice("Gram and moments", "Gram matrices, means and standard deviations."),
                "wasserstein": Choice(
                    "Wasserstein",
                    "the Wasserstein distance of Gaussians with the features' means and covariances.",
                ),
            },
            source="Gatys et al. 2016, eq. 3 to 5; Li et al. 2017, Demystifying Neural Style Transfer; "
            "Dowson and Landau 1982",
            applies_to=("style",),
            with_style="if changed",
        ),
    )
    guides: Literal["simple", "inside", "all"] = setting(
        "simple",
        SettingInfo(
            group="method",
            label="Region guides",
            help="How the masks of regions are brought to the layers.",
            choices={
                "simple": Choice("Scaled down", "scaled down like a picture."),
                "inside": Choice("Inside", "only features that see nothing outside the region."),
                "all": Choice("All that see it", "every feature that sees any of the region."),
            },
            source="Gatys et al. 2017, section 4.1",
            applies_to=("style", "content"),
            with_style="on request",
        ),
    )
    color_match: Literal["pca", "cholesky"] = setting(
        "pca",
        SettingInfo(
            group="method",
            label="Colour matching",
            help="Linear map that shifts the style's colours if colours are matched.",
            choices={
                "pca": Choice("Principal axes", "changes the colours least."),
                "cholesky": Choice("Cholesky", "maps red, green and blue in turn."),
            },
            source="Gatys et al. 2017, section 5.1",
            applies_to=("style", "content"),
            with_style="if changed",
        ),
    )
    fine_layers: Layers = setting(
        "relu1_1,relu2_1",
        SettingInfo(
            group="method",
            label="Fine style layers",
            help="Layers that the strokes of a fine style are taken from, with optional weights.",
            source="Gatys et al. 2017, section 6",
            applies_to=("style", "content"),
            with_style="if changed",
        ),
    )
    pooling: Literal["max", "average"] = setting(
        "max",
        SettingInfo(
            group="method",
            label="Pooling",
            help="How the network scales its features down.",
            choices={
                "max": Choice("Maximum", "as the network was trained."),
                "average": Choice("Average", "rescaled averages; smoother."),
            },
            source="Gatys et al. 2016, section 2",
            applies_to=("loss",),
            with_style="if changed",
        ),
    )
    padding: Literal["edge", "zero"] = setting(
        "edge",
        SettingInfo(
            group="method",
            label="Border",
            help="What the network sees outside the picture.",
            choices={
                "edge": Choice("Extended edge", "the edge pixels, repeated."),
                "zero": Choice("Zeros", "zeros, as the network was trained."),
            },
            applies_to=("loss",),
            with_style="if changed",
        ),
    )
    coarsest: int = setting(
        256,
        SettingInfo(
            group="method",
            label="Coarsest level",
            help="Long side, in pixels, of the first level of the pyramid; 0 paints at full size from the "
            "start.",
            with_style="on request",
        ),
        ge=0,
        le=8192,
    )
    tv: float = setting(
        4.0,
        SettingInfo(
            group="method",
            label="Smoothness",
            help="Weight of the total variation: it removes grain and, if high, detail.",
            source="Mahendran and Vedaldi 2015, eq. 3",
            applies_to=("loss",),
            with_style="if changed",
        ),
        ge=0.0,
        le=1e6,
    )
    tv_beta: float = setting(
        2.0,
        SettingInfo(
            group="method",
            label="Smoothness exponent",
            help="Exponent beta of the total variation: 2 blurs edges, 1 keeps them.",
            source="Mahendran and Vedaldi 2015, eq. 3",
            applies_to=("loss",),
            with_style="if changed",
            used_if=("tv", ()),
        ),
        ge=1.0,
        le=4.0,
    )
    alpha_norm: float = setting(
        0.0,
        SettingInfo(
            group="method",
            label="Range prior",
            help="Weight of the alpha-norm, which keeps pixels near the middle of the range.",
            source="Mahendran and Vedaldi 2015, eq. 2",
            applies_to=("loss",),
            with_style="if changed",
        ),
        ge=0.0,
        le=1e6,
    )
    alpha_norm_exponent: float = setting(
        6.0,
        SettingInfo(
            group="method",
            label="Range prior exponent",
            help="Exponent alpha of the alpha-norm.",
            source="Mahendran and Vedaldi 2015, section 3: alpha = 6",
            applies_to=("loss",),
            with_style="if changed",
            used_if=("alpha_norm", ()),
        ),
        ge=1.0,
        le=12.0,
    )
    optimizer: Literal["lbfgs", "adam"] = setting(
        "lbfgs",
        SettingInfo(
            group="method",
            label="Optimizer",
            help="Method of optimisation.",
            choices={
                "lbfgs": Choice("L-BFGS", "needs fewer steps."),
                "adam": Choice("Adam", "needs less memory and is steadier with extreme settings."),
            },
            with_style="on request",
        ),
    )
    iterations: int = setting(
        0,
        SettingInfo(
            group="method",
            label="Iterations",
            help="Loss evaluations at the last level of the pyramid; the coarser levels get their share. "
            "0 leaves the number to the quality.",
            with_style="on request",
        ),
        ge=0,
        le=100_000,
    )
    style_crop: OptionalCrop = setting(
        None,
        SettingInfo(
            group="method",
            label="Style crop",
            help="Part of the style picture to take the style from: x,y,width,height in its pixels.",
            applies_to=("style",),
            with_style="if changed",
        ),
    )

    model: str = setting(
        "auto",
        SettingInfo(
            group="machine",
            label="Network",
            help="Network to use: auto (VGG-19 if installed, else VGG-16), vgg19, vgg16 or the name of an "
            "imported one.",
            applies_to=("loss",),
            from_picture=r"\w[\w.-]*",  # a name, no path
        ),
    )
    engine: Literal["auto", "torch", "onnx"] = setting(
        "auto",
        SettingInfo(
            group="machine",
            label="Engine",
            help="Library that computes.",
            choices={
                "auto": Choice("Automatic", "PyTorch if it can use a graphics card here, else ONNX Runtime."),
                "torch": Choice("PyTorch", "PyTorch."),
                "onnx": Choice("ONNX Runtime", "ONNX Runtime alone."),
            },
            applies_to=("loss",),
        ),
    )
    device: str = setting(
        "auto",
        SettingInfo(
            group="machine",
            label="Device",
            help="Device that computes: auto, cpu, webgpu, webgpu:1, cuda, cuda:1, mps, ... "
            "With cuda:0,cuda:1 or cuda:all several graphics cards share large pictures.",
            applies_to=("loss",),
        ),
    )
    finish: Literal["optimise", "upsample"] = setting(
        "optimise",
        SettingInfo(
            group="machine",
            label="Finish",
            help="How large pictures are finished.",
            choices={
                "optimise": Choice(
                    "Paint at full size", "painted at full size, as far as the time limit allows."
                ),
                "upsample": Choice(
                    "Paint at 1536 px, then enlarge",
                    "painted at up to 1536 pixels, then enlarged along the edges of the photo.",
                ),
            },
            source="He and Sun 2015, Fast Guided Filter",
            from_picture=".*",
        ),
    )
    time_limit: float = setting(
        0.0,
        SettingInfo(
            group="machine",
            label="Time limit",
            help="Approximate limit in seconds. A picture that would take longer is painted smaller and then "
            "enlarged. 0 means no limit.",
            from_picture=".*",
        ),
        ge=0.0,
        le=1e7,
    )
    max_memory: Memory = setting(
        "",
        SettingInfo(
            group="machine",
            label="Memory",
            help="Most memory of the machine to use, such as 4GB; if empty, a fifth of the free memory is "
            "left to other programs. Large pictures are painted in tiles so that they fit.",
        ),
    )
    max_device_memory: Memory = setting(
        "",
        SettingInfo(
            group="machine",
            label="Device memory",
            help="Most memory of the graphics card to use, such as 8GB; if empty, all that is free.",
        ),
    )
