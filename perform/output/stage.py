"""Where frames become light: upload, fit, shaders, master fader, HUD, recorder, wall. Main thread."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import moderngl

from perform.engine.clock import Tick
from perform.engine.frame import Frame
from perform.engine.parameters import Values
from perform.engine.problems import Problems
from perform.output.canvas import Pass, Pixels, Size, Target, target
from perform.output.chain import Chain
from perform.output.fit import Fit
from perform.output.readback import Readback
from perform.output.standby import Standby
from perform.output.texture import FrameTexture
from perform.output.wall import Wall

FADE = 0.1  # seconds of a blackout
ARRIVAL = 0.8  # seconds in which the first picture takes over from the standby light

SHOW = """#version 330 core
in vec2 isf_FragNormCoord;
out vec4 color;
uniform sampler2D image;
uniform float level;
uniform vec2 extent;
void main() {
    vec2 place = (isf_FragNormCoord - 0.5) * extent + 0.5;
    float inside = step(abs(place.x - 0.5), 0.5) * step(abs(place.y - 0.5), 0.5);
    color = vec4(texture(image, place).rgb * level * inside, 1.0);
}
"""


class Overlay(Protocol):
    """What is drawn above the picture for the performer: the HUD."""

    def draw(self, ctx: moderngl.Context, size: Size, tick: Tick) -> None:
        """Draw into the bound framebuffer of `size` pixels."""
        ...


class Recorder(Protocol):
    """What keeps finished pictures."""

    def wants(self, tick: Tick) -> bool:
        """Whether it wants the picture of this frame."""
        ...

    def take(self, pixels: Pixels, tick: Tick) -> None:
        """The picture of the frame `tick`, `[H, W, 4]` uint8, top row first, to keep. Must not wait."""
        ...


class Stage:
    """The end of the line.

    Pictures are made on a canvas: as large as the wall, or `canvas` pixels whatever the wall does, then scaled onto it
    (for slow machines, and so that a recording keeps its size). The recorder gets the canvas with the master fader
    but without the HUD, one frame later than it was drawn; `flush` gives it the last one. `fine` enlarges along
    edges: beautiful, and several times the work.
    """

    def __init__(
        self,
        wall: Wall,
        chain: Chain,
        problems: Problems,
        overlay: Overlay | None = None,
        recorder: Recorder | None = None,
        canvas: Size | None = None,
        fine: bool = True,
    ) -> None:
        self.wall, self.chain, self.problems = wall, chain, problems
        self.overlay, self.recorder, self.canvas = overlay, recorder, canvas
        self.texture = FrameTexture(wall.ctx)
        self._fit = Fit(wall.ctx, fine=fine)
        self._standby = Standby(wall.ctx)
        self._show = Pass(wall.ctx, SHOW)
        self._readback = Readback(wall.ctx)
        self._source: Target | None = None
        self._master: Target | None = None
        self._picture: Target | None = None
        self._light, self._arrived, self._held = 1.0, -1.0, 0.0

    def rewind(self) -> None:
        """As at the start of a show: no picture yet, full light, empty buffers, phases at zero."""
        self._picture = None
        self._light, self._arrived, self._held = 1.0, -1.0, 0.0
        self.texture.release()
        self.chain.rewind()

    def draw(self, frame: Frame | None, values: Values, tick: Tick) -> None:
        """Put one picture on the wall. Waits for nothing but the display's own sync."""
        self._record_last()
        self.wall.ctx.enable_only(moderngl.NOTHING)
        self._measure()
        self._upload(frame)
        if _flag(values, "freeze") and self._picture is not None:
            self._held += tick.dt
            picture = self._picture
        else:
            # Time stands still for the shaders while the picture does, so that nothing leaps when it goes on.
            picture = self._picture = self._make(values, replace(tick, time=tick.time - self._held))
        final = self._dim(picture, values, tick.dt)
        if self.recorder is not None and self.recorder.wants(tick):
            self._readback.ask(final, tick)
        self._put(final)
        if self.overlay is not None:
            self.wall.target.use()
            self.overlay.draw(self.wall.ctx, self.wall.size, tick)
        self.wall.present()

    def flush(self) -> None:
        """Hand the recorder the last picture. Before the recorder is closed."""
        self._record_last()

    def close(self) -> None:
        """Flush, and give everything back but the wall."""
        self.flush()
        for part in (self.texture, self._fit, self._standby, self._show, self._readback, self._source, self._master):
            if part is not None:
                part.release()
        self.chain.close()

    def _record_last(self) -> None:
        done = self._readback.take()
        if done is not None and self.recorder is not None:
            self.recorder.take(*done)

    def _measure(self) -> None:
        """The canvas follows the wall."""
        size = self.canvas or self.wall.size
        if self._source is not None and self._source.size == size:
            return
        for old in (self._source, self._master):
            if old is not None:
                old.release()
        self._source = target(self.wall.ctx, size)
        self._master = None
        self._picture = None
        self.chain.resize(size)

    def _upload(self, frame: Frame | None) -> None:
        try:
            self.texture.update(frame)
        except ValueError as error:
            self.problems.report("picture", f"{error}; the last good picture stays")

    def _make(self, values: Values, tick: Tick) -> Target:
        source = self._source
        assert source is not None
        if self.texture.texture is not None:
            if self._arrived < 0.0:
                self._arrived = 1.0 if tick.index == 0 else 0.0
            else:
                self._arrived = min(self._arrived + tick.dt / ARRIVAL, 1.0)
            self._fit.draw(
                self.texture.texture,
                source,
                fit=values.word("output.fit"),
                sharpen=values["output.sharpen"],
                grain=values["output.grain"],
                seed=tick.index,
                version=self.texture.uploads,
            )
        if self._arrived < 1.0:
            self._standby.draw(source, tick.time, 1.0 - max(self._arrived, 0.0) ** 2)
        return self.chain.draw(source, values, tick)

    def _dim(self, picture: Target, values: Values, dt: float) -> Target:
        """The master fader and the blackout. At full light it costs nothing."""
        step = dt / FADE
        self._light = max(self._light - step, 0.0) if _flag(values, "blackout") else min(self._light + step, 1.0)
        level = self._light * values["output.level"]
        if level >= 1.0:
            return picture
        if self._master is None:
            self._master = target(self.wall.ctx, picture.size)
        self._show.sample("image", picture.texture)
        self._show.draw(self._master.framebuffer, {"level": level, "extent": (1.0, 1.0)})
        return self._master

    def _put(self, picture: Target) -> None:
        if picture.size == self.wall.size:
            self.wall.ctx.copy_framebuffer(self.wall.target, picture.framebuffer)
            return
        across, up = self.wall.size[0] / picture.size[0], self.wall.size[1] / picture.size[1]
        zoom = min(across, up)
        self._show.sample("image", picture.texture)
        self._show.draw(self.wall.target, {"level": 1.0, "extent": (across / zoom, up / zoom)})


def _flag(values: Values, name: str) -> bool:
    return name in values and values.flag(name)
