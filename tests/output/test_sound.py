"""The sound as shaders see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from output_tools import Show

from perform.engine.sound import SPECTRUM, WAVE, SoundPicture
from perform.output.wall import open_offscreen

SHADER = """/*{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}, {"NAME": "fft", "TYPE": "audioFFT"},
{"NAME": "wave", "TYPE": "audio"}]}*/
void main() {
    vec2 p = isf_FragNormCoord;
    float level = p.y < 0.25 ? IMG_NORM_PIXEL(fft, vec2(p.x, 0.5)).r
        : p.y < 0.5 ? IMG_SIZE(fft).x / 255.0
        : p.y < 0.75 ? IMG_NORM_PIXEL(wave, vec2(p.x, 0.25)).r : IMG_NORM_PIXEL(wave, vec2(p.x, 0.75)).g;
    gl_FragColor = vec4(vec3(level), 1.0);
}
"""


@pytest.mark.gl
def test_a_shader_reads_the_spectrum_and_both_sides_of_the_wave(tmp_path: Path) -> None:
    (tmp_path / "ears.fs").write_text(SHADER)
    wall = open_offscreen((SPECTRUM, 64))
    try:
        show = Show(wall, tmp_path)
        show.chain.compile_all()
        show.chain.order(["ears"])
        for turn in range(3):
            bands = np.roll(np.linspace(0, 1, SPECTRUM, dtype=np.float32), turn * 7)
            wave = np.stack([np.full(WAVE, 0.25), np.full(WAVE, 0.75)]).astype(np.float32)
            picture = SoundPicture(bands, wave)
            show.chain.listen = lambda picture=picture: picture
            drawn = show.run(2)[..., 0].astype(float)
            assert drawn[60] == pytest.approx(bands * 255, abs=3.5)
            assert drawn[40, 5] == SPECTRUM
            assert drawn[20, 5] == pytest.approx(0.25 * 255, abs=1)
            assert drawn[4, 5] == pytest.approx(0.75 * 255, abs=1)
        show.stage.close()
    finally:
        wall.close()
