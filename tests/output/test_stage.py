"""From a frame to the wall: fit, standby, blackout, freeze, level, overlay, recorder, sizes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import moderngl
import numpy as np
import pytest
from output_tools import Show, picture

from perform.engine.clock import Tick
from perform.engine.frame import Frame
from perform.engine.problems import UserError
from perform.output.canvas import Pixels, Size, target
from perform.output.fit import FITS, Fit, extent
from perform.output.texture import FrameTexture, host_pixels
from perform.output.wall import OffscreenWall, open_offscreen

pytestmark = pytest.mark.gl


def fitted(
    wall: OffscreenWall,
    pixels: Pixels,
    size: Size,
    fit: str,
    sharpen: float = 0.0,
    grain: float = 0.0,
    fine: bool = True,
) -> Pixels:
    """A picture scaled, top row first."""
    upload, fitter, canvas = FrameTexture(wall.ctx), Fit(wall.ctx, fine=fine), target(wall.ctx, size)
    texture = upload.update(Frame(pixels, Tick(0, 0.0, 0.0)))
    assert texture is not None
    fitter.draw(texture, canvas, fit=fit, sharpen=sharpen, grain=grain, seed=1, version=1)
    raw = np.frombuffer(canvas.framebuffer.read(components=4, alignment=1), np.uint8).reshape(size[1], size[0], 4)
    for part in (upload, fitter, canvas):
        part.release()
    return raw[::-1]


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("sharpen", [0.0, 1.0])
@pytest.mark.parametrize("fine", [True, False])
def test_an_equal_size_is_exactly_the_picture(wall: OffscreenWall, fit: str, sharpen: float, fine: bool) -> None:
    pixels = picture(side=48)
    assert (fitted(wall, pixels, (48, 48), fit, sharpen, fine=fine) == pixels).all()


@pytest.mark.parametrize("fine", [True, False])
def test_the_ways_to_fill_a_wide_wall(wall: OffscreenWall, fine: bool) -> None:
    pixels = picture(side=64)
    wide = fitted(wall, pixels, (128, 64), "mirror", fine=fine)
    assert (wide[:, 32:96] == pixels).all(), "the picture itself in the middle"
    assert (wide[:, :32] == pixels[:, :32][:, ::-1]).all(), "mirrored on its left"
    assert (wide[:, 96:] == pixels[:, 32:][:, ::-1]).all(), "mirrored on its right"
    boxed = fitted(wall, pixels, (128, 64), "contain", fine=fine)
    assert (boxed[:, 32:96] == pixels).all()
    assert (boxed[:, :32, :3] == 0).all()
    assert (boxed[:, 96:, :3] == 0).all()
    flat = np.zeros((64, 64, 4), np.uint8)
    flat[16:48] = 255
    assert fitted(wall, flat, (128, 64), "cover")[..., 0].mean() > 250, "only the middle is seen"
    assert abs(fitted(wall, flat, (128, 64), "stretch")[..., 0].mean() - 128) < 2, "all of it is seen"
    assert extent("cover", (64, 64), (128, 64)) == (1.0, 0.5)


@pytest.mark.parametrize("fine", [True, False])
def test_enlarging_is_smooth_and_does_not_ring(wall: OffscreenWall, fine: bool) -> None:
    edge = np.full((32, 32, 4), 60, np.uint8)
    edge[:, 16:] = 200
    row = fitted(wall, edge, (320, 320), "stretch", 0.5, fine=fine)[160, :, 0].astype(int)
    assert row.min() >= 56
    assert row.max() <= 204
    assert (np.diff(row) >= -4).all()
    assert np.abs(np.diff(row)).max() < 40, "no hard step"


def test_slanted_lines_have_no_stairs(wall: OffscreenWall) -> None:
    """A slanted edge eight times larger: how far its middle strays from a straight line, in pixels of the wall."""
    y, x = np.mgrid[0:40, 0:40]
    edge = np.full((40, 40, 4), 255, np.uint8)
    edge[..., :3] = np.where(x * 5 > y * 2 + 60, 220, 30)[..., None]  # hard pixels, as bad as it gets
    strays = []
    for fine in (True, False):
        large = fitted(wall, edge, (320, 320), "stretch", 0.3, fine=fine)[60:260, :, 0].astype(float)
        middle = (large < 125).sum(axis=1)
        rows = np.arange(len(middle))
        strays.append(np.abs(middle - np.polyval(np.polyfit(rows, middle, 1), rows)).mean())
    assert strays[0] < 0.7 * strays[1], strays


def test_mirrored_lines_are_mirrored(wall: OffscreenWall) -> None:
    """Directions turn over with the picture: the two halves of a mirrored wall agree."""
    wide = fitted(wall, picture(side=32), (512, 128), "mirror", 0.3).astype(int)
    middle = wide[:, 192:320]
    assert np.abs(wide[:, 64:192] - middle[:, ::-1]).max() <= 3
    assert np.abs(wide[:, 320:448] - middle[:, ::-1]).max() <= 3


def test_making_smaller_does_not_flicker(wall: OffscreenWall) -> None:
    fine = np.zeros((256, 256, 4), np.uint8)
    fine[:, ::2] = 255
    small = fitted(wall, fine, (96, 96), "stretch")[..., 0]
    assert small[:, 4:-4].std() < 12, "fine stripes become grey"


def test_grain_moves_and_keeps_the_light(wall: OffscreenWall) -> None:
    grey = np.full((64, 64, 4), 120, np.uint8)
    drawn = fitted(wall, grey, (128, 128), "stretch", grain=0.5)[..., :3]
    assert drawn.std() > 1
    assert abs(drawn.mean() - 120) < 1


def test_uploads_only_new_frames_of_any_size(wall: OffscreenWall) -> None:
    upload = FrameTexture(wall.ctx)
    assert upload.update(None) is None
    first = Frame(picture(side=32), Tick(0, 0.0, 0.0))
    for _ in range(3):
        texture = upload.update(first)
    assert texture is not None
    assert (upload.uploads, upload.path, texture.size) == (1, "upload", (32, 32))
    assert texture.read() == first.pixels.tobytes()
    wide = np.ascontiguousarray(picture(side=64)[:20])
    texture = upload.update(Frame(wide, Tick(1, 0.1, 0.1)))
    assert texture is not None
    assert (upload.uploads, texture.size) == (2, (64, 20))
    assert texture.read() == wide.tobytes()
    upload.release()


def test_a_tensor_is_taken_through_the_host() -> None:
    torch = pytest.importorskip("torch")
    pixels = picture(side=16)
    taken, path = host_pixels(torch.from_numpy(pixels))
    assert path == "upload"
    assert (taken == pixels).all()


def test_a_bad_frame_is_told_and_the_last_one_stays(show: Show) -> None:
    show.again([], {})
    good = show.run(2, moving=False)
    values = show.parameters.play(show.parameters.base * 0.0)
    for bad in (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 4)), np.zeros((0, 4, 4), np.uint8), "a picture"):
        show.stage.draw(Frame(bad, show.clock.tick()), values, show.clock.tick())
        assert "the last good picture stays" in show.problems.current["picture"].text
        assert (show.wall.read() == good).all()


def test_a_picture_before_the_first_picture(show: Show) -> None:
    values = show.parameters.play(show.parameters.base * 0.0)
    lights = []
    for time in (0.1, 3.0):
        show.stage.draw(None, values, Tick(1, time, 0.1))
        lights.append(show.wall.read()[..., :3].copy())
    assert lights[0].std() > 10
    assert np.abs(lights[0].astype(int) - lights[1]).mean() > 2, "it moves"
    before = lights[1].astype(int)
    tick = Tick(2, 3.05, 0.05)
    distances = []
    for _ in range(30):
        show.stage.draw(Frame(picture(), tick), values, tick)
        distances.append(float(np.abs(show.wall.read()[..., :3].astype(int) - before).mean()))
        tick = Tick(tick.index + 1, tick.time, 0.05)
    assert distances[0] < 0.2 * distances[-1], "the first picture fades in"
    show.again([], {})
    assert (show.run(1, moving=False) == show.wall.read()).all()


def test_blackout_fades_and_comes_back(show: Show) -> None:
    show.clock = type(show.clock)(60.0)
    show.again([], {})
    full = show.run(3, moving=False).mean()
    show.parameters.set("blackout", 1)
    fading = [show.run(1, moving=False)[..., :3].mean() for _ in range(8)]
    assert full > fading[0] > fading[2] > fading[4] > 0, "a fade, not a cut"
    assert fading[-1] == 0, "black after a tenth of a second"
    show.parameters.set("blackout", 0)
    assert show.run(8, moving=False).mean() == pytest.approx(full)
    show.parameters.set("output.level", 0.5)
    assert show.run(1, moving=False)[..., :3].mean() == pytest.approx(show_half(full), rel=0.03)


def show_half(full: float) -> float:
    """The light of the colours at half level, from the mean over RGBA."""
    return (full * 4 - 255) / 3 / 2


def test_freeze_holds_the_whole_picture(show: Show) -> None:
    show.again(["kaleidoscope"], {"shader.kaleidoscope.spin": 0.4})
    held = show.run(3)
    show.parameters.set("freeze", 1)
    assert (show.run(5) == held).all()
    show.parameters.set("freeze", 0)
    assert (show.run(1) != held).any()


class Painter:
    """An overlay that paints a corner white."""

    def draw(self, ctx: moderngl.Context, size: Size, tick: Tick) -> None:
        ctx.clear(1.0, 1.0, 1.0, 1.0, viewport=(0, size[1] - 8, 8, 8))


class Keeper:
    """A recorder that keeps every second frame."""

    def __init__(self) -> None:
        self.kept: list[tuple[Pixels, int]] = []

    def wants(self, tick: Tick) -> bool:
        return tick.index % 2 == 0

    def take(self, pixels: Pixels, tick: Tick) -> None:
        self.kept.append((pixels, tick.index))


def test_the_overlay_is_on_the_wall_and_not_in_the_recording(show: Show) -> None:
    show.again(["grade"], {})
    keeper = Keeper()
    show.stage.overlay, show.stage.recorder = Painter(), keeper
    for _ in range(5):
        drawn = show.run(1, moving=False)
    show.stage.flush()
    assert (drawn[:8, :8] == 255).all(), "top left, as rows are counted from the top"
    assert [index for _, index in keeper.kept] == [0, 2, 4]
    pixels = keeper.kept[-1][0]
    assert (pixels[8:] == drawn[8:]).all()
    assert not (pixels[:8, :8] == 255).all()
    assert pixels.flags.c_contiguous
    assert pixels.flags.owndata or pixels.base is not None
    show.stage.overlay = show.stage.recorder = None


def test_a_canvas_of_its_own_size_is_scaled_onto_the_wall(show: Show) -> None:
    show.again([], {"output.fit": "stretch"})
    show.stage.canvas = (48, 54)
    drawn = show.run(2, moving=False)
    assert (drawn[:, :23, :3] == 0).all(), "bars at the sides: the canvas keeps its shape"
    assert drawn[:, 24:72, :3].std() > 5
    show.stage.canvas = None
    assert show.run(1, moving=False)[:, :20, :3].std() > 5, "and back: it follows the wall"


def test_two_shows_are_bit_equal(wall: OffscreenWall) -> None:
    runs = []
    for _ in range(2):
        show = Show(wall)
        show.chain.compile_all()
        show.chain.order(["displace", "feedback", "bloom", "film"])
        show.parameters.set("output.grain", 0.5)
        runs.append([show.run(1) for _ in range(8)])
        show.stage.close()
    assert all((a == b).all() for a, b in zip(*runs, strict=True))


def test_no_torch_is_loaded_for_the_wall() -> None:
    code = "import perform.output.stage, perform.output.window, sys; sys.exit('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False, timeout=60).returncode == 0


def test_egl_by_itself() -> None:
    wall = open_offscreen((33, 17))
    assert wall.ctx.version_code >= 330
    wall.target.clear(0.0, 1.0, 0.0, 1.0, viewport=(0, 16, 33, 1))
    pixels = wall.read()
    assert pixels.shape == (17, 33, 4)
    assert (pixels[0] == (0, 255, 0, 255)).all(), "the top row comes first"
    assert (pixels[1:] == 0).all()
    wall.present()
    assert wall.keys() == []
    wall.close()
    with pytest.raises(UserError, match="0x5"):
        open_offscreen((0, 5))
