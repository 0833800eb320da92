"""What a batch finds in a folder: pictures, what it passes over, and names for the results."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from nst_core.batch.folder import find_tasks
from nst_core.batch.missed_files import MOST_NAMES, describe_missed, describe_others
from nst_core.batch.result_names import name_results
from nst_core.errors import NstError
from nst_core.images.picture_folder import picture_suffixes, scan_folder

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
PDF = b"%PDF-1.7\n"


def write_files(folder: Path, *names: str, data: bytes = b"data") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def missed(folder: Path, **options: bool) -> str:
    return "\n".join(describe_missed(scan_folder(folder, **options)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("IMG_1.CR2", "Develop"),
        ("a.nef", "Develop"),
        ("a.DNG", "Develop"),
        ("draw.xcf", "GIMP"),
        ("logo.svg", "PNG"),
        ("scan.pdf", "PNG or TIFF"),
        ("plot.eps", "PNG"),
        ("a.kra", "PNG"),
        ("light.exr", "PNG"),
    ],
)
def test_file_that_looks_like_a_picture_is_named_with_what_to_do(
    tmp_path: Path, name: str, words: str
) -> None:
    write_files(tmp_path, "photo.jpg", name)
    sentence = missed(tmp_path)
    assert name in sentence
    assert f"{name} is not painted: it is" in sentence
    assert words in sentence
    (tmp_path / "photo.jpg").unlink()
    with pytest.raises(NstError) as caught:
        find_tasks(tmp_path, tmp_path / "out", ".png", force=False)
    assert "no pictures" in caught.value.message
    assert name in caught.value.hint
    assert words in caught.value.hint


def test_files_are_counted_by_kind_and_names_are_bounded(tmp_path: Path) -> None:
    write_files(tmp_path, "photo.jpg", *(f"IMG_{number:04}.CR3" for number in range(100)), "a.svg", "b.svg")
    sentence = missed(tmp_path)
    assert "these 100 are each a raw photograph" in sentence
    assert f"and {100 - MOST_NAMES} more" in sentence
    assert "a.svg, b.svg are not painted: these 2" in sentence
    assert sentence.count("Develop") == 1


def test_what_is_plainly_no_picture_is_counted_only(tmp_path: Path) -> None:
    others = (
        "notes.txt",
        "Thumbs.db",
        "clip.mp4",
        "._photo.jpg",
        ".DS_Store",
        "desktop.ini",
        "a.xmp",
        "a.json",
    )
    write_files(tmp_path, "photo.jpg", *others)
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.jpg")
    contents = scan_folder(tmp_path)
    assert describe_missed(contents) == []
    assert describe_others(contents) == f"{len(others) + 2} other files are no pictures."


def test_first_bytes_tell_what_a_name_does_not(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "holiday", "JPEG")
    Image.new("RGB", (8, 8)).save(tmp_path / "preview.nef", "JPEG")
    write_files(tmp_path, "scan", "drawing.dat", data=PDF)
    contents = scan_folder(tmp_path)
    assert [path.name for path in contents.pictures] == ["holiday", "preview.nef"]
    assert [path.name for path, _ in contents.unreadable] == ["drawing.dat", "scan"]


def test_dangling_link_is_named(tmp_path: Path) -> None:
    write_files(tmp_path, "photo.jpg")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert "gone.jpg is not painted: it is a link to a file that does not exist" in missed(tmp_path)


def test_folder_with_pictures_is_named_or_entered(tmp_path: Path) -> None:
    write_files(tmp_path, "photo.jpg", "2024/may/a.jpg", "raw/b.CR2", "texts/c.txt", ".hidden/d.jpg")
    assert "2 folders with pictures are not entered: 2024, raw. Use --recursive" in missed(tmp_path)
    assert "raw/b.CR2 is not painted" in missed(tmp_path, recursive=True).replace("\\", "/")
    out = tmp_path / "out"
    tasks = find_tasks(tmp_path, out, ".png", force=False, recursive=True).tasks
    assert [task.target for task in tasks] == [out / "2024" / "may" / "a.png", out / "photo.png"]


def test_links_in_a_circle_and_results_are_not_entered(tmp_path: Path) -> None:
    write_files(tmp_path, "sub/a.jpg", "out/a.png", "masks/a.png")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "sub")
    out, masks = tmp_path / "out", tmp_path / "masks"
    found = find_tasks(tmp_path, out, ".png", force=False, recursive=True, excluded=[masks])
    assert [str(task.source.relative_to(tmp_path)) for task in found.tasks] == ["again/a.jpg"]
    (tmp_path / "b.jpg").write_bytes(b"data")
    found = find_tasks(tmp_path, out, ".png", force=False, excluded=[masks, tmp_path / "again"])
    assert found.contents.folders == []


def test_every_format_that_is_read_is_found(tmp_path: Path) -> None:
    assert {".jpg", ".png", ".tif", ".webp", ".avif", ".psd", ".jp2", ".gif", ".bmp"} <= picture_suffixes()
    assert not {".h5", ".mpg", ".eps", ".wmf", ".pdf"} & picture_suffixes()


NFC, NFD = "Caf\u00e9", unicodedata.normalize("NFD", "Caf\u00e9")


@pytest.mark.parametrize(
    ("pictures", "results"),
    [
        (["a.jpg", "b.png"], ["a.png", "b.png"]),
        (["a.jpg", "a.png"], ["a.jpg.png", "a.png.png"]),
        (["a.jpg", "a.jpg.tif", "a.png"], ["a.jpg.png", "a.jpg.tif.png", "a.png.png"]),
        (["a.jpg", "a.jpg.jpg", "a.jpg.jpg.jpg", "a.png"], None),
        (["A.jpg", "a.png"], ["A.jpg.png", "a.png.png"]),
        (["A.jpg", "a.jpg"], ["A.jpg.png", "a.jpg-2.png"]),
        (["A.jpg", "a.jpg", "a.jpg-2.tif", "a.jpg-3.tif"], None),
        ([f"{NFC}.jpg", f"{NFD}.jpg"], None),
        (["straße.jpg", "STRASSE.jpg"], None),
        ([f"{'星' * 82}{end}.jpg" for end in ("月", "夜", "a", "b")], None),
    ],
)
def test_results_never_have_one_name(tmp_path: Path, pictures: list[str], results: list[str] | None) -> None:
    names = name_results([tmp_path / name for name in pictures], tmp_path, ".png")
    assert names == (results or names)
    folded = {unicodedata.normalize("NFC", name).casefold() for name in names}
    assert len(folded) == len(pictures)
    assert all(len(os.fsencode(name)) <= 255 for name in names)
    for name in names:
        (tmp_path / name).write_bytes(b"painted")
    assert name_results([tmp_path / name for name in pictures], tmp_path, ".png") == names
