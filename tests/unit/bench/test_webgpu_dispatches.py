"""The bench of WebGPU: what graphs hold on a card, and what evaluations do on one, which is SwiftShader's."""

from __future__ import annotations

import re
import sys

import pytest
from onnx import TensorProto, helper

pytest.importorskip("torch")

from tests.bench import webgpu_dispatches
from tests.bench.gpu_check.pictures import make_objective
from tests.bench.webgpu_dispatches import measure, tile_window
from tests.bench.webgpu_memory import Held, held_by, held_together

SIDE = 12
DEEPEST = "relu1_1"


def value(name: str, *shape: int | str):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def graph(nodes, size: int | str = 10):
    """Return a model with 3 x 2 weights, from a picture (1, 3, 10, 10) to a number."""
    weights = helper.make_tensor("weights", TensorProto.FLOAT, (2, 3, 1, 1), range(6))
    given = helper.make_graph(nodes, "graph", [value("x", 1, 3, 10, size)], [value("y")], [weights])
    domains = [helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(given, opset_imports=domains)


CONVOLUTION = helper.make_node(
    "FusedConv", ["x", "weights"], ["a"], domain="com.microsoft", activation="Relu"
)


def test_features_are_alive_until_their_last_use():
    """Each has 800 bytes: a and b, then b and c. A view has none of its own, and keeps what it shows."""
    end = helper.make_node("ReduceSum", ["c"], ["y"], keepdims=0)
    chain = [
        CONVOLUTION,
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Relu", ["b"], ["c"]),
        end,
    ]
    assert held_by(graph(chain)) == Held(constants=24, features=1600, inputs=1200, outputs=4)
    viewed = [
        CONVOLUTION,
        helper.make_node("Identity", ["a"], ["view"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Relu", ["b"], ["d"]),
        helper.make_node("Add", ["view", "d"], ["c"]),
        end,
    ]
    assert held_by(graph(viewed)).features == 2400


def test_a_graph_of_unknown_sizes_is_refused():
    with pytest.raises(ValueError, match="size of x"):
        held_by(graph([CONVOLUTION, helper.make_node("ReduceSum", ["a"], ["y"], keepdims=0)], "width"))


def test_open_sessions_share_the_card_and_not_their_constants():
    first, second = Held(100, 50, 3, 4), Held(100, 70, 1, 1)
    assert held_together([first, second]) == Held(200, 70, 1, 1)
    assert second.total == 172


@pytest.mark.slow
def test_evaluations_on_the_card_are_counted_whole_and_in_tiles(swiftshader, models):
    network = models.resolve("vgg16")
    objective = make_objective(network, SIDE, SIDE, deepest=DEEPEST)
    whole = measure(network, objective, SIDE)
    tiles = measure(network, objective, SIDE, tile_window(objective, network, SIDE))
    assert set(whole.nodes) == set(tiles.nodes) == {"WebGpu"}
    assert tiles.nodes["WebGpu"] > whole.nodes["WebGpu"]
    assert whole.written > whole.copied_down
    assert whole.copied_up == 4 * 3 * SIDE**2
    assert whole.copied_down == whole.copied_up + 4 * len(objective.terms)
    assert tiles.copied_up > whole.copied_up
    assert 2 * 64 * 4 * SIDE**2 < whole.held.features < whole.written
    assert tiles.held.features < whole.held.features


def test_memory_is_reckoned_without_an_evaluation(swiftshader, models, monkeypatch, capsys):
    monkeypatch.setattr(webgpu_dispatches, "open_network", lambda: models.resolve("vgg16"))
    arguments = ["--software", "--reckon", "--size", str(SIDE), "--deepest", DEEPEST]
    monkeypatch.setattr(sys, "argv", ["webgpu_dispatches", *arguments])
    webgpu_dispatches.main()
    heading, _, *rows = [re.split(r" *\| *", line)[1:-1] for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == [*webgpu_dispatches.STATISTICS.values(), "Gram matrices, tiles"]
    assert {row[1] for row in rows} == {"not evaluated"}
    assert all(float(row[heading.index("features")]) > 0 for row in rows)
