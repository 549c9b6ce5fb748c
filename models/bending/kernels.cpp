// What bends of whole maps cost most with, in one pass each over maps that are channels-last, in float32 or bfloat16.
//
// `resample`: a map fetched from other places. A pixel's channels lie side by side, so that a pixel is the weighted sum
//             of four short stretches of memory; places and weights are worked out a row at a time, beside the fetching.
// `average_bins`: means over rectangles of pixels.
// `extremum`: erosion and dilation over an ellipse (OpenCV's, see morphology.py), of one radius or between two. Numbers
//             are compared as whole numbers in the same order, twice as many bfloat16 at once; erosion is dilation of the
//             opposite order. Each row of the map is widened step by step and laid over all rows that it reaches.
// `bound`:    what is no number becomes 0, what is larger than a limit the limit.
//
// What a job is, field by field, is in native.py, too.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace {

constexpr int WIDEST = 64;  // bytes of a vector
constexpr int RADII = 9;    // radii 0 to 8

struct Map {
    int64_t count, height, width, channels;
    int64_t half;     // bfloat16, not float32
    int64_t threads;
    const void* x;
    void* y;
};

inline float wide(float v) { return v; }
inline float wide(uint16_t v) {  // a bfloat16 is the upper half of a float
    const uint32_t bits = uint32_t(v) << 16;
    float f;
    std::memcpy(&f, &bits, 4);
    return f;
}

inline void narrow(float v, float* to) { *to = v; }
inline void narrow(float v, uint16_t* to) {  // to the nearest, ties to even; NaN stays one
    uint32_t bits;
    std::memcpy(&bits, &v, 4);
    *to = (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

template <class V>
inline V load(const void* from) {
    V v;
    std::memcpy(&v, from, sizeof v);
    return v;
}

// ---- resample

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

constexpr int LANES = 8;  // channels side by side in one vector
typedef float Floats __attribute__((vector_size(LANES * 4)));
typedef uint32_t Bits __attribute__((vector_size(LANES * 4)));
typedef uint16_t Halves __attribute__((vector_size(LANES * 2)));

inline Floats take(const float* from) { return load<Floats>(from); }
inline Floats take(const uint16_t* from) {
    return reinterpret_cast<Floats>(__builtin_convertvector(load<Halves>(from), Bits) << 16);
}

inline void give(const Floats& v, float* to) { std::memcpy(to, &v, sizeof v); }
inline void give(const Floats& v, uint16_t* to) {
    const Bits bits = reinterpret_cast<Bits>(v);
    const Halves made = __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, Halves);
    std::memcpy(to, &made, sizeof made);
}

// Four stretches of memory for one pixel, and what of each.
struct Corners {
    int32_t at[4];
    float share[4];
};

// One row of the result; WHOLE where the channels fill vectors.
template <class T, bool WHOLE>
void fetch(const T* x, T* y, int width, int channels, const Corners* corners) {
    for (int i = 0; i < width; ++i) {
        const Corners& from = corners[i];
        const float a = from.share[0], b = from.share[1], c = from.share[2], d = from.share[3];
        const T *p = x + int64_t(from.at[0]) * channels, *q = x + int64_t(from.at[1]) * channels,
                *r = x + int64_t(from.at[2]) * channels, *s = x + int64_t(from.at[3]) * channels;
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

template <class T>
void warp(const Warp& job) {
    const int h = int(job.map.height), w = int(job.map.width), c = int(job.map.channels);
    const int rows = int(job.rows), columns = int(job.columns);  // of the result
    const T* x = static_cast<const T*>(job.map.x);
    T* y = static_cast<T*>(job.map.y);
    auto* work = c % LANES == 0 ? fetch<T, true> : fetch<T, false>;
#pragma omp parallel num_threads(int(job.map.threads))
    {
        std::vector<int32_t> whole(4 * size_t(columns));
        std::vector<float> parts(4 * size_t(columns));
        std::vector<Corners> corners(static_cast<size_t>(columns));
        int32_t *left = whole.data(), *right = left + columns, *up = right + columns, *low = up + columns;
        float *of_left = parts.data(), *of_right = of_left + columns, *of_up = of_right + columns,
              *of_low = of_up + columns;
        bool known = false;  // the columns, where all rows have the same
#pragma omp for schedule(static)
        for (int64_t line = 0; line < job.map.count * rows; ++line) {
            const int64_t row = line % rows;
            if (!known || job.px_row)
                places(job.px + row * job.px_row, job.px_column, columns, w, job, left, right, of_left, of_right);
            known = true;
            const int many = job.py_column ? columns : 1;
            places(job.py + row * job.py_row, job.py_column, many, h, job, up, low, of_up, of_low);
            if (many == 1) {
                std::fill(up + 1, up + columns, up[0]), std::fill(low + 1, low + columns, low[0]);
                std::fill(of_up + 1, of_up + columns, of_up[0]), std::fill(of_low + 1, of_low + columns, of_low[0]);
            }
            for (int i = 0; i < columns; ++i) {
                const int32_t top = up[i] * w, bottom = low[i] * w;
                corners[size_t(i)] = {{top + left[i], top + right[i], bottom + left[i], bottom + right[i]},
                                      {of_up[i] * of_left[i], of_up[i] * of_right[i], of_low[i] * of_left[i],
                                       of_low[i] * of_right[i]}};
            }
            work(x + line / rows * h * w * c, y + line * columns * c, columns, c, corners.data());
        }
    }
}

// ---- average

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
                for (int64_t k = 0; k < line; ++k) down[size_t(k)] += wide(at[k]);
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

// ---- extremum

struct Ellipse {
    Map map;
    float share;    // of the second ellipse
    int32_t least;  // the minimum, not the maximum
    int32_t reach[2][RADII];  // how far the ellipses reach to each side in the rows 0, 1, ... from the middle, or -1
};

template <class Whole>
struct Keys {
    typedef Whole Vector __attribute__((vector_size(WIDEST)));
    static constexpr int LANES = WIDEST / int(sizeof(Whole));
    static constexpr Whole ALL = std::numeric_limits<Whole>::max();
};

// Whole numbers that lie in the order of the floats with these bits; the way back is the same.
template <class Whole>
inline typename Keys<Whole>::Vector key(typename Keys<Whole>::Vector bits) {
    return bits ^ ((bits >> int(8 * sizeof(Whole) - 1)) & Keys<Whole>::ALL);
}

template <class V>
inline V larger(V a, V b) {
    return a > b ? a : b;
}

template <class T, class Whole>
void spread(const Ellipse& job) {
    typedef typename Keys<Whole>::Vector V;
    constexpr int LANES = Keys<Whole>::LANES;
    const int h = int(job.map.height), c = int(job.map.channels);
    const int64_t line = job.map.width * c;
    int radius = 0, kinds = 1;
    for (int e = 0; e < 2; ++e)
        for (int dy = 0; dy < RADII; ++dy)
            if (job.reach[e][dy] >= 0) radius = std::max({radius, dy, int(job.reach[e][dy])}), kinds = e + 1;
    const int64_t blocks = (line + LANES - 1) / LANES, side = int64_t(radius) * c, long_ = blocks * LANES;
    const int kept = 2 * radius + 1;
    const int64_t tile = std::max<int64_t>((h + job.map.threads - 1) / job.map.threads, 2 * radius + 1);
    const int64_t tiles = (h + tile - 1) / tile;
    const Whole turn = job.least ? Whole(-1) : Whole(0), lowest = std::numeric_limits<Whole>::min();
#pragma omp parallel num_threads(int(job.map.threads))
    {
        std::vector<Whole> padded(size_t(long_ + 2 * side + LANES), lowest);
        std::vector<Whole> sums(size_t(2 * kept * long_));  // ring of rows of the result, of both ellipses
        std::vector<T> last(size_t(2 * LANES));
#pragma omp for schedule(dynamic)
        for (int64_t job_ = 0; job_ < job.map.count * tiles; ++job_) {
            const int64_t picture = job_ / tiles;
            const int from = int(job_ % tiles * tile), to = int(std::min<int64_t>(from + tile, h));
            const T* x = static_cast<const T*>(job.map.x) + picture * h * line;
            T* y = static_cast<T*>(job.map.y) + picture * h * line;
            auto sum = [&](int e, int row) { return sums.data() + (e * kept + row % kept) * long_; };
            int begun = from;  // rows below this one have their sums begun
            for (int row = std::max(from - radius, 0); row < std::min(to + radius, h) || row - radius < to; ++row) {
                for (; begun < std::min(row + radius + 1, to); ++begun)
                    for (int e = 0; e < kinds; ++e) std::fill_n(sum(e, begun), long_, lowest);
                if (row < h) {
                    Whole* middle = padded.data() + side;
                    std::memcpy(middle, x + row * line, size_t(line) * sizeof(T));
                    for (int64_t b = 0; b < blocks; ++b) {
                        const V v = key<Whole>(load<V>(middle + b * LANES)) ^ turn;
                        std::memcpy(middle + b * LANES, &v, sizeof v);
                    }
                    std::fill(middle + line, padded.data() + padded.size(), lowest);
                    for (int64_t b = 0; b < blocks; ++b) {
                        const Whole* here = middle + b * LANES;
                        V widest = load<V>(here);
                        for (int reach = 0; reach <= radius; ++reach) {
                            if (reach)
                                widest = larger(widest, larger(load<V>(here - int64_t(reach) * c),
                                                               load<V>(here + int64_t(reach) * c)));
                            for (int e = 0; e < kinds; ++e)
                                for (int dy = 0; dy <= radius; ++dy) {
                                    if (job.reach[e][dy] != reach) continue;
                                    for (int one = row - dy, k = 0; k < (dy ? 2 : 1); ++k, one = row + dy) {
                                        if (one < from || one >= to) continue;
                                        Whole* at = sum(e, one) + b * LANES;
                                        const V v = larger(load<V>(at), widest);
                                        std::memcpy(at, &v, sizeof v);
                                    }
                                }
                        }
                    }
                }
                const int ready = row - radius;
                if (ready < from || ready >= to) continue;
                for (int64_t b = 0; b < blocks; ++b) {
                    const int many = int(std::min<int64_t>(LANES, line - b * LANES));
                    const V low = key<Whole>(load<V>(sum(0, ready) + b * LANES) ^ turn);
                    T* out = y + ready * line + b * LANES;
                    if (kinds == 1) {
                        std::memcpy(out, &low, size_t(many) * sizeof(T));
                        continue;
                    }
                    const V high = key<Whole>(load<V>(sum(1, ready) + b * LANES) ^ turn);
                    T one[LANES], two[LANES], made[LANES];
                    std::memcpy(one, &low, sizeof low);
                    std::memcpy(two, &high, sizeof high);
                    for (int k = 0; k < LANES; ++k) {
                        const float u = wide(one[k]), v = wide(two[k]);
                        narrow(job.share < 0.5f ? u + job.share * (v - u) : v - (v - u) * (1 - job.share), made + k);
                    }
                    std::memcpy(out, made, size_t(many) * sizeof(T));
                }
            }
        }
    }
}

// ---- bound

template <class Whole>
void keep(Whole* bits, int64_t count, Whole limit, Whole infinite, int threads) {
    constexpr Whole ALL = Keys<Whole>::ALL;
#pragma omp parallel for simd schedule(static) num_threads(threads)
    for (int64_t i = 0; i < count; ++i) {
        const Whole size = bits[i] & ALL, kept = size > limit ? limit : size;
        bits[i] = size > infinite ? Whole(0) : Whole((bits[i] & ~ALL) | kept);
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

void extremum(const Ellipse* job) {
    if (job->map.half) spread<uint16_t, int16_t>(*job);
    else spread<float, int32_t>(*job);
}

// In place at `map.y`. `limit` is a number of the map's own type.
void bound(const Map* map, float limit) {
    const int64_t count = map->count * map->height * map->width * map->channels;
    int32_t bits;
    std::memcpy(&bits, &limit, 4);
    if (map->half) keep<int16_t>(static_cast<int16_t*>(map->y), count, int16_t(bits >> 16), 0x7f80, int(map->threads));
    else keep<int32_t>(static_cast<int32_t*>(map->y), count, bits, 0x7f800000, int(map->threads));
}
}
