// Maps made of other maps' places, in one pass each.
//
// `resample`: a map fetched from other places. A pixel's channels lie side by side, so that a pixel is the weighted sum
//             of four short stretches of memory; places and weights are worked out a row at a time, beside the fetching.
// `average_bins`: means over rectangles of pixels.
//
// What a job is, field by field, is in native.py, too.

#include <algorithm>
#include <cmath>
#include <vector>

#include "map.h"

namespace {

struct Warp {
    Map map;
    const float *px, *py;                     // places, [1 or H, 1 or W] each
    int64_t px_row, px_column, py_row, py_column;  // their strides
    float edge, finest, farthest;
    int32_t border;  // 0 nothing, 1 mirror, 2 mixed
    int64_t rows, columns;  // of the result
};

enum { NOTHING, MIRROR, MIXED };

// The pixels beside each of `count` places along one axis, and their weights.
template <int BORDER>
void beside(const float* from, int64_t stride, int count, int length, const Warp& job, int32_t* first,
            int32_t* second, float* near, float* far) {
    const float last = float(length - 1), period = float(std::max(2 * (length - 1), 1));
    const float finest = job.finest, back = 1 / job.finest, farthest = job.farthest, edge = job.edge;
#pragma omp simd
    for (int i = 0; i < count; ++i) {
        float p = from[i * stride];
        if (BORDER == MIRROR) {
            p = p - period * std::floor(p / period);
            p = std::min(p, period - p);
        } else if (BORDER == NOTHING) {
            p = std::min(std::max(p, -1.0f), float(length));
        } else {
            p = std::min(std::max(p, -farthest), farthest);
        }
        p = std::nearbyint(p * finest) * back;
        const float one = std::floor(p), two = one + 1, share = p - one;
        float a = 1 - share, b = share, one_at = one, two_at = two;
        if (BORDER != MIRROR) {
            const float outside = BORDER == NOTHING ? 0.0f : edge;
            a *= (one >= 0) & (one <= last) ? 1.0f : outside;
            b *= (two >= 0) & (two <= last) ? 1.0f : outside;
        }
        if (BORDER == MIXED) {
            one_at = one - period * std::floor(one / period);
            two_at = two - period * std::floor(two / period);
            one_at = std::min(one_at, period - one_at);
            two_at = std::min(two_at, period - two_at);
        }
        first[i] = int32_t(std::min(std::max(one_at, 0.0f), last));
        second[i] = int32_t(std::min(std::max(two_at, 0.0f), last));
        near[i] = a;
        far[i] = b;
    }
}

void places(const float* from, int64_t stride, int count, int length, const Warp& job, int32_t* first,
            int32_t* second, float* near, float* far) {
    auto* work = job.border == NOTHING ? beside<NOTHING> : job.border == MIRROR ? beside<MIRROR> : beside<MIXED>;
    work(from, stride, count, length, job, first, second, near, far);
}

// One row of the result, every pixel a sum of four stretches of memory; WHOLE where the channels fill vectors.
template <class T, bool WHOLE>
void fetch(const T* x, T* y, int width, int channels, const int32_t* const at[4], const float* const share[4]) {
    for (int i = 0; i < width; ++i) {
        const float a = share[0][i], b = share[1][i], c = share[2][i], d = share[3][i];
        const T *p = x + at[0][i], *q = x + at[1][i], *r = x + at[2][i], *s = x + at[3][i];
        T* to = y + int64_t(i) * channels;
        if constexpr (WHOLE) {
            for (int k = 0; k < channels; k += LANES)
                give(a * take(p + k) + b * take(q + k) + c * take(r + k) + d * take(s + k), to + k);
        } else {
            for (int k = 0; k < channels; ++k)
                narrow(a * wide(p[k]) + b * wide(q[k]) + c * wide(r[k]) + d * wide(s[k]), to + k);
        }
    }
}

constexpr int RUN = 8;

// One row of the result where a row's pixels all come from the same two rows: these are mixed first.
template <class T>
void fetch_level(const T* up, const T* low, float of_up, float of_low, T* y, int width, int line, int channels,
                 const int32_t* left, const int32_t* right, const float* of_left, const float* of_right, float* mixed) {
    if (of_up == 0 && of_low == 0) {
        std::memset(y, 0, size_t(width) * channels * sizeof(T));
        return;
    }
#pragma omp simd
    for (int k = 0; k < line; ++k) mixed[k] = of_up * wide(up[k]) + of_low * wide(low[k]);
    for (int i = 0, end = 0; i < width; ++i) {
        if (i >= end) {  // a run of pixels that are all moved alike is one stretch of memory
            const float a = of_left[i], b = of_right[i];
            for (end = i + 1; end < width && left[end] == left[end - 1] + 1 && right[end] == right[end - 1] + 1 &&
                              of_left[end] == a && of_right[end] == b;)
                ++end;
            if (end - i >= RUN) {
                const float *p = mixed + int64_t(left[i]) * channels, *q = mixed + int64_t(right[i]) * channels;
                const int many = (end - i) * channels;
                int k = 0;
                for (; k + LANES <= many; k += LANES)
                    give(a * load<Floats>(p + k) + b * load<Floats>(q + k), y + i * channels + k);
                for (; k < many; ++k) narrow(a * p[k] + b * q[k], y + i * channels + k);
                i = end - 1;
                continue;
            }
        }
        const float *p = mixed + int64_t(left[i]) * channels, *q = mixed + int64_t(right[i]) * channels;
        T* to = y + int64_t(i) * channels;
        int k = 0;
        for (; k + LANES <= channels; k += LANES)
            give(of_left[i] * load<Floats>(p + k) + of_right[i] * load<Floats>(q + k), to + k);
        for (; k < channels; ++k) narrow(of_left[i] * p[k] + of_right[i] * q[k], to + k);
    }
}

template <class T>
void warp(const Warp& job) {
    const int h = int(job.map.height), w = int(job.map.width), c = int(job.map.channels);
    const int rows = int(job.rows), columns = int(job.columns);  // of the result
    const T* x = static_cast<const T*>(job.map.x);
    T* y = static_cast<T*>(job.map.y);
    auto* work = c % LANES == 0 ? fetch<T, true> : fetch<T, false>;
#pragma omp parallel num_threads(int(job.map.threads))
    {
        std::vector<int32_t> whole(8 * size_t(columns));
        std::vector<float> parts(8 * size_t(columns));
        int32_t *left = whole.data(), *right = left + columns, *up = right + columns, *low = up + columns;
        float *of_left = parts.data(), *of_right = of_left + columns, *of_up = of_right + columns,
              *of_low = of_up + columns;
        std::vector<float> mixed(job.px_row || job.py_column ? 0 : size_t(w) * c);
        int32_t* at[4];
        float* share[4];
        for (int k = 0; k < 4; ++k) at[k] = low + (k + 1) * columns, share[k] = of_low + (k + 1) * columns;
        bool known = false;  // the columns, where all rows have the same
#pragma omp for schedule(static)
        for (int64_t line = 0; line < job.map.count * rows; ++line) {
            const int64_t row = line % rows;
            if (!known || job.px_row)
                places(job.px + row * job.px_row, job.px_column, columns, w, job, left, right, of_left, of_right);
            known = true;
            const int many = job.py_column ? columns : 1;
            places(job.py + row * job.py_row, job.py_column, many, h, job, up, low, of_up, of_low);
            const T* from = x + line / rows * h * w * c;
            T* to = y + line * columns * c;
            if (!mixed.empty()) {
                fetch_level(from + int64_t(up[0]) * w * c, from + int64_t(low[0]) * w * c, of_up[0], of_low[0], to, columns,
                            w * c, c, left, right, of_left, of_right, mixed.data());
                continue;
            }
            if (many == 1) {
                std::fill(up + 1, up + columns, up[0]), std::fill(low + 1, low + columns, low[0]);
                std::fill(of_up + 1, of_up + columns, of_up[0]), std::fill(of_low + 1, of_low + columns, of_low[0]);
            }
            for (int k = 0; k < 4; ++k) {
                const int32_t *rows_ = k < 2 ? up : low, *columns_ = k % 2 ? right : left;
                const float *of_row = k < 2 ? of_up : of_low, *of_column = k % 2 ? of_right : of_left;
                int32_t* to_at = at[k];
                float* to_share = share[k];
#pragma omp simd
                for (int i = 0; i < columns; ++i) {
                    to_at[i] = (rows_[i] * w + columns_[i]) * c;
                    to_share[i] = of_row[i] * of_column[i];
                }
            }
            work(from, to, columns, c, at, share);
        }
    }
}

// The means over bins of a map; what of a bin lies outside is the nearest pixel inside.
struct Bins {
    Map map;
    int64_t rows, columns;  // of the result
    const int32_t *top, *bottom, *left, *right;  // of each row of bins and of each column; bottom and right beyond
};

template <class T>
void average(const Bins& job) {
    const int h = int(job.map.height), w = int(job.map.width), c = int(job.map.channels);
    const int rows = int(job.rows), columns = int(job.columns);
    const int64_t line = int64_t(w) * c;
    const T* x = static_cast<const T*>(job.map.x);
    T* y = static_cast<T*>(job.map.y);
#pragma omp parallel num_threads(int(job.map.threads))
    {
        std::vector<float> down(static_cast<size_t>(line));
#pragma omp for schedule(static)
        for (int64_t one = 0; one < job.map.count * rows; ++one) {
            const int row = int(one % rows);
            std::fill(down.begin(), down.end(), 0.0f);
            for (int from = job.top[row]; from < job.bottom[row]; ++from) {
                const T* at = x + (one / rows * h + std::min(std::max(from, 0), h - 1)) * line;
                float* into = down.data();
#pragma omp simd
                for (int64_t k = 0; k < line; ++k) into[k] += wide(at[k]);
            }
            for (int column = 0; column < columns; ++column) {
                const int left = job.left[column], right = job.right[column];
                const float share = 1.0f / float((job.bottom[row] - job.top[row]) * (right - left));
                T* to = y + (one * columns + column) * c;
                int k = 0;
                for (; k + LANES <= c; k += LANES) {
                    Floats total = {};
                    for (int from = left; from < right; ++from)
                        total += load<Floats>(down.data() + std::min(std::max(from, 0), w - 1) * c + k);
                    give(total * share, to + k);
                }
                for (; k < c; ++k) {
                    float total = 0;
                    for (int from = left; from < right; ++from)
                        total += down[size_t(std::min(std::max(from, 0), w - 1) * c + k)];
                    narrow(total * share, to + k);
                }
            }
        }
    }
}

}  // namespace

extern "C" {

void resample(const Warp* job) {
    if (job->map.half) warp<uint16_t>(*job);
    else warp<float>(*job);
}

void average_bins(const Bins* job) {
    if (job->map.half) average<uint16_t>(*job);
    else average<float>(*job);
}
}
