"""Vectors in strips: the same results for every cut and every store."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nst_core.optim import scratch_files, vectors
from nst_core.optim.lbfgs import Lbfgs
from nst_core.optim.preconditioner import inverse_frequency
from nst_core.optim.vectors import FileStore, add_scaled, dot, store_factory, strips

SHAPE = (3, 23, 17)


@pytest.fixture(params=[40, 10**6], ids=["strips", "one strip"])
def cut(request, monkeypatch):
    monkeypatch.setattr(vectors, "STRIP_PIXELS", request.param)


def array(seed, kind="numpy", dtype=np.float32):
    values = np.random.default_rng(seed).normal(size=SHAPE).astype(dtype)
    return torch.tensor(values) if kind == "torch" else values


def stored(storage, values, folder=None):
    store = store_factory(storage, folder)()
    for rows in strips(values):
        store.append(values[:, rows])
    return store


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("storage", ["file", "half"])
def test_half_precision_stores_eleven_bits_at_any_scale(cut, kind, storage):
    for scale in (1e-12, 1.0, 1e20):
        values = array(1, kind) * scale
        store = stored(storage, values)
        for index, rows in enumerate(strips(values)):
            read, original = np.asarray(store.get(index)), np.asarray(values[:, rows])
            np.testing.assert_allclose(read, original, rtol=2**-11, atol=1e-8 * scale)
    zero = stored(storage, values * 0.0)
    assert not np.asarray(zero.get(0)).any()


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_products_and_sums_do_not_depend_on_strips(cut, kind):
    a, b = array(1, kind, np.float64), array(2, kind, np.float64)
    store = stored("full", a)
    assert float(dot(store, b)) == pytest.approx(float((a * b).sum()), rel=1e-12)
    expected = np.asarray(b + a * 0.3)
    add_scaled(b, store, 0.3)
    np.testing.assert_allclose(np.asarray(b), expected, rtol=1e-12)


def rosenbrock(picture):
    """Evaluate a curved valley, in which an optimiser without curvature is very slow."""
    x, y = picture[:, :, :-1], picture[:, :, 1:]
    residual = y - x * x
    gradient = picture * 0.0
    gradient[:, :, 1:] += 20.0 * residual
    gradient[:, :, :-1] += -40.0 * residual * x - 2.0 * (1.0 - x)
    return (10.0 * residual * residual + (1.0 - x) ** 2).sum(), gradient


def descend(storage, kind="numpy", dtype=np.float32, count=60):
    start = array(3, kind, dtype) * 0.3
    untouched = np.asarray(start).copy()
    optimizer = Lbfgs(
        rosenbrock,
        start,
        history=5,
        precondition=inverse_frequency(start),
        make_store=store_factory(storage),
    )
    losses = [float(optimizer.iterate().loss) for _ in range(count)]
    np.testing.assert_array_equal(np.asarray(start), untouched)  # the caller's array does not change
    return losses


def test_lbfgs_takes_the_same_steps_in_strips(monkeypatch):
    whole = descend("full", dtype=np.float64, count=30)
    monkeypatch.setattr(vectors, "STRIP_PIXELS", 40)
    np.testing.assert_allclose(descend("full", dtype=np.float64, count=30), whole, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "storage"), [("numpy", "file"), ("torch", "half")])
def test_a_history_in_half_precision_descends_as_fast(cut, kind, storage):
    full, half = descend("full", kind), descend(storage, kind)
    assert half[-1] < 0.05 * half[0]
    assert half[-1] < full[-1] * 1.5


def test_a_failed_evaluation_does_not_change_the_optimizer():
    calls = 0

    def failing_sometimes(picture):
        nonlocal calls
        calls += 1
        if calls in (4, 5):
            raise InterruptedError
        return rosenbrock(picture)

    optimizer, steady = (Lbfgs(f, array(3) * 0.3, history=3) for f in (failing_sometimes, rosenbrock))
    losses = []
    for _ in range(10):
        try:
            losses.append(float(optimizer.iterate().loss))
        except InterruptedError:
            assert float(rosenbrock(optimizer.picture)[0]) == pytest.approx(float(optimizer.loss))
    assert losses == [float(steady.iterate().loss) for _ in range(8)]


def test_files_disappear_with_their_vectors(tmp_path):
    store = FileStore(tmp_path)
    store.append(array(1))
    np.testing.assert_allclose(store.get(0), array(1), atol=1e-2)
    del store
    assert list(tmp_path.iterdir()) == []


def test_files_are_not_put_into_folders_in_memory(tmp_path, monkeypatch):
    """The folder for temporary files of many systems is in memory."""
    memory, disk = tmp_path / "memory", tmp_path / "memory" / "disk"
    disk.mkdir(parents=True)
    partitions = [("/", "ext4"), (str(memory), "tmpfs"), (str(disk), "xfs")]
    mounted = [SimpleNamespace(mountpoint=point, fstype=kind) for point, kind in partitions]
    monkeypatch.setattr(scratch_files.psutil, "disk_partitions", lambda **_: mounted)
    chosen = scratch_files._folder_on_disk.__wrapped__
    monkeypatch.setattr(scratch_files.tempfile, "tempdir", str(disk))
    assert chosen() == disk
    monkeypatch.setattr(scratch_files.tempfile, "tempdir", str(memory))
    assert chosen() == Path("/var/tmp")
    mounted[0].fstype = "tmpfs"
    assert chosen() == memory  # there is nothing else


def test_a_full_disk_raises_an_error(tmp_path, monkeypatch):
    """The system writes a part first, and refuses the rest."""

    class FullDisk:
        room = 500

        def seek(self, *_where):
            return 0

        def write(self, data):
            if not self.room:
                raise OSError(28, "No space left on device")
            written, self.room = min(len(data), self.room), 0
            return written

        def close(self):
            pass

    monkeypatch.setattr(vectors, "anonymous_file", lambda _folder: FullDisk())
    with pytest.raises(OSError, match="No space left"):
        FileStore(tmp_path).append(array(1))
