"""Any folder of pictures: what people really have on their disks."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from training_tools import picture, pictures

from models.checkpoints import Refused
from models.training import drawn
from models.training.folder import CROPS, FEW, pictures_of, read_picture


def middle(path: Path) -> tuple[int, ...]:
    read = read_picture(path)
    return tuple(int(v) for v in np.asarray(read)[read.height // 2, read.width // 2])


def test_a_folder_of_any_kinds_becomes_squares(tmp_path: Path) -> None:
    found = pictures(tmp_path / "in", 6)
    picture(50, (300, 40)).save(found / "wide.jpg")
    picture(51, (40, 300)).convert("P").save(found / "palette.gif")
    (found / "below").mkdir()
    picture(52).convert("L").save(found / "below" / "grey.webp")
    (found / "notes.txt").write_text("no picture")
    (found / ".hidden.png").write_bytes(b"no picture")
    bank = pictures_of(found, 16, tmp_path)
    assert bank.pictures.shape == (9, 3, 16, 16)
    assert bank.pictures.dtype == np.uint8
    assert bank.skipped == ()
    assert bank.labels is None, "one picture in a sub-folder makes no labels of the others"
    some = bank.batch(5, True, torch.Generator().manual_seed(1))
    assert some.pictures.shape == (5, 3, 16, 16)
    assert some.pictures.is_contiguous(memory_format=torch.channels_last)
    assert -1 <= some.pictures.min() < some.pictures.max() <= 1
    again = bank.batch(5, True, torch.Generator().manual_seed(1))
    assert torch.equal(some.pictures, again.pictures)


def test_the_middle_square_is_kept_in_its_proportions(tmp_path: Path) -> None:
    wide = Image.new("RGB", (90, 30), (255, 0, 0))
    wide.paste((0, 0, 255), (30, 0, 60, 30))
    (tmp_path / "in").mkdir()
    for k in range(FEW):
        wide.save(tmp_path / "in" / f"{k}.png")
    bank = pictures_of(tmp_path / "in", 16, tmp_path)
    assert (bank.pictures[0, 2] > 250).all()
    assert (bank.pictures[0, 0] < 5).all()


def test_cmyk_sixteen_bits_floats_and_transparency(tmp_path: Path) -> None:
    Image.new("CMYK", (9, 9), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg")
    red, green, blue = middle(tmp_path / "cmyk.jpg")
    assert red > 180
    assert max(green, blue) < 90
    Image.fromarray(np.full((9, 9), 32768, np.uint16)).save(tmp_path / "sixteen.png")
    assert middle(tmp_path / "sixteen.png") == (128, 128, 128), "not white, as a plain conversion gives"
    Image.fromarray(np.full((9, 9), 0.5, np.float32)).save(tmp_path / "float.tif")
    assert middle(tmp_path / "float.tif") == (128, 128, 128)
    Image.new("RGBA", (9, 9), (255, 255, 255, 0)).save(tmp_path / "clear.png")
    assert middle(tmp_path / "clear.png") == (0, 0, 0)
    Image.new("LA", (9, 9), (255, 128)).save(tmp_path / "grey-clear.png")
    assert middle(tmp_path / "grey-clear.png") == (128, 128, 128)


def test_the_first_frame_of_an_animation_and_the_turn_of_a_camera(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    for name in ("moving.gif", "moving.png", "moving.webp"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        red, _, blue = middle(tmp_path / name)
        assert red > 240
        assert blue < 20
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter
    picture(1, (40, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_picture(tmp_path / "turned.jpg").size == (20, 40)


def test_broken_files_are_passed_over_and_listed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = pictures(tmp_path / "in", FEW)
    whole = (found / "000.png").read_bytes()
    (found / "cut.png").write_bytes(whole[: len(whole) // 2])
    (found / "empty.jpg").write_bytes(b"")
    (found / "words.webp").write_bytes(b"these are words, not a picture" * 20)
    Image.new("RGB", (9, 2)).save(found / "line.png")
    with caplog.at_level(logging.WARNING):
        bank = pictures_of(found, 16, tmp_path / "in")
    assert len(bank.pictures) == FEW
    assert [line.split(":")[0] for line in bank.skipped] == ["cut.png", "empty.jpg", "line.png", "words.webp"]
    assert "passed over cut.png" in caplog.text
    assert all(str(tmp_path) not in line for line in bank.skipped)


def test_what_cannot_be_trained_on_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no such folder"):
        pictures_of(tmp_path / "nowhere", 16, tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refused, match="no pictures are in it"):
        pictures_of(tmp_path / "empty", 16, tmp_path)
    (tmp_path / "file.png").write_bytes(b"")
    with pytest.raises(Refused, match="is a file"):
        pictures_of(tmp_path / "file.png", 16, tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"no")
    with pytest.raises(Refused, match="none of the 1 files"):
        pictures_of(tmp_path / "broken", 16, tmp_path)


@pytest.mark.parametrize("broken", [0, FEW])
def test_one_picture_is_looked_at_in_many_crops_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: int
) -> None:
    found = pictures(tmp_path / "in", 1)
    for k in range(broken):
        (found / f"b{k}.png").write_bytes(b"no")
    with caplog.at_level(logging.WARNING):
        bank = pictures_of(found, 16, tmp_path)
    assert "one picture only" in caplog.text
    assert len(bank.pictures) == CROPS
    assert len(bank.skipped) == broken
    assert len({one.tobytes() for one in bank.pictures}) > CROPS // 2


def test_sub_folders_are_labels(tmp_path: Path) -> None:
    for k, name in enumerate(("cubism", "abstract")):
        pictures(tmp_path / "in" / name, 5 + k)
    bank = pictures_of(tmp_path / "in", 16, tmp_path, labels=True)
    assert bank.classes == ("abstract", "cubism")
    assert bank.labels is not None
    assert bank.labels.tolist() == [0] * 6 + [1] * 5
    for k in range(2):
        with pytest.raises(Refused, match=r"labels.*sub-folder"):
            pictures_of(pictures(tmp_path / f"flat{k}") if k else tmp_path / "in" / "cubism", 16, tmp_path, labels=True)
    picture(9).save(tmp_path / "in" / "lost.png")
    with pytest.raises(Refused, match="labels are missing"):
        pictures_of(tmp_path / "in", 16, tmp_path, labels=True)


def test_the_bank_is_made_once_and_again_when_the_folder_changes(tmp_path: Path) -> None:
    found, seen = pictures(tmp_path / "in"), []
    first = pictures_of(found, 16, tmp_path, tick=lambda done, of: seen.append((done, of)))
    assert seen[-1] == (12, 12)
    same = pictures_of(found, 16, tmp_path, tick=lambda done, of: pytest.fail("made again"))
    assert same.digest == first.digest
    assert np.array_equal(same.pictures, first.pictures)
    picture(99).save(found / "new.png")
    assert pictures_of(found, 16, tmp_path).digest != first.digest


def test_pictures_that_the_program_draws(tmp_path: Path) -> None:
    assert {"bloom", "styles"} <= set(drawn.names())
    made = drawn.folder("bloom", 16, tmp_path, progress=False, count=9)
    before = {path: path.read_bytes() for path in made.glob("*.png")}
    assert len(before) == 9
    assert drawn.folder("bloom", 16, tmp_path, progress=False, count=9) == made
    assert {path: path.read_bytes() for path in made.glob("*.png")} == before
