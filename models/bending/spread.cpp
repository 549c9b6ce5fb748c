// Erosion and dilation over an ellipse (OpenCV's, see morphology.py), of one radius or between two, in one pass.
//
// Numbers are compared as whole numbers in the same order, twice as many bfloat16 at once; erosion is dilation of the
// opposite order. Each row of the map is widened step by step; a row of the result is the largest of the rows around
// it, each as wide as the ellipse is there. This goes strip by strip, so that the rows stay close.
// What a job is, field by field, is in native.py, too.

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <memory>
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

template <class V>
inline V larger(V a, V b) {
    return a > b ? a : b;
}

constexpr int STRIP = 512;  // numbers of a row that are worked on together

// One strip of a map on its way.
template <class T, class Whole>
struct Strip {
    typedef typename Keys<Whole>::Vector V;
    static constexpr int MANY = Keys<Whole>::MANY, TOGETHER = 4;

    const Ellipse& job;
    int radius = 0, kinds = 1, kept = 1;
    int64_t line, side, longest;  // numbers of a row, of what a row is widened by, of the longest strip
    std::vector<int> reaches;     // that occur
    int place[RADII];             // of each reach among them
    std::vector<Whole> padded, rows;
    Whole* first_row;
    const Whole turn, lowest = std::numeric_limits<Whole>::min();

    explicit Strip(const Ellipse& job) : job(job), turn(job.least ? Whole(-1) : Whole(0)) {
        for (int e = 0; e < 2; ++e)
            for (int dy = 0; dy < RADII; ++dy)
                if (const int reach = job.reach[e][dy]; reach >= 0) {
                    radius = std::max({radius, dy, reach}), kinds = e + 1;
                    reaches.push_back(reach);
                }
        std::sort(reaches.begin(), reaches.end());
        reaches.erase(std::unique(reaches.begin(), reaches.end()), reaches.end());
        for (size_t k = 0; k < reaches.size(); ++k) place[reaches[k]] = int(k);
        kept = 2 * radius + 1;
        line = job.map.width * job.map.channels, side = radius * job.map.channels;
        longest = (std::min(line, std::max<int64_t>(STRIP, 4 * side)) + MANY - 1) / MANY * MANY;
        padded.resize(size_t(longest + 2 * side + MANY));
        rows.resize(reaches.size() * size_t(kept) * size_t(longest) + MANY);
        void* start = rows.data();
        size_t room = rows.size() * sizeof(Whole);
        first_row = static_cast<Whole*>(std::align(WIDEST, WIDEST, start, room));  // no vector in two lines of the cache
    }

    Whole* widened(int reach, int row) { return first_row + (place[reach] * kept + row % kept) * longest; }

    // Whole numbers that lie in the order of the floats with these bits; the way back is the same.
    template <class W>
    W key(W bits) const {
        return W(bits ^ ((bits >> int(8 * sizeof(Whole) - 1)) & Keys<Whole>::ALL));
    }

    // A row of the map from number `first` on becomes rows of the strip, one for each reach.
    void widen(const T* x, int row, int64_t first, int64_t count) {
        const int64_t from = std::max<int64_t>(first - side, 0), to = std::min(first + count + side, line);
        Whole *middle = padded.data() + side, *begin = middle + (from - first), *end = middle + (to - first);
        std::fill(padded.data(), begin, lowest);
        std::memcpy(begin, x + from, size_t(to - from) * sizeof(T));
        for (Whole* at = begin; at < end; ++at) *at = Whole(key(*at) ^ turn);
        std::fill(end, padded.data() + padded.size(), lowest);
        int64_t k = 0;
        for (; k + TOGETHER * MANY <= count; k += TOGETHER * MANY) widen<TOGETHER>(middle + k, row, k);
        for (; k < count; k += MANY) widen<1>(middle + k, row, k);
    }

    template <int N>
    void widen(const Whole* middle, int row, int64_t k) {
        V v[N];
        for (int j = 0; j < N; ++j) v[j] = load<V>(middle + j * MANY);
        size_t next = 0;
        for (int reach = 0; reach <= radius; ++reach) {
            const int64_t away = int64_t(reach) * job.map.channels;
            if (reach)
                for (int j = 0; j < N; ++j)
                    v[j] = larger(v[j], larger(load<V>(middle - away + j * MANY), load<V>(middle + away + j * MANY)));
            if (reaches[next] == reach) std::memcpy(widened(reaches[next++], row) + k, v, sizeof v);
        }
    }

    // The rows around one, each as wide as ellipse e is there; how many.
    int around(int e, int row, const Whole** found) {
        int count = 0;
        for (int dy = -radius; dy <= radius; ++dy)
            if (const int reach = job.reach[e][std::abs(dy)]; reach >= 0 && row + dy >= 0 && row + dy < job.map.height)
                found[count++] = widened(reach, row + dy);
        return count;
    }

    template <int N>
    static void largest(const Whole* const* rows, int count, int64_t k, V* v) {
        for (int j = 0; j < N; ++j) v[j] = load<V>(rows[0] + k + j * MANY);
        for (int one = 1; one < count; ++one)
            for (int j = 0; j < N; ++j) v[j] = larger(v[j], load<V>(rows[one] + k + j * MANY));
    }

    // A row of the result, as far as the strip goes.
    void settle(T* y, int row, int64_t count) {
        const Whole *one[2 * RADII], *two[2 * RADII];
        const int ones = around(0, row, one), twos = kinds == 1 ? 0 : around(1, row, two);
        int64_t k = 0;
        for (; k + TOGETHER * MANY <= count; k += TOGETHER * MANY) settle<TOGETHER>(y + k, one, ones, two, twos, k);
        for (; k + MANY <= count; k += MANY) settle<1>(y + k, one, ones, two, twos, k);
        if (k == count) return;
        T rest[MANY];
        settle<1>(rest, one, ones, two, twos, k);
        std::memcpy(y + k, rest, size_t(count - k) * sizeof(T));
    }

    template <int N>
    void settle(T* y, const Whole* const* one, int ones, const Whole* const* two, int twos, int64_t k) const {
        V v[N];
        largest<N>(one, ones, k, v);
        for (int j = 0; j < N; ++j) v[j] = key(V(v[j] ^ turn));
        if (!twos) {
            std::memcpy(y, v, sizeof v);
            return;
        }
        T low[N * MANY], high[N * MANY];
        std::memcpy(low, v, sizeof v);
        largest<N>(two, twos, k, v);
        for (int j = 0; j < N; ++j) v[j] = key(V(v[j] ^ turn));
        std::memcpy(high, v, sizeof v);
        const bool nearer = job.share < 0.5f;  // as torch.lerp, from the nearer end
        const float share = nearer ? job.share : job.share - 1;
        for (int j = 0; j < N * MANY; j += LANES) {
            const Floats from = take(low + j), to = take(high + j);
            give((nearer ? from : to) + share * (to - from), y + j);
        }
    }
};

template <class T, class Whole>
void spread(const Ellipse& job) {
    const int h = int(job.map.height);
    const int64_t line = job.map.width * job.map.channels;
#pragma omp parallel num_threads(int(job.map.threads))
    {
        Strip<T, Whole> strip(job);
        const int radius = strip.radius;
        const int64_t tile = std::max<int64_t>((h + job.map.threads - 1) / job.map.threads, 2 * radius + 1);
        const int64_t tiles = (h + tile - 1) / tile;
#pragma omp for schedule(dynamic)
        for (int64_t one = 0; one < job.map.count * tiles; ++one) {
            const int64_t picture = one / tiles * h * line;
            const int from = int(one % tiles * tile), to = int(std::min<int64_t>(from + tile, h));
            const T* x = static_cast<const T*>(job.map.x) + picture;
            T* y = static_cast<T*>(job.map.y) + picture;
            for (int64_t first = 0; first < line; first += strip.longest) {
                const int64_t count = std::min(strip.longest, line - first);
                for (int row = std::max(from - radius, 0); row < to + radius; ++row) {
                    if (row < h) strip.widen(x + row * line, row, first, count);
                    if (row - radius >= from) strip.settle(y + (row - radius) * line + first, row - radius, count);
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
