// Numbers changed one by one, in one pass each.
//
// `reshape`: by a curve, about their mean, by waves over the picture, by their neighbours' numbers, or by a second map.
// `bound`:   what is no number becomes 0, what is larger than a limit the limit.
// `turns`:   cosines and sines.
//
// What a job is, field by field, is in native.py, too.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "map.h"
#include "turn.h"

namespace {

struct Shape {
    Map map;
    int64_t kind;
    float a, b;
    const float* numbers;
    const void* other;  // a second map
};

enum { GATE, FOLD, STEP, ABOUT, WAVES, MIX, WIRES };
constexpr int PARTS = 8;  // of a map's rows, that sums do not hang on the number of threads

inline Floats smaller(Floats a, Floats b) { return a < b ? a : b; }
inline Floats larger(Floats a, Floats b) { return a > b ? a : b; }
inline Floats all(float v) { return v - Floats{}; }

inline Floats rounded(Floats v) {
    for (int k = 0; k < LANES; ++k) v[k] = std::nearbyint(v[k]);
    return v;
}

// The next LANES numbers, or as many as are left.
template <class T>
inline Floats next(const T* from, int64_t left) {
    if (left >= LANES) return take(from);
    T some[LANES] = {};
    std::memcpy(some, from, size_t(left) * sizeof(T));
    return take(some);
}

// `count` numbers through a function of a vector and of how many numbers are before it.
template <class T, class Function>
inline void run(const T* in, T* out, int64_t count, Function change) {
    int64_t k = 0;
    for (; k + LANES <= count; k += LANES) give(change(take(in + k), k), out + k);
    if (k == count) return;
    T made[LANES];
    give(change(next(in + k, count - k), k), made);
    std::memcpy(out + k, made, size_t(count - k) * sizeof(T));
}

// The numbers of `count` pixels, added up channel by channel into `sum`.
template <class T>
void add_up(const T* pixels, int64_t count, int64_t c, float* sum) {
    constexpr int64_t APART = 4;  // sums side by side, which need not wait for one another
    if (c % LANES) {
        for (int64_t i = 0; i < count; ++i)
            for (int64_t k = 0; k < c; ++k) sum[k] += wide(pixels[i * c + k]);
        return;
    }
    for (int64_t k = 0; k < c; k += LANES) {
        Floats all[APART] = {};
        int64_t i = 0;
        for (; i + APART <= count; i += APART)
            for (int64_t one = 0; one < APART; ++one) all[one] += take(pixels + (i + one) * c + k);
        for (; i < count; ++i) all[0] += take(pixels + i * c + k);
        give(load<Floats>(sum + k) + ((all[0] + all[1]) + (all[2] + all[3])), sum + k);
    }
}

// What a times the distance from each map's mean adds to the mean, for every number of a row [N, W * C].
template <class T>
std::vector<float> about(const Map& map, float a) {
    const int64_t line = map.width * map.channels, c = map.channels, parts = std::min<int64_t>(PARTS, map.height);
    const T* x = static_cast<const T*>(map.x);
    std::vector<float> sums(size_t(map.count * parts * c)), each(size_t(map.count * line));
#pragma omp parallel for schedule(static) num_threads(int(map.threads))
    for (int64_t one = 0; one < map.count * parts; ++one) {
        const int64_t picture = one / parts, part = one % parts;
        for (int64_t row = part * map.height / parts; row < (part + 1) * map.height / parts; ++row)
            add_up(x + (picture * map.height + row) * line, map.width, c, sums.data() + one * c);
    }
    for (int64_t picture = 0; picture < map.count; ++picture) {
        float* to = each.data() + picture * line;
        for (int64_t part = 0; part < parts; ++part)
            for (int64_t k = 0; k < c; ++k) to[k] += sums[size_t((picture * parts + part) * c + k)];
        for (int64_t k = 0; k < c; ++k) to[k] *= (1 - a) / float(map.height * map.width);
        for (int64_t k = c; k < line; ++k) to[k] = to[k - c];
    }
    return each;
}

// Each channel from the one `first` wires on, mixed with the next by `share`. Vectors of channels are put together from
// two each: a pixel's few bytes copied side by side would wait for their own writing.
template <class T>
void rewire(const T* in, T* out, int64_t width, int64_t c, int64_t first, float share) {
    if (c % LANES) {
        for (int64_t i = 0; i < width * c; ++i) {
            const int64_t pixel = i / c * c, one = pixel + (i - pixel + first) % c, two = pixel + (i - pixel + first + 1) % c;
            if (share == 0) out[i] = in[one];  // as it is, what is no number too
            else narrow(wide(in[one]) * (1 - share) + wide(in[two]) * share, out + i);
        }
        return;
    }
    const int64_t vectors = c / LANES, before = first / LANES;
    Bits from, beside;
    for (int k = 0; k < LANES; ++k) from[k] = uint32_t(first % LANES) + k, beside[k] = from[k] + 1;
    for (int64_t k = 0; k < vectors; ++k) {
        const int64_t a = (k + before) % vectors * LANES, b = (k + before + 1) % vectors * LANES,
                      last = (k + before + 2) % vectors * LANES;
        for (int64_t i = 0; i < width; ++i) {
            const T* pixel = in + i * c;
            const Floats near = take(pixel + a), far = take(pixel + b);
            Floats v = __builtin_shuffle(near, far, from);
            if (share != 0) {
                Floats w = __builtin_shuffle(near, far, beside);
                if (beside[LANES - 1] == 2 * LANES) w[LANES - 1] = wide(pixel[last]);
                v = v * (1 - share) + w * share;
            }
            give(v, out + i * c + k * LANES);
        }
    }
}

template <class T>
void shape(const Shape& job) {
    const int64_t h = job.map.height, w = job.map.width, c = job.map.channels, line = w * c;
    const T *x = static_cast<const T*>(job.map.x), *other = static_cast<const T*>(job.other);
    T* y = static_cast<T*>(job.map.y);
    const float a = job.a;
    const Floats low = all(-a), high = all(a), none = {};
    std::vector<float> own;
    if (job.kind == ABOUT) own = about<T>(job.map, a);
    std::vector<float> sine, cosine;  // of the waves, for each column
    if (job.kind == WAVES) {
        sine.resize(size_t(w)), cosine.resize(size_t(w));
        for (int64_t i = 0; i < w; ++i) turn(float(i) * a + job.numbers[0], &cosine[size_t(i)], &sine[size_t(i)]);
    }
#pragma omp parallel for schedule(static) num_threads(int(job.map.threads))
    for (int64_t row = 0; row < job.map.count * h; ++row) {
        const T *in = x + row * line, *second = other + row * line;
        T* out = y + row * line;
        const float* each = job.kind == ABOUT ? own.data() + row / h * line : job.numbers;
        if (job.kind == GATE)
            run(in, out, line, [=](Floats v, int64_t) { return v - smaller(larger(v, low), high); });
        else if (job.kind == FOLD)
            run(in, out, line, [=](Floats v, int64_t) { return v - larger(v - a, none) * job.b; });
        else if (job.kind == STEP)
            run(in, out, line, [=](Floats v, int64_t) { return rounded(v / a) * a; });
        else if (job.kind == ABOUT)
            run(in, out, line, [=](Floats v, int64_t k) { return v * a + next(each + k, line - k); });
        else if (job.kind == MIX)
            run(in, out, line, [=](Floats v, int64_t k) {
                const Floats share = next(each + k, line - k), end = next(second + k, line - k), way = end - v;
                return share < 0.5f ? v + share * way : end - way * (1 - share);
            });
        else if (job.kind == WIRES)
            rewire(in, out, w, c, int64_t(a), job.b);
        else {
            std::vector<float> wave(static_cast<size_t>(w));
            float down_cosine, down_sine;
            turn(float(row % h) * job.b, &down_cosine, &down_sine);
            down_cosine *= job.numbers[1], down_sine *= job.numbers[1];
            for (size_t i = 0; i < size_t(w); ++i) wave[i] = sine[i] * down_cosine + cosine[i] * down_sine;
            const float* height = wave.data();
            if (c == LANES)  // a vector is a pixel: a fifth quicker than by `run`
                for (int64_t i = 0; i < w; ++i) give(take(in + i * LANES) + height[i], out + i * LANES);
            else
                for (int64_t i = 0; i < w; ++i) {
                    const float here = height[i];
                    run(in + i * c, out + i * c, c, [=](Floats v, int64_t) { return v + here; });
                }
        }
    }
}

template <class Whole>
void keep(Whole* bits, int64_t count, Whole limit, Whole infinite, int threads) {
    constexpr Whole ALL = std::numeric_limits<Whole>::max();
#pragma omp parallel for simd schedule(static) num_threads(threads)
    for (int64_t i = 0; i < count; ++i) {
        const Whole size = bits[i] & ALL, kept = size > limit ? limit : size;
        bits[i] = size > infinite ? Whole(0) : Whole((bits[i] & ~ALL) | kept);
    }
}

}  // namespace

extern "C" {

void turns(const float* x, float* cosine, float* sine, int64_t count, int64_t threads) {
#pragma omp parallel for simd schedule(static) num_threads(int(threads))
    for (int64_t i = 0; i < count; ++i) turn(x[i], cosine + i, sine + i);
}

void reshape(const Shape* job) {
    if (job->map.half) shape<uint16_t>(*job);
    else shape<float>(*job);
}

// `count` numbers, in place; bfloat16 if `half`. `limit` is a number of their own type.
void bound(void* numbers, int64_t count, int64_t half, int64_t threads, float limit) {
    int32_t bits;
    std::memcpy(&bits, &limit, 4);
    if (half) keep<int16_t>(static_cast<int16_t*>(numbers), count, int16_t(bits >> 16), 0x7f80, int(threads));
    else keep<int32_t>(static_cast<int32_t*>(numbers), count, bits, 0x7f800000, int(threads));
}
}
