// Maps made of other maps' places, in one pass each.
//
// `resample`: a map fetched from other places. A pixel's channels lie side by side, so that a pixel is the weighted sum
//             of four short stretches of memory; places and weights are worked out a row at a time, beside the fetching
//             (places.h).
// `average_bins`: means over rectangles of pixels.
//
// What a job is, field by field, is in native.py, too.

#include <algorithm>
#include <cmath>
#include <vector>

#include "places.h"

namespace {

// What of a row of the result is fetched alike: the row itself, the pixels in it and how much of each counts.
struct Row {
    int64_t next, below;  // from a pixel's numbers to those of the next one and of that below
    int channels;
    const int64_t* at;    // of the first of four pixels, for each pixel of the result
    const float *left, *right, *up, *low;
    int64_t own;          // 1 where every pixel has its own `up` and `low`, 0 where all have the same
};

// Pixels `from` to `to` of a row, each a sum of four; WHOLE where the channels fill vectors.
template <class T, bool WHOLE>
void fetch(const T* x, T* y, int from, int to, const Row& row) {
    const int c = row.channels;
    for (int i = from; i < to; ++i) {
        const float a = row.left[i], b = row.right[i], u = row.up[i * row.own], l = row.low[i * row.own];
        const T *p = x + row.at[i], *q = p + row.next, *r = p + row.below, *s = q + row.below;
        T* out = y + int64_t(i) * c;
        if constexpr (WHOLE) {
            for (int k = 0; k < c; k += LANES)
                give(a * (u * take(p + k) + l * take(r + k)) + b * (u * take(q + k) + l * take(s + k)), out + k);
        } else {
            for (int k = 0; k < c; ++k)
                narrow(a * (u * wide(p[k]) + l * wide(r[k])) + b * (u * wide(q[k]) + l * wide(s[k])), out + k);
        }
    }
}

constexpr int NARROW = 4 * LANES;  // so many channels lie close enough to walk over one vector of them after the other

// As `fetch`, for pixels that are all moved alike: they are one stretch of memory.
template <class T, bool WHOLE>
void shift(const T* x, T* y, int from, int to, const Row& row) {
    const int64_t many = int64_t(to - from) * row.channels;
    const float a = row.left[from], b = row.right[from], u = *row.up, l = *row.low;
    const T *p = x + row.at[from], *q = p + row.next, *r = p + row.below, *s = q + row.below;
    T* out = y + int64_t(from) * row.channels;
    if (WHOLE && row.channels <= NARROW) {  // what is right of one pixel is left of the next
        for (int64_t first = 0; first < row.channels; first += LANES) {
            Floats here = u * take(p + first) + l * take(r + first);
            for (int64_t k = first; k < many; k += row.channels) {
                const Floats there = u * take(q + k) + l * take(s + k);
                give(a * here + b * there, out + k);
                here = there;
            }
        }
    } else {
        int64_t k = 0;
        for (; k + LANES <= many; k += LANES)
            give(a * (u * take(p + k) + l * take(r + k)) + b * (u * take(q + k) + l * take(s + k)), out + k);
        for (; k < many; ++k)
            narrow(a * (u * wide(p[k]) + l * wide(r[k])) + b * (u * wide(q[k]) + l * wide(s[k])), out + k);
    }
}

constexpr int RUN = 8;  // pixels from which on a stretch pays

// Pixels from `begin` to before `end` that are all moved alike, or that are fetched from where there is `nothing`.
struct Stretch {
    int begin, end;
    bool nothing;
};

// The stretches of a row; in between are pixels that are moved each in its own way.
std::vector<Stretch> stretches(const int32_t* at, const float* left, const float* right, int count) {
    std::vector<Stretch> found;
    for (int i = 0, end; i < count; i = end) {
        const bool nothing = left[i] == 0 && right[i] == 0;
        for (end = i + 1; end < count && left[end] == left[i] && right[end] == right[i]; ++end)
            if (!nothing && at[end] != at[end - 1] + 1) break;
        if (end - i >= RUN) found.push_back({i, end, nothing});
    }
    return found;
}

// Over `under`, as much as `share` says, rounded where torch rounds; then NaN becomes 0 and no number passes the limit.
template <class T>
void lay(const T* under, T* y, int64_t count, float share, float limit) {
    const auto over = [=](Floats v, Floats old) {
        const Floats way = old - v, made = share < 0.5f ? v + share * way : old - way * (1 - share);
        const Floats kept = made > limit ? limit - Floats{} : made < -limit ? -limit - Floats{} : made;
        return made == made ? kept : Floats{};
    };
    int64_t k = 0;
    for (; k + LANES <= count; k += LANES) give(over(take(under + k), take(y + k)), y + k);
    if (k == count) return;
    T one[LANES] = {}, two[LANES] = {};
    const size_t rest = size_t(count - k) * sizeof(T);
    std::memcpy(one, under + k, rest), std::memcpy(two, y + k, rest);
    give(over(take(one), take(two)), two);
    std::memcpy(y + k, two, rest);
}

template <class T>
void warp(const Warp& job) {
    const int h = int(job.map.height), w = int(job.map.width), c = int(job.map.channels);
    const int rows = int(job.rows), columns = int(job.columns);  // of the result
    const int64_t line = int64_t(w) * c;
    const T *x = static_cast<const T*>(job.map.x), *under = static_cast<const T*>(job.under);
    T* y = static_cast<T*>(job.map.y);
    auto* work = c % LANES == 0 ? fetch<T, true> : fetch<T, false>;
    auto* work_along = c % LANES == 0 ? shift<T, true> : shift<T, false>;
    const bool level = is_level(job);
    Warp alone = job;  // where columns are known, a place tells the row
    alone.columns = 1;
#pragma omp parallel num_threads(int(job.map.threads))
    {
        const size_t many = size_t(columns);
        std::vector<float> numbers(8 * many);
        std::vector<int32_t> whole(2 * many);
        std::vector<int64_t> at(many);
        std::vector<Stretch> even;
        float *px = numbers.data(), *py = px + columns, *left = py + columns, *right = left + columns,
              *up = right + columns, *low = up + columns, *room = low + columns;
        int32_t *across = whole.data(), *down = across + columns;
        const Row row = {w > 1 ? c : 0, h > 1 ? line : 0, c, at.data(), left, right, up, low, level ? 0 : 1};
        bool known = false;  // the columns, where all rows have the same
#pragma omp for schedule(static)
        for (int64_t one = 0; one < job.map.count * rows; ++one) {
            find(level && known ? alone : job, one % rows, px, py, room);
            beside(py, level ? 1 : columns, h, job, down, up, low);
            const T* from = x + one / rows * h * line;
            if (!level || !known) {
                beside(px, columns, w, job, across, left, right);
                const int64_t below = level ? 0 : line;
#pragma omp simd
                for (int i = 0; i < columns; ++i) at[size_t(i)] = int64_t(down[i]) * below + int64_t(across[i]) * c;
                if (level) even = stretches(across, left, right, columns);
                known = true;
            }
            if (level) from += *down * line;
            T* to = y + one * columns * c;
            int done = 0;
            if (level && *up == 0 && *low == 0) done = columns, std::memset(to, 0, size_t(columns) * c * sizeof(T));
            for (size_t k = 0; k < even.size() && done < columns; ++k) {
                const auto [begin, end, nothing] = even[k];
                work(from, to, done, begin, row);
                if (nothing) std::memset(to + int64_t(begin) * c, 0, size_t(end - begin) * c * sizeof(T));
                else work_along(from, to, begin, end, row);
                done = end;
            }
            work(from, to, done, columns, row);
            if (under) lay(under + one * columns * c, to, int64_t(columns) * c, job.share, job.limit);
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
