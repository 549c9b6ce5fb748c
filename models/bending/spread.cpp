// Erosion and dilation over an ellipse (OpenCV's, see morphology.py), of one radius or between two, in one pass.
//
// Numbers are compared as whole numbers in the same order, twice as many bfloat16 at once; erosion is dilation of the
// opposite order. Each row of the map is widened step by step and laid over all rows that it reaches.
// What a job is, field by field, is in native.py, too.

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <vector>

#include "map.h"

namespace {

constexpr int WIDEST = 64;  // bytes of a vector
constexpr int RADII = 9;    // radii 0 to 8

struct Ellipse {
    Map map;
    float share;    // of the second ellipse
    int32_t least;  // the minimum, not the maximum
    int32_t reach[2][RADII];  // how far the ellipses reach to each side in the rows 0, 1, ... from the middle, or -1
};

template <class Whole>
struct Keys {
    typedef Whole Vector __attribute__((vector_size(WIDEST)));
    static constexpr int MANY = WIDEST / int(sizeof(Whole));
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

// Row `over` becomes the larger of itself and `row`, number by number.
template <class V, class Whole>
void lay(Whole* over, const Whole* row, int64_t count) {
    for (int64_t k = 0; k < count; k += int64_t(sizeof(V) / sizeof(Whole))) {
        const V v = larger(load<V>(over + k), load<V>(row + k));
        std::memcpy(over + k, &v, sizeof v);
    }
}

template <class T, class Whole>
void spread(const Ellipse& job) {
    typedef typename Keys<Whole>::Vector V;
    constexpr int MANY = Keys<Whole>::MANY;
    const int h = int(job.map.height), c = int(job.map.channels);
    const int64_t line = job.map.width * c;
    int radius = 0, kinds = 1;
    for (int e = 0; e < 2; ++e)
        for (int dy = 0; dy < RADII; ++dy)
            if (job.reach[e][dy] >= 0) radius = std::max({radius, dy, int(job.reach[e][dy])}), kinds = e + 1;
    const int64_t blocks = (line + MANY - 1) / MANY, side = int64_t(radius) * c, long_ = blocks * MANY;
    const int kept = 2 * radius + 1;
    const int64_t tile = std::max<int64_t>((h + job.map.threads - 1) / job.map.threads, 2 * radius + 1);
    const int64_t tiles = (h + tile - 1) / tile;
    const Whole turn = job.least ? Whole(-1) : Whole(0), lowest = std::numeric_limits<Whole>::min();
#pragma omp parallel num_threads(int(job.map.threads))
    {
        std::vector<Whole> padded(size_t(long_ + 2 * side + MANY), lowest);
        std::vector<Whole> widened(static_cast<size_t>(long_));
        std::vector<Whole> sums(size_t(2 * kept * long_));  // ring of rows of the result, of both ellipses
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
                        const V v = key<Whole>(load<V>(middle + b * MANY)) ^ turn;
                        std::memcpy(middle + b * MANY, &v, sizeof v);
                    }
                    std::fill(middle + line, padded.data() + padded.size(), lowest);
                    for (int reach = 0; reach <= radius; ++reach) {
                        const int64_t away = int64_t(reach) * c;
                        for (int64_t k = 0; k < long_; k += MANY) {
                            const V widest = larger(load<V>(middle + k - away), load<V>(middle + k + away));
                            const V v = reach ? larger(load<V>(widened.data() + k), widest) : widest;
                            std::memcpy(widened.data() + k, &v, sizeof v);
                        }
                        for (int e = 0; e < kinds; ++e)
                            for (int dy = -radius; dy <= radius; ++dy)
                                if (job.reach[e][std::abs(dy)] == reach && row + dy >= from && row + dy < to)
                                    lay<V>(sum(e, row + dy), widened.data(), long_);
                    }
                }
                const int ready = row - radius;
                if (ready < from || ready >= to) continue;
                for (int64_t b = 0; b < blocks; ++b) {
                    const int many = int(std::min<int64_t>(MANY, line - b * MANY));
                    const V low = key<Whole>(load<V>(sum(0, ready) + b * MANY) ^ turn);
                    T* out = y + ready * line + b * MANY;
                    if (kinds == 1) {
                        std::memcpy(out, &low, size_t(many) * sizeof(T));
                        continue;
                    }
                    const V high = key<Whole>(load<V>(sum(1, ready) + b * MANY) ^ turn);
                    T one[MANY], two[MANY], made[MANY];
                    std::memcpy(one, &low, sizeof low);
                    std::memcpy(two, &high, sizeof high);
                    for (int k = 0; k < MANY; k += LANES) {
                        const Floats u = take(one + k), v = take(two + k), way = v - u;
                        give(job.share < 0.5f ? u + job.share * way : v - way * (1 - job.share), made + k);
                    }
                    std::memcpy(out, made, size_t(many) * sizeof(T));
                }
            }
        }
    }
}

}  // namespace

extern "C" void extremum(const Ellipse* job) {
    if (job->map.half) spread<uint16_t, int16_t>(*job);
    else spread<float, int32_t>(*job);
}
