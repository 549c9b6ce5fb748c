// Numbers changed one by one, in one pass each.
//
// `reshape`: by a curve, by a number for each channel or pixel, or by a second map.
// `bound`:   what is no number becomes 0, what is larger than a limit the limit.
//
// What a job is, field by field, is in native.py, too.

#include <algorithm>
#include <limits>

#include "map.h"

namespace {

struct Shape {
    Map map;
    int64_t kind;
    float a, b;
    const float* numbers;
    const void* other;  // a second map
};

enum { GATE, FOLD, EACH, PLANE, MIX };

template <class T>
void shape(const Shape& job) {
    const int64_t h = job.map.height, w = job.map.width, c = job.map.channels, line = w * c;
    const T *x = static_cast<const T*>(job.map.x), *other = static_cast<const T*>(job.other);
    T* y = static_cast<T*>(job.map.y);
    const float a = job.a, b = job.b;
#pragma omp parallel for schedule(static) num_threads(int(job.map.threads))
    for (int64_t row = 0; row < job.map.count * h; ++row) {
        const T *in = x + row * line, *second = other + row * line;
        T* out = y + row * line;
        const float* each = job.numbers + (job.kind == EACH ? row / h * line : job.kind == PLANE ? row % h * w : 0);
        switch (job.kind) {
            case GATE:
                for (int64_t k = 0; k < line; ++k) {
                    const float v = wide(in[k]);
                    narrow(v - std::min(std::max(v, -a), a), out + k);
                }
                break;
            case FOLD:
                for (int64_t k = 0; k < line; ++k) {
                    const float v = wide(in[k]);
                    narrow(v - std::max(v - a, 0.0f) * b, out + k);
                }
                break;
            case EACH:
                for (int64_t k = 0; k < line; ++k) narrow(wide(in[k]) * a + each[k], out + k);
                break;
            case MIX:
                for (int64_t k = 0; k < line; ++k) {
                    const float u = wide(in[k]), v = wide(second[k]), share = each[k];
                    narrow(share < 0.5f ? u + share * (v - u) : v - (v - u) * (1 - share), out + k);
                }
                break;
            default:
                for (int64_t i = 0, k = 0; i < w; ++i)
                    for (const int64_t end = k + c; k < end;) {
                        if (end - k >= LANES) give(take(in + k) + each[i], out + k), k += LANES;
                        else narrow(wide(in[k]) + each[i], out + k), ++k;
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

void reshape(const Shape* job) {
    if (job->map.half) shape<uint16_t>(*job);
    else shape<float>(*job);
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
