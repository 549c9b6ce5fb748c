"""Where in a model the show is: landmarks, the paths between them, and the place on a path.

Landmarks are seeds, as in NVIDIA's tools: landmark N is `RandomState(N).randn(z_dim)`. A walk passes through them
either by slerp in z (White 2016, "Sampling Generative Networks") or along a closed spline in w. Interpolating w
straight makes the deviation from the mean shrink to 0.5-0.7 half-way, so the picture pales and recovers: it breathes.
The spline here runs over *directions* from the mean and carries the distance beside it, so the strength of the
picture is kept, and it is measured by arc length, so the speed is even.

Everything is numpy on a few thousand numbers: a place costs well under 0.2 ms and nothing waits for a device.
Legend: K landmarks, L layers (num_ws), D width of w (or z).
"""

from __future__ import annotations

from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray

from models.knobs import Choice, Span

Array = NDArray[np.float64]

STEPS = 48  # samples a segment in the arc-length table: keeps the speed even within 2 %


def landmark(seed: int, dim: int) -> Array:
    """The latent z `[D]` of a seed, the same numbers as NVIDIA's `generate.py --seeds`. `seed` in 0..2**32-1."""
    return np.random.RandomState(seed).randn(dim)


def landmarks(seed: int, count: int, dim: int) -> Array:
    """`count` landmarks `[K, D]`, counted up from `seed`."""
    return np.stack([landmark((seed + k) % 2**32, dim) for k in range(count)])


def slerp(t: float, a: Array, b: Array) -> Array:
    """The point `t` (0..1) of the great arc from `a` to `b` `[..., D]`; straight where they point the same way.

    Source: Shoemake 1985; White 2016. Equal norms stay equal to rounding; t = 0 and t = 1 give `a` and `b` themselves.
    """
    if t == 0:
        return a
    if t == 1:
        return b
    dot = np.sum(a * b, -1, keepdims=True) / np.maximum(
        np.linalg.norm(a, axis=-1, keepdims=True) * np.linalg.norm(b, axis=-1, keepdims=True), 1e-30
    )
    omega = np.arccos(np.clip(dot, -1.0, 1.0))
    sin = np.sin(omega)
    straight = np.abs(sin) < 1e-6
    safe = np.where(straight, 1.0, sin)
    left = np.where(straight, 1.0 - t, np.sin((1.0 - t) * omega) / safe)
    right = np.where(straight, t, np.sin(t * omega) / safe)
    return np.asarray(left * a + right * b)


def closed_control(points: Array) -> Array:
    """The control points `[K, D]` of the periodic cubic B-spline that passes through `points` `[K, D]`.

    Solves (m[k-1] + 4 m[k] + m[k+1]) / 6 = points[k], a circulant system, by FFT.
    """
    phase = 2.0 * np.pi * np.fft.fftfreq(len(points))
    spectrum = np.fft.fft(points, axis=0) / ((4.0 + 2.0 * np.cos(phase)) / 6.0)[:, None]
    return np.asarray(np.fft.ifft(spectrum, axis=0).real)


def closed_spline(control: Array, position: Array) -> Array:
    """The periodic cubic B-spline of `control` `[K, D]` at `position` `[N]` (in points; wraps) -> `[N, D]`."""
    count = len(control)
    k = np.floor(position).astype(int)
    t = (position - k)[:, None]
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    return np.asarray(sum(w * control[(k + i - 1) % count] for i, w in enumerate(weights)) / 6.0)


class Path(Protocol):
    """A closed way through landmarks. `length` is how many there are; positions wrap."""

    length: int

    def at(self, position: float) -> Array:
        """The point `[D]` at `position`; whole positions are landmarks."""
        ...


class SlerpPath:
    """Great arcs from landmark to landmark on one sphere: constant angular speed inside an arc, norm kept exactly."""

    def __init__(self, points: Array) -> None:
        self.length = len(points)
        norm = np.linalg.norm(points, axis=1, keepdims=True)
        self._points = points / np.maximum(norm, 1e-12) * float(np.mean(norm))

    def at(self, position: float) -> Array:
        position %= self.length
        k = min(int(position), self.length - 1)
        return slerp(position - k, self._points[k], self._points[(k + 1) % self.length])


class SplinePath:
    """A closed loop around `center` that keeps the distance from it, at even speed.

    `points` `[K, D]` are landmarks. Directions from `center` follow the periodic spline and are brought back to the
    sphere; distances are interpolated apart (smoothly, without overshoot). With `even="loop"` the speed is the same all
    around (a landmark is then passed near its whole number, exactly where `marks` says); with `even="segment"` whole
    positions are landmarks exactly and the speed is even in between: that form lands on beats.
    """

    def __init__(self, points: Array, center: Array, even: str = "loop") -> None:
        self.length = len(points)
        self._center = center
        spread = points - center
        self._radii = np.linalg.norm(spread, axis=1)
        self._directions = spread / np.maximum(self._radii, 1e-12)[:, None]
        self._control = closed_control(self._directions)
        self._fine = np.linspace(0.0, self.length, self.length * STEPS + 1)
        steps = np.linalg.norm(np.diff(self._points(self._fine), axis=0), axis=1)
        travelled = np.concatenate([[0.0], np.cumsum(steps)])
        whole = travelled[::STEPS]
        if even == "loop":
            self.marks = whole / max(whole[-1], 1e-12) * self.length
            self._even = travelled / max(travelled[-1], 1e-12) * self.length
        else:
            self.marks = np.arange(self.length + 1, dtype=float)
            k = np.minimum(np.arange(len(self._fine)) // STEPS, self.length - 1)
            self._even = k + (travelled - whole[k]) / np.maximum(whole[k + 1] - whole[k], 1e-12)

    def _points(self, position: Array) -> Array:
        direction = closed_spline(self._control, position)
        direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-12)
        k = np.floor(position).astype(int)
        t = position - k
        ease = t * t * (3.0 - 2.0 * t)
        radius = (1.0 - ease) * self._radii[k % self.length] + ease * self._radii[(k + 1) % self.length]
        return np.asarray(self._center + direction * radius[:, None])

    def at(self, position: float) -> Array:
        raw = float(np.interp(position % self.length, self._even, self._fine)) % self.length
        if raw == int(raw):
            return np.asarray(self._center + self._directions[int(raw)] * self._radii[int(raw)])
        return np.asarray(self._points(np.array([raw]))[0])


INTERPOLATIONS = ("spline", "slerp")


def itinerary(
    *,
    seed: Annotated[int, Span(0, 99999, "", "the first landmark; the others are the seeds after it")] = 0,
    landmarks: Annotated[int, Span(2, 32, "", "how many landmarks before the walk closes")] = 8,
    interpolation: Annotated[str, Choice(INTERPOLATIONS, "spline: a loop in w; slerp: great arcs in z")] = "spline",
    accent_seed: Annotated[int, Span(0, 99999, "", "the landmark that the accents pull towards")] = 1000,
) -> tuple[int, int, str, int]:
    """What decides the landmarks of a walk. Moving one of these is a cut: the paths are made anew, in milliseconds."""
    return int(seed), int(landmarks), interpolation, int(accent_seed)


def travel(
    position: float,
    seconds: float,
    bpm: float,
    *,
    speed: Annotated[float, Span(-4.0, 4.0, "landmarks", "landmarks a second, or a beat; negative walks back")] = 0.25,
    sync: Annotated[str, Choice(("seconds", "beats"), "what the speed is measured in")] = "seconds",
) -> float:
    """How far the walk has come after `seconds` more. `bpm` is the music's tempo; while there is none, 120 is meant."""
    beats = seconds * (bpm if bpm > 0 else 120.0) / 60.0
    return position + speed * (beats if sync == "beats" else seconds)


def truncate(w: Array, w_avg: Array, psi: float, cutoff: int) -> Array:
    """Pull the first `cutoff` layers of `w` `[L, D]` to the mean: w_avg + psi (w - w_avg). At psi = 1, `w` itself.

    Source: Karras et al. 2019, "A Style-Based Generator Architecture", section B (truncation in w).
    """
    if psi == 1.0 or cutoff == 0:
        return w
    out = w.copy()
    out[:cutoff] = w_avg + psi * (w[:cutoff] - w_avg)
    return out


def accent(
    w: Array,
    towards: Array,
    *,
    coarse: Annotated[float, Span(-1.0, 1.0, "", "pull of the coarse layers (form) to the accent landmark")] = 0.0,
    middle: Annotated[float, Span(-1.0, 1.0, "", "pull of the middle layers (parts) to the accent landmark")] = 0.0,
    fine: Annotated[float, Span(-1.0, 1.0, "", "pull of the fine layers (colour, texture) to the accent")] = 0.0,
) -> Array:
    """Style mixing as a gesture: pull thirds of the layers of `w` `[L, D]` towards another landmark `[D]`.

    Source: style mixing, Karras et al. 2019. All at 0 returns `w` itself.
    """
    if coarse == 0 and middle == 0 and fine == 0:
        return w
    count = len(w)
    third = [coarse] * (count // 3) + [middle] * (count // 3)
    amount = np.array(third + [fine] * (count - len(third)))[:, None]
    return np.asarray(w + amount * (towards - w))
