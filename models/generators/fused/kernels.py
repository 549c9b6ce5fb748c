"""The kernels, in Triton's language. Imported only where Triton is there; `operations` says what each is given.

Activations lie as [H, W, C] (channels-last), float32 or bfloat16; all arithmetic is in float32. Numbers that may move
during the show (noise strengths) are read from where they lie on the device. Sizes of tiles are constants, chosen in
`operations`: nothing is tuned by trial, because a trial cannot be captured. Offsets are 32 bits wide; `operations`
refuses larger maps. Channels are compile-time constants, so that loads are as wide as the number of channels allows.

https://triton-lang.org/main/python-api/triton.language.html
"""
# ruff: noqa: PLR0917  a kernel is given numbers and places, nothing that holds them
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# The arguments are Triton's own: pointers and scalars of the device, which Python's types do not describe.

import triton
import triton.language as tl

SCALARS = ["strength", "performer"]  # 0-d tensors, which lie anywhere: one kernel for every alignment


@triton.jit
def styles(table, w, out, gain, stride, width: tl.constexpr, rows: tl.constexpr, columns: tl.constexpr):
    """All affine layers of a frame: out[first + i] = gain * sum_d weight[i, d] w[which, d] + bias[i].

    One row of `table` [layers, 5] (int64) is the address of a weight and of a bias, the count of styles, where the
    first goes, and which w is theirs.
    """
    entry = table + tl.program_id(1) * 5
    weight = tl.load(entry).to(tl.pointer_type(tl.float32))
    bias = tl.load(entry + 1).to(tl.pointer_type(tl.float32))
    count, first, which = tl.load(entry + 2), tl.load(entry + 3), tl.load(entry + 4)
    i = tl.program_id(0) * rows + tl.arange(0, rows)
    total = tl.zeros([rows], tl.float32)
    for start in tl.static_range(0, width, columns):
        d = start + tl.arange(0, columns)
        inside = (i < count)[:, None] & (d < width)[None, :]
        part = tl.load(weight + i[:, None] * width + d[None, :], mask=inside, other=0.0)
        total += tl.sum(part * tl.load(w + which * stride + d, mask=d < width, other=0.0)[None, :], axis=1)
    total = gain * total + tl.load(bias + i, mask=i < count, other=0.0)
    tl.store(out + first + i, total, mask=i < count)


@triton.jit
def fold(
    weight, style, out, w_o, w_i, w_t, z_o, z_i, z_t,
    outputs: tl.constexpr, inputs: tl.constexpr, taps: tl.constexpr,
    rows: tl.constexpr, columns: tl.constexpr, padded: tl.constexpr,
):  # fmt: skip
    """W'_oit = d_o W_oit s_i with d_o = 1 / sqrt(sum_it (W_oit s_i)^2 + 1e-8), from strides w to strides z.

    A program makes `rows` outputs; it goes over the weight twice, the second time out of the cache.
    """
    o = (tl.program_id(0) * rows + tl.arange(0, rows))[:, None, None]
    t = tl.arange(0, padded)[None, :, None]
    power = tl.zeros([rows], tl.float32)
    for start in tl.static_range(0, inputs, columns):
        i = (start + tl.arange(0, columns))[None, None, :]
        inside = (o < outputs) & (t < taps) & (i < inputs)
        v = tl.load(weight + o * w_o + i * w_i + t * w_t, mask=inside, other=0.0).to(tl.float32)
        v *= tl.load(style + i, mask=i < inputs, other=0.0)
        power += tl.sum(tl.sum(v * v, axis=2), axis=1)
    demodulation = (1.0 / tl.sqrt(power + 1e-8))[:, None, None]
    for start in tl.static_range(0, inputs, columns):
        i = (start + tl.arange(0, columns))[None, None, :]
        inside = (o < outputs) & (t < taps) & (i < inputs)
        v = tl.load(weight + o * w_o + i * w_i + t * w_t, mask=inside, other=0.0).to(tl.float32)
        v *= tl.load(style + i, mask=i < inputs, other=0.0) * demodulation
        tl.store(out + o * z_o + i * z_i + t * z_t, v.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _amplitude(strength, performer, scale, moves):
    """The layer's own noise strength times the performer's: a tensor, if it `moves` (above 0), times a number."""
    amount = tl.load(strength).to(tl.float32) * scale
    return amount * tl.where(moves > 0, tl.load(performer).to(tl.float32), 1.0)


@triton.jit
def _activated(v, gain, clamp, clamps: tl.constexpr):
    """Leaky ReLU 0.2, gain, clamp; what is not a number stays so."""
    v = tl.where(v < 0, 0.2 * v, v) * gain
    return tl.where(v > clamp, clamp, tl.where(v < -clamp, -clamp, v)) if clamps else v


@triton.jit(do_not_specialize_on_alignment=SCALARS)
def finish(
    y, bias, noise, strength, performer, scale, moves, gain, clamp, pixels,
    channels: tl.constexpr, noisy: tl.constexpr, clamps: tl.constexpr,
    rows: tl.constexpr, columns: tl.constexpr,
):  # fmt: skip
    """y [pixels, channels] in place: plus noise[pixel] times its strengths, plus bias, then `_activated`."""
    p = tl.program_id(0) * rows + tl.arange(0, rows)
    c = tl.program_id(1) * columns + tl.arange(0, columns)
    at = y + p[:, None] * channels + c[None, :]
    inside = (p < pixels)[:, None] & (c < channels)[None, :]
    v = tl.load(at, mask=inside, other=0.0).to(tl.float32)
    v += tl.load(bias + c, mask=c < channels, other=0.0).to(tl.float32)[None, :]
    if noisy:
        pattern = tl.load(noise + p, mask=p < pixels, other=0.0).to(tl.float32)
        v += (pattern * _amplitude(strength, performer, scale, moves))[:, None]
    tl.store(at, _activated(v, gain, clamp, clamps).to(y.dtype.element_ty), mask=inside)


@triton.jit
def _across(y, row, x, c, height, width, channels: tl.constexpr):
    """One row of y [height, width, channels] blurred along x, in columns x - 1 .. x + 2; zeros outside."""
    wanted = (c < channels)[None, :] & (row >= 0) & (row < height)
    at = y + (row * width + x - 1)[:, None] * channels + c[None, :]
    a = tl.load(at, mask=wanted & ((x >= 1) & (x <= width))[:, None], other=0.0).to(tl.float32)
    b = tl.load(at + channels, mask=wanted & (x < width)[:, None], other=0.0).to(tl.float32)
    d = tl.load(at + 2 * channels, mask=wanted & (x < width - 1)[:, None], other=0.0).to(tl.float32)
    e = tl.load(at + 3 * channels, mask=wanted & (x < width - 2)[:, None], other=0.0).to(tl.float32)
    return 0.25 * (a + e) + 0.75 * (b + d)


@triton.jit(do_not_specialize_on_alignment=SCALARS)
def blur_finish(
    y, out, bias, noise, strength, performer, scale, moves, gain, clamp, height, width,
    channels: tl.constexpr, noisy: tl.constexpr, clamps: tl.constexpr,
    lines: tl.constexpr, rows: tl.constexpr, columns: tl.constexpr,
):  # fmt: skip
    """y [height + 1, width + 1, channels] -> out [height, width, channels]: the 4x4 blur, then as `finish`.

    A program goes down `lines` rows of `rows` pixels; each row of y is blurred along x once and used four times.
    """
    top = tl.program_id(0) * lines
    x = tl.program_id(1) * rows + tl.arange(0, rows)
    c = tl.program_id(2) * columns + tl.arange(0, columns)
    inside = (x < width)[:, None] & (c < channels)[None, :]
    shift = tl.load(bias + c, mask=c < channels, other=0.0).to(tl.float32)[None, :]
    amount = _amplitude(strength, performer, scale, moves) if noisy else 0.0
    first = _across(y, top - 1, x, c, height + 1, width + 1, channels)
    second = _across(y, top, x, c, height + 1, width + 1, channels)
    third = _across(y, top + 1, x, c, height + 1, width + 1, channels)
    for line in tl.static_range(lines):
        row = top + line
        fourth = _across(y, row + 2, x, c, height + 1, width + 1, channels)
        v = 0.25 * (first + fourth) + 0.75 * (second + third) + shift
        if noisy:
            pattern = tl.load(noise + row * width + x, mask=(x < width) & (row < height), other=0.0).to(tl.float32)
            v += (pattern * amount)[:, None]
        v = _activated(v, gain, clamp, clamps).to(out.dtype.element_ty)
        tl.store(out + (row * width + x)[:, None] * channels + c[None, :], v, mask=inside & (row < height))
        first, second, third = second, third, fourth


@triton.jit
def _enlarged(small, y, x, offset, s_y, s_x, height, width, inside):
    """What the map `small` [height, width] gives to pixel (y, x) of one twice as large: zero-stuffed and blurred with
    [1, 3, 3, 1] and gain 4, which is three quarters of the nearest row and one of the next; zeros outside.
    """
    near_y, near_x = y // 2, x // 2
    far_y, far_x = near_y - 1 + 2 * (y % 2), near_x - 1 + 2 * (x % 2)
    has_y, has_x = inside & (far_y >= 0) & (far_y < height), (far_x >= 0) & (far_x < width)
    at = small + offset
    a = tl.load(at + near_y * s_y + near_x * s_x, mask=inside, other=0.0).to(tl.float32)
    b = tl.load(at + near_y * s_y + far_x * s_x, mask=inside & has_x, other=0.0).to(tl.float32)
    c = tl.load(at + far_y * s_y + near_x * s_x, mask=has_y, other=0.0).to(tl.float32)
    d = tl.load(at + far_y * s_y + far_x * s_x, mask=has_y & has_x, other=0.0).to(tl.float32)
    return 0.75 * (0.75 * a + 0.25 * b) + 0.25 * (0.75 * c + 0.25 * d)


@triton.jit
def to_rgb(
    x, style, weight, bias, small, out, gain, clamp, height, width, w_k, w_c, s_k, s_y, s_x,
    channels: tl.constexpr, colours: tl.constexpr, clamps: tl.constexpr, joins: tl.constexpr,
    rows: tl.constexpr, columns: tl.constexpr,
):  # fmt: skip
    """x [height * width, channels] -> out [height * width, colours] float32: modulated 1x1 convolution, bias, clamp,
    and, if it `joins`, the enlarged picture `small`. Each pixel is read once, all its channels together.
    """
    p = tl.program_id(0) * rows + tl.arange(0, rows)
    c = tl.arange(0, columns)
    here = p < height * width
    v = tl.load(x + p[:, None] * channels + c[None, :], mask=here[:, None] & (c < channels)[None, :], other=0.0)
    v = v.to(tl.float32) * (gain * tl.load(style + c, mask=c < channels, other=0.0))[None, :]
    for k in tl.static_range(colours):
        row = tl.load(weight + k * w_k + c * w_c, mask=c < channels, other=0.0).to(tl.float32)
        rgb = tl.sum(v * row[None, :], axis=1) + tl.load(bias + k).to(tl.float32)
        if clamps:
            rgb = tl.where(rgb > clamp, clamp, tl.where(rgb < -clamp, -clamp, rgb))
        if joins:
            rgb += _enlarged(small, p // width, p % width, k * s_k, s_y, s_x, height // 2, width // 2, here)
        tl.store(out + p * colours + k, rgb, mask=here)


@triton.jit
def join(
    x, small, out, height, width, x_c, x_y, x_x, s_c, s_y, s_x,
    channels: tl.constexpr, rows: tl.constexpr, columns: tl.constexpr,
):  # fmt: skip
    """out [height, width, channels] = x + the map `small` of half the size, enlarged; both with strides c, y, x."""
    p = (tl.program_id(0) * rows + tl.arange(0, rows))[:, None]
    c = (tl.program_id(1) * columns + tl.arange(0, columns))[None, :]
    inside = (p < height * width) & (c < channels)
    y, column = p // width, p % width
    v = tl.load(x + y * x_y + column * x_x + c * x_c, mask=inside, other=0.0).to(tl.float32)
    v += _enlarged(small, y, column, c * s_c, s_y, s_x, height // 2, width // 2, inside)
    tl.store(out + p * channels + c, v.to(out.dtype.element_ty), mask=inside)
