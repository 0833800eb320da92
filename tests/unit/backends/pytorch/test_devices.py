"""What is known of each kind of device, with stand-ins for torch's modules of cards."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nst_core.backends import choose, half_precision
from nst_core.backends.pytorch import devices
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.backends.pytorch.devices import device_traits, free_bytes, hardware_name, unsupported_card
from nst_core.backends.pytorch.half_precision import half_precision_is_safe
from nst_core.backends.pytorch.multi_gpu import communication
from nst_core.backends.pytorch.network import TorchNetwork
from nst_core.backends.pytorch.weights import Weights
from nst_core.backends.tiling.features import TiledFeatures
from nst_core.errors import ErrorCode, NstError

GIGABYTE = 2**30


def card(monkeypatch, capability=(8, 6), *, built_for=("sm_75", "sm_86", "sm_90a"), hip=None):
    """Pretend an NVIDIA card (an AMD one with ``hip``)."""
    monkeypatch.setattr(torch.version, "hip", hip)
    for name, value in (
        ("is_available", True),
        ("device_count", 1),
        ("get_device_capability", capability),
        ("get_arch_list", list(built_for)),
        ("get_device_name", "GeForce"),
        ("mem_get_info", (6 * GIGABYTE, 8 * GIGABYTE)),
        ("memory_reserved", 2 * GIGABYTE),
        ("memory_allocated", GIGABYTE),
    ):
        monkeypatch.setattr(torch.cuda, name, lambda *_args, value=value: value)


def test_layouts_and_half_precision_follow_the_generation(monkeypatch):
    cuda = torch.device("cuda", 0)
    card(monkeypatch, (8, 6))
    assert device_traits(cuda).channels_last
    assert device_traits(cuda).half
    card(monkeypatch, (7, 5))
    assert not device_traits(cuda).channels_last
    assert not device_traits(cuda).half
    card(monkeypatch, (9, 0), hip="6.4")
    assert not device_traits(cuda).channels_last
    assert not device_traits(cuda).fused_relu
    assert not device_traits(torch.device("mps")).channels_last
    assert device_traits(torch.device("xpu")).own_memory
    assert device_traits(torch.device("cpu")) == devices.DeviceTraits()


def test_free_memory_counts_what_torch_holds_in_reserve(monkeypatch):
    card(monkeypatch)
    assert free_bytes(torch.device("cuda", 0)) == 7 * GIGABYTE
    assert hardware_name(torch.device("cuda", 0)) == "GeForce"


def test_intel_cards_are_planned_with_their_own_memory(monkeypatch):
    xpu = SimpleNamespace(
        mem_get_info=lambda _device: (5 * GIGABYTE, 8 * GIGABYTE),
        memory_reserved=lambda _device: GIGABYTE,
        memory_allocated=lambda _device: 0,
        get_device_properties=lambda _device: SimpleNamespace(total_memory=8 * GIGABYTE),
    )
    monkeypatch.setattr(torch, "xpu", xpu)
    assert free_bytes(torch.device("xpu", 0)) == 6 * GIGABYTE
    del xpu.mem_get_info
    assert free_bytes(torch.device("xpu", 0)) == 8 * GIGABYTE


def test_macs_are_planned_with_what_metal_recommends(monkeypatch):
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 5 * GIGABYTE)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: GIGABYTE)
    for available, expected in ((16, 4), (3, 3)):
        monkeypatch.setattr(devices, "available_memory", lambda available=available: available * GIGABYTE)
        assert free_bytes(torch.device("mps")) == expected * GIGABYTE


@pytest.mark.parametrize(("capability", "supported"), [((6, 1), False), ((7, 5), True), ((12, 0), True)])
def test_cards_older_than_torch_are_refused(monkeypatch, capability, supported):
    card(monkeypatch, capability)
    assert (unsupported_card(torch.device("cuda", 0)) is None) == supported
    monkeypatch.setattr(choose.importlib.metadata, "version", lambda _name: "2.13.0+cu130")
    notices = []
    assert choose.torch_gpu(notices.append) == ("cuda" if supported else None)
    assert bool(notices) != supported
    if not supported:
        assert "6.1" in notices[0].message
        with pytest.raises(NstError, match=r"generation 7\.5") as caught:
            choose.check_torch_devices(["cuda"])
        assert caught.value.code is ErrorCode.NO_DEVICE


def test_processes_talk_without_nccl_where_there_is_none(monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: True)
    assert communication(["cuda:0", "cuda:1"]) == "cpu:gloo,cuda:nccl"
    assert communication(["cuda:0", "cpu"]) == "gloo"
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: False)
    assert communication(["cuda:0", "cuda:1"]) == "gloo"


def make_network(network, half=None, *, fused=False):
    traits = devices.DeviceTraits(fused_relu=fused)
    weights = Weights(network, torch.device("cpu"), torch.float32, traits, half)
    return TorchNetwork(
        network, ["relu1_1", "relu2_1", "relu3_1", "relu4_1"], pooling="max", padding="edge", weights=weights
    )


def test_half_precision_is_checked_against_float32(models, monkeypatch):
    monkeypatch.setattr(half_precision, "SIDE", 32)  # processors are slow in half precision
    network = models.resolve("vgg16")
    exact, half = make_network(network), make_network(network, torch.float16)
    assert half_precision_is_safe(exact, half)
    half.kernels = {**half.kernels, "conv3_1": half.kernels["conv3_1"]._replace(bias=torch.ones(256).half())}
    assert not half_precision_is_safe(exact, half)
    half.kernels = {
        **half.kernels,
        "conv1_1": half.kernels["conv1_1"]._replace(bias=torch.full((64,), 1e9).half()),
    }
    assert not half_precision_is_safe(exact, half)


def test_a_convolution_that_cannot_be_fused_is_computed_in_two_steps(models, monkeypatch):
    network, tried = models.resolve("vgg16"), []

    def refuse(_x, kernel, *_rest):
        tried.append(kernel.shape)
        raise RuntimeError("GET was unable to find an engine to execute this computation")

    monkeypatch.setattr(torch, "cudnn_convolution_relu", refuse)
    fused, plain = make_network(network, fused=True), make_network(network)
    picture = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        assert torch.equal(fused(picture)["relu4_1"], plain(picture)["relu4_1"])
    assert len(tried) == len(set(tried)) > 1


def test_style_sums_on_the_device_are_those_on_the_host(models, monkeypatch):
    backend = TorchBackend(models.resolve("vgg16"))

    class OnHost:
        layers = backend.layers
        features = staticmethod(backend.features)

    monkeypatch.setattr(backend, "features", None)  # features stay on the device
    rng = np.random.default_rng(0)
    picture = rng.random((3, 96, 160), np.float32)
    guides = {"relu1_1": rng.random((96, 160), np.float32), "relu3_1": None}
    sums = [
        TiledFeatures(extractor, "vgg16", 128).sums(picture, guides, with_mean=True)
        for extractor in (OnHost(), backend)
    ]
    for layer in guides:
        for expected, found in zip(
            (sums[0][layer].s2, sums[0][layer].s1, sums[0][layer].mass),
            (sums[1][layer].s2, sums[1][layer].s1, sums[1][layer].mass),
            strict=True,
        ):
            assert isinstance(found, np.ndarray | float | np.floating)
            np.testing.assert_allclose(found, expected, rtol=2e-4)


def test_weights_are_uploaded_once(models):
    backend = TorchBackend(models.resolve("vgg16"))
    first, second = backend._network(["relu3_1"]), backend._network(["relu4_1", "relu1_1"])
    assert second.kernels["conv2_1"].kernel is first.kernels["conv2_1"].kernel
