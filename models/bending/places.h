// Where the pixels of a row are fetched from, and what of the pixels beside that place counts how much.

#pragma once

#include <algorithm>
#include <cmath>

#include "map.h"
#include "turn.h"

namespace {

struct Warp {
    Map map;
    int64_t kind;
    const float *px, *py;                          // places, [1 or H, 1 or W] each; what else they are, `find` says
    int64_t px_row, px_column, py_row, py_column;  // their strides
    float numbers[4];
    float edge, finest, farthest;
    int32_t border;
    int64_t rows, columns;  // of the result
    const void* under;      // a map over which the result is laid, as much of it as `share` says; or none
    float share, limit;     // then what is larger than the limit becomes the limit
};

enum { GIVEN, SWAYED, SHIFTED, SCALED, TURNED, SWIRLED, FOLDED };
enum { NOTHING, MIRROR, MIXED };

// Apart from where they are added up: no compiler may put both into one step, which would round otherwise than torch.
__attribute__((noinline)) void times(const float* v, float by, float* made, int count) {
    for (int i = 0; i < count; ++i) made[i] = v[i] * by;
}

// Whether each column, and each row, is fetched from one place all along.
inline bool is_level(const Warp& job) {
    return (job.kind == GIVEN && !job.px_row && !job.py_column) || job.kind == SHIFTED || job.kind == SCALED;
}

// Columns x, rows y of the places that row `row` is fetched from. `room` is for two rows of numbers more.
inline void find(const Warp& job, int64_t row, float* x, float* y, float* room) {
    const int count = int(job.columns);
    const float cx = job.numbers[0], cy = job.numbers[1], u = job.numbers[2], v = job.numbers[3];
    const float down = float(row) - cy;
    const float *px = job.px + row * job.px_row, *py = job.py + row * job.py_row;
    const int64_t px_step = job.px_column, py_step = job.py_column;
    if (job.kind == GIVEN) {
        for (int i = 0; i < count; ++i) x[i] = px[i * px_step];
        for (int i = 0; i < count; ++i) y[i] = py[i * py_step];
    } else if (job.kind == SWAYED) {  // px and py are what is added to each column and row
        for (int i = 0; i < count; ++i) x[i] = float(i) + px[i * px_step];
        for (int i = 0; i < count; ++i) y[i] = float(row) + py[i * py_step];
    } else if (job.kind == SHIFTED) {  // by u times cx to the right and v times cy down
        times(&cx, u, &room[0], 1), times(&cy, v, &room[1], 1);
        const float right = room[0], below = float(row) - room[1];
        for (int i = 0; i < count; ++i) x[i] = float(i) - right, y[i] = below;
    } else if (job.kind == SCALED) {  // about (cx, cy), u times
        for (int i = 0; i < count; ++i) x[i] = cx + (float(i) - cx) / u, y[i] = cy + down / u;
    } else if (job.kind == TURNED) {  // about (cx, cy); u and v are cosine and sine, times a factor
        float *across = room, *part = room + count, downs[2];
        for (int i = 0; i < count; ++i) across[i] = float(i) - cx;
        times(&down, v, &downs[0], 1), times(&down, u, &downs[1], 1);
        times(across, u, part, count);
        for (int i = 0; i < count; ++i) x[i] = (cx + part[i]) - downs[0];
        times(across, v, part, count);
        for (int i = 0; i < count; ++i) y[i] = (cy + part[i]) + downs[1];
    } else if (job.kind == SWIRLED) {  // about (cx, cy), by v radians in the middle, by nothing u pixels away
#pragma omp simd
        for (int i = 0; i < count; ++i) {
            const float across = float(i) - cx, far = std::sqrt(across * across + down * down);
            const float fade = std::min(std::max(1 - far / u, 0.0f), 1.0f);
            float cosine, sine;
            turn(fade * fade * v, &cosine, &sine);
            x[i] = cosine * across - sine * down + cx;
            y[i] = sine * across + cosine * down + cy;
        }
    } else if (u == 0) {  // no sectors to fold into
        for (int i = 0; i < count; ++i) x[i] = float(i), y[i] = float(row);
    } else {  // folded into sectors of u radians from v on; px is how far a pixel is from (cx, cy), py in which direction
#pragma omp simd
        for (int i = 0; i < count; ++i) {
            float angle = py[i] - v, cosine, sine;
            angle -= std::floor(angle / u) * u;
            turn(std::min(angle, u - angle) + v, &cosine, &sine);
            x[i] = cosine * px[i] + cx;
            y[i] = sine * px[i] + cy;
        }
    }
}

// Of each of `count` places p along one axis: the first of two pixels, and how much it and the next count. Where an
// axis has one pixel there is no next, and its share is 0.
template <int BORDER>
void beside(const float* from, int count, int length, const Warp& job, int32_t* first, float* near, float* far) {
    const float last = float(length - 1), period = float(std::max(2 * (length - 1), 1));
    const float most = std::max(last - 1, 0.0f);  // where the first of two pixels may lie
    const float finest = job.finest, back = 1 / job.finest, farthest = job.farthest, edge = job.edge;
#pragma omp simd
    for (int i = 0; i < count; ++i) {
        float p = from[i];
        if (BORDER == MIRROR) {
            p = p - period * std::floor(p / period);
            p = std::min(std::max(std::min(p, period - p), 0.0f), last);
        } else if (BORDER == NOTHING) {
            p = std::min(std::max(p, -1.0f), last + 1);
        } else {
            p = std::min(std::max(p, -farthest), farthest);
        }
        p = std::nearbyint(p * finest) * back;
        const float one = std::floor(p);
        float at = std::min(std::max(one, 0.0f), most);
        float a = std::max(1 - std::abs(p - at), 0.0f), b = std::max(1 - std::abs(p - at - 1), 0.0f);
        b = at < last ? b : 0.0f;
        if (BORDER == MIXED) {  // the two pixels may lie outside, or be exchanged by the fold
            const float two = one + 1, share = p - one;
            const float of_one = (1 - share) * ((one >= 0) & (one <= last) ? 1.0f : edge);
            const float of_two = share * ((two >= 0) & (two <= last) ? 1.0f : edge);
            float one_at = one - period * std::floor(one / period), two_at = two - period * std::floor(two / period);
            one_at = std::min(std::min(one_at, period - one_at), last);
            two_at = std::min(std::min(two_at, period - two_at), last);
            at = std::max(std::min(std::min(one_at, two_at), most), 0.0f);
            a = (one_at <= at ? of_one : 0.0f) + (two_at <= at ? of_two : 0.0f);
            b = (one_at <= at ? 0.0f : of_one) + (two_at <= at ? 0.0f : of_two);
        }
        first[i] = int32_t(at);
        near[i] = a;
        far[i] = b;
    }
}

inline void beside(const float* from, int count, int length, const Warp& job, int32_t* first, float* near, float* far) {
    auto* work = job.border == NOTHING ? beside<NOTHING> : job.border == MIRROR ? beside<MIRROR> : beside<MIXED>;
    work(from, count, length, job, first, near, far);
}

}  // namespace
