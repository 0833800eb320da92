"""The search for nearest neighbours: against brute force in double precision, its maps, and its targets."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.loss import neighbours
from nst_core.loss.neighbours import (
    HOST,
    Candidates,
    NeighbourMap,
    gather,
    grid_size,
    hypercolumns,
    match_positions,
    nearest,
    on_grid,
    principal_directions,
    search_index,
    unit_rows,
)


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def brute_force(query: np.ndarray, candidates: np.ndarray, bias: np.ndarray | None = None) -> list[int]:
    """For each query, the candidate of least cosine distance, one pair at a time."""
    best = []
    for vector in query.astype(np.float64):
        cosines = []
        for other in candidates.astype(np.float64):
            length = np.sqrt((vector**2).sum()) * np.sqrt((other**2).sum())
            cosines.append((vector * other).sum() / length if length else 0.0)
        best.append(int(np.argmax(np.array(cosines) + (0.0 if bias is None else bias))))
    return best


def test_nearest_is_the_least_cosine_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    query, candidates = random(57, 9), random(83, 9, seed=1)
    expected = brute_force(query, candidates)
    assert nearest(unit_rows(query), unit_rows(candidates), None, HOST).tolist() == expected
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", 4 * 83 * 5)
    assert nearest(unit_rows(query), unit_rows(candidates), None, HOST).tolist() == expected


def test_bias_is_added_to_the_similarity() -> None:
    query, candidates = random(20, 4), random(30, 4, seed=1)
    bias = np.where(np.arange(30) < 15, 0.0, -0.4).astype(np.float32)
    found = nearest(unit_rows(query), unit_rows(candidates), bias, HOST)
    assert found.tolist() == brute_force(query, candidates, bias)


def test_nearest_on_torch_agrees() -> None:
    torch = pytest.importorskip("torch")
    query, candidates = unit_rows(random(40, 8)), unit_rows(random(50, 8, seed=1))
    device = (torch.from_numpy, lambda tensor: tensor.numpy())
    assert (
        nearest(query, candidates, None, device).tolist() == nearest(query, candidates, None, HOST).tolist()
    )


def test_principal_directions_span_those_of_the_covariance() -> None:
    scales = np.r_[np.linspace(10, 4, 8), np.full(140, 0.1)].astype(np.float32)
    columns = random(400, 148) * scales @ np.linalg.qr(random(148, 148, seed=2))[0]
    columns -= columns.mean(axis=0)
    found = principal_directions(columns, 8)
    _, vectors = np.linalg.eigh(columns.T.astype(np.float64) @ columns)
    exact = vectors[:, ::-1][:, :8]
    assert found.shape == (148, 8)
    np.testing.assert_allclose(found @ found.T, exact @ exact.T, atol=2e-3)
    assert np.array_equal(found, principal_directions(columns, 8))


def test_few_dimensions_are_compared_as_they_are() -> None:
    assert np.array_equal(principal_directions(random(50, 20), 64), np.eye(20, dtype=np.float32))


@pytest.mark.parametrize(("stride", "shape"), [(1, (3, 13, 18)), (2, (3, 6, 9)), (4, (3, 3, 4))])
def test_fine_layers_are_averaged_over_cells(stride: int, shape: tuple[int, int, int]) -> None:
    features, factor = random(*shape), 4 // stride
    cells = on_grid(features, stride, 3, 4)
    for row in range(3):
        for column in range(4):
            block = features[:, row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
            np.testing.assert_allclose(cells[row * 4 + column], block.mean(axis=(1, 2)), atol=1e-6)


def test_coarse_layers_are_repeated_over_cells() -> None:
    features = random(2, 2, 3)
    cells = on_grid(features, 8, 5, 7).reshape(5, 7, 2)
    for row in range(5):
        for column in range(7):
            expected = features[:, min(row // 2, 1), min(column // 2, 2)]
            assert np.array_equal(cells[row, column], expected)


def test_hypercolumns_are_centred_and_weighted() -> None:
    columns = hypercolumns([(random(5, 8, 8) + 3, 4, 0.5), (random(7, 4, 4) * 100, 8, 2.0)])
    assert columns.shape == (64, 12)
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-5)
    sizes = [np.sqrt((columns[:, part] ** 2).sum(axis=1).mean()) for part in (slice(0, 5), slice(5, 12))]
    np.testing.assert_allclose(sizes, [0.5, 2.0], rtol=1e-5)


def test_flat_layers_have_no_say() -> None:
    columns = hypercolumns([(np.ones((3, 4, 4), np.float32), 4, 1.0), (random(3, 4, 4), 4, 1.0)])
    assert np.isfinite(columns).all()
    assert not columns[:, :3].any()


def test_matches_are_those_of_brute_force_among_several_styles() -> None:
    query, first, second = random(12, 6), random(20, 6, seed=1), random(6, 6, seed=2)
    guide = np.ones((4, 5), np.float32)
    guide[0] = 0.2
    styles = [Candidates(first, (4, 5), guide, 3.0), Candidates(second, (2, 3), None, 1.0)]
    found = match_positions(query, (3, 4), search_index(styles))
    bias = np.r_[np.zeros(15), np.full(6, neighbours.BIAS * np.log(1 / 3))]
    expected = brute_force(query, np.concatenate([first[5:], second]), bias)
    for index, candidate in enumerate(expected):
        cell = divmod(index, 4)
        number, position, width = (0, candidate + 5, 5) if candidate < 15 else (1, candidate - 15, 3)
        actual = found.style[cell], found.row[cell], found.column[cell]
        assert actual == (number, position // width, position % width)


def test_a_style_that_hardly_counts_anywhere_is_matched_where_it_counts_most() -> None:
    guide = np.array([[0.1, 0.3], [0.0, 0.3]], np.float32)
    index = search_index([Candidates(random(4, 3, seed=1), (2, 2), guide)])
    found = match_positions(random(9, 3), (3, 3), index)
    assert set(zip(found.row.ravel().tolist(), found.column.ravel().tolist(), strict=True)) <= {
        (0, 1),
        (1, 1),
    }


def make_map(rows: int, columns: int, style_grid: tuple[int, int], seed: int = 0) -> NeighbourMap:
    generator = np.random.default_rng(seed)
    row = generator.integers(0, style_grid[0], (rows, columns)).astype(np.int32)
    column = generator.integers(0, style_grid[1], (rows, columns)).astype(np.int32)
    return NeighbourMap(np.zeros_like(row), row, column, (style_grid,))


@pytest.mark.parametrize(("stride", "size"), [(1, (15, 22)), (2, (7, 11)), (4, (3, 5))])
def test_fine_targets_are_the_blocks_of_the_style(stride: int, size: tuple[int, int]) -> None:
    matches, factor = make_map(3, 5, (6, 4)), 4 // stride
    style = random(2, 6 * factor + 1, 4 * factor)
    targets = gather(matches, [style], stride, np.empty((2, *size), np.float32))
    for y in range(size[0]):
        for x in range(size[1]):
            cell = min(y // factor, 2), min(x // factor, 4)
            row = matches.row[cell] * factor + y - cell[0] * factor
            column = matches.column[cell] * factor + x - cell[1] * factor
            expected = style[:, min(row, style.shape[1] - 1), min(column, style.shape[2] - 1)]
            assert np.array_equal(targets[:, y, x], expected)


def test_coarse_targets_are_means_over_the_cells_that_they_cover() -> None:
    matches, style = make_map(5, 6, (8, 8)), random(3, 4, 4)
    targets = gather(matches, [style], 8, np.empty((3, 2, 3), np.float32))
    for y in range(2):
        for x in range(3):
            cells = [(2 * y + down, 2 * x + across) for down in (0, 1) for across in (0, 1)]
            parts = [style[:, matches.row[cell] // 2, matches.column[cell] // 2] for cell in cells]
            np.testing.assert_allclose(targets[:, y, x], np.mean(parts, axis=0), rtol=1e-6)


def test_strips_do_not_change_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    matches, style = make_map(9, 7, (8, 8)), random(3, 32, 32)
    whole = gather(matches, [style], 1, np.empty((3, 37, 29), np.float32))
    monkeypatch.setattr(neighbours, "STRIP_ROWS", 5)
    assert np.array_equal(whole, gather(matches, [style], 1, np.empty((3, 37, 29), np.float32)))


def test_several_styles_give_their_own_features() -> None:
    matches = NeighbourMap(
        np.array([[0, 1]], np.int32),
        np.array([[1, 0]], np.int32),
        np.array([[0, 2]], np.int32),
        ((2, 2), (1, 3)),
    )
    styles = [random(4, 2, 2), random(4, 1, 3, seed=1)]
    targets = gather(matches, styles, 4, np.empty((4, 1, 2), np.float32))
    assert np.array_equal(targets[:, 0, 0], styles[0][:, 1, 0])
    assert np.array_equal(targets[:, 0, 1], styles[1][:, 0, 2])


def test_twice_the_size_keeps_neighbourhoods_together() -> None:
    matches = make_map(4, 5, (6, 7))
    larger = matches.scaled((8, 10), [(12, 14)])
    for row in range(8):
        for column in range(10):
            cell = row // 2, column // 2
            assert larger.row[row, column] == 2 * matches.row[cell] + row % 2
            assert larger.column[row, column] == 2 * matches.column[cell] + column % 2


@pytest.mark.parametrize(("size", "grid"), [((7, 9), (9, 10)), ((4, 5), (6, 7)), ((3, 4), (5, 5))])
def test_any_other_size_stays_inside_the_style(size: tuple[int, int], grid: tuple[int, int]) -> None:
    scaled = make_map(4, 5, (6, 7)).scaled(size, [grid])
    assert scaled.size == size
    assert scaled.row.min() >= 0
    assert scaled.row.max() < grid[0]
    assert scaled.column.min() >= 0
    assert scaled.column.max() < grid[1]


def test_the_same_size_changes_nothing() -> None:
    matches = make_map(4, 5, (6, 7))
    same = matches.scaled((4, 5), [(6, 7)])
    assert np.array_equal(same.row, matches.row)
    assert np.array_equal(same.column, matches.column)


def test_padding_repeats_edges_and_cutting_undoes_it() -> None:
    matches = make_map(3, 4, (6, 7))
    padded = matches.padded((1, 2), (6, 9))
    assert padded.size == (6, 9)
    assert padded.row[0, 0] == matches.row[0, 0]
    assert padded.row[5, 8] == matches.row[2, 3]
    assert np.array_equal(padded.cut((1, 2), (3, 4)).row, matches.row)


def test_a_tiny_picture_has_one_cell() -> None:
    assert grid_size(3, 17) == (1, 4)
