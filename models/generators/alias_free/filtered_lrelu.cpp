// The nonlinearity of StyleGAN3 in one pass: to a higher rate, leaky ReLU there, low-pass, back to the map's rate.
//
// Karras et al., "Alias-Free Generative Adversarial Networks" (NeurIPS 2021), section 3.1. Maps are channels-last.
// A tile of the result is made row by row of the raised map, with LANES channels side by side in one vector:
//
//     rows of x -> rise along y -> a raised row -> rise along x, leaky ReLU -> many times as wide -> fall along x
//               -> the last TD of these rows -> fall along y -> a row of the result
//
// so the raised map, four or more times the size, is never in memory: what is alive fits into the first caches.
// A filter that is no product of two lines falls in two dimensions at once, from rows that did not fall along x.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

namespace {

constexpr int LANES = 16;
typedef float Vector __attribute__((vector_size(LANES * 4)));
typedef int32_t Mask __attribute__((vector_size(LANES * 4)));
typedef uint32_t Bits __attribute__((vector_size(LANES * 4)));
typedef uint16_t Halves __attribute__((vector_size(LANES * 2)));

// The last block of channels may have fewer lanes; both ways are written out, or the common one becomes a call.
template <class V, class T>
inline V take(const T* from, int lanes) {
    V v = {};
    if (__builtin_expect(lanes == LANES, 1)) std::memcpy(&v, from, sizeof v);
    else
        for (int i = 0; i < LANES; ++i) v[i] = i < lanes ? from[i] : T{};
    return v;
}

template <class V, class T>
inline void give(T* to, const V& v, int lanes) {
    if (__builtin_expect(lanes == LANES, 1)) std::memcpy(to, &v, sizeof v);
    else
        for (int i = 0; i < LANES; ++i)
            if (i < lanes) to[i] = v[i];
}

inline Vector load(const float* from, int lanes) { return take<Vector>(from, lanes); }

inline Vector load(const uint16_t* from, int lanes) {  // a bfloat16 is the upper half of a float
    return reinterpret_cast<Vector>(__builtin_convertvector(take<Halves>(from, lanes), Bits) << 16);
}

inline void store(float* to, const Vector& v, int lanes) { give(to, v, lanes); }

inline void store(uint16_t* to, const Vector& v, int lanes) {  // to the nearest, ties to even
    const Bits bits = reinterpret_cast<Bits>(v);
    give(to, __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, Halves), lanes);
}

inline int64_t ceil_div(int64_t a, int64_t b) { return a / b + (a % b > 0); }  // b > 0
inline int turn(int64_t i, int n) { return int((i % n + n) % n); }               // a place in a ring

struct Size {
    int64_t count, height, width, channels;
};

// UP, DOWN: the factors. K: samples that meet in a raised one. TD: taps of the falling filter.
template <int UP, int DOWN, int K, int TD, bool RADIAL>
struct Pass {
    static constexpr int ROWS = 64, COLUMNS = 48;  // of the result, in one tile
    static constexpr int GROUPS = ((COLUMNS + 3) * DOWN + TD) / UP + 2;
    static constexpr int RAISED = GROUPS * UP;
    static constexpr int TAKEN = GROUPS + K;
    static constexpr int KEPT = RADIAL ? RAISED : COLUMNS + 4;

    Size in, out;
    int64_t pad_x, pad_y;
    float slope, clamp;
    float rise[UP][K];  // raised samples come in groups of UP that are made from the same K samples
    float fall[RADIAL ? TD * TD : TD];

    struct Scratch {
        Vector x[K][TAKEN];    // rows of x; row i is at i mod K
        Vector along[TAKEN];   // a raised row that has not risen along x
        Vector raised[RAISED];
        Vector kept[TD][KEPT]; // rows of the raised map; row m is at m mod TD
    };

    template <class T>
    void tile(const T* x, T* y, int64_t row, int rows, int64_t column, int columns, int lanes, Scratch& s) const {
        // Raised sample m belongs to the group that starts at sample ceil((m - pad) / UP) of x.
        const int64_t first_x = ceil_div(column * DOWN - pad_x, UP);
        const int lead = int(column * DOWN - pad_x - (first_x - 1) * UP - 1);  // of the first group, left of the tile
        const int groups = int(ceil_div((columns - 1) * DOWN + TD + lead, UP));
        const int64_t start = row * DOWN, end = start + (rows - 1) * DOWN + TD;
        int64_t next = ceil_div(start - pad_y, UP);  // the next row of x to fetch
        for (int64_t m = start; m < end; ++m) {
            const int64_t first = ceil_div(m - pad_y, UP);
            for (; next < first + K; ++next) fetch(x, next, first_x, groups + K - 1, lanes, s);
            along_y(first, int(m - pad_y - (first - 1) * UP - 1), groups + K - 1, s);
            Vector* raised = RADIAL ? s.kept[m % TD] : s.raised;
            along_x(groups, raised, s);
            if (!RADIAL) fall_along_x(raised + lead, columns, s.kept[m % TD]);
            const int64_t top = m - (TD - 1);
            if (top >= start && (top - start) % DOWN == 0) {
                T* to = y + ((top / DOWN) * out.width + column) * out.channels;
                if (RADIAL) fall_both(top, lead, columns, to, lanes, s);
                else fall_along_y(top, columns, to, lanes, s);
            }
        }
    }

    template <class T>
    void fetch(const T* x, int64_t i, int64_t first_x, int count, int lanes, Scratch& s) const {
        Vector* to = s.x[turn(i, K)];
        const bool outside = i < 0 || i >= in.height;
        const T* from = x + (outside ? 0 : i * in.width * in.channels);
        for (int j = 0; j < count; ++j) {
            const int64_t place = first_x + j;
            to[j] = outside || place < 0 || place >= in.width ? Vector{} : load(from + place * in.channels, lanes);
        }
    }

    void along_y(int64_t first, int phase, int count, Scratch& s) const {
        const Vector* rows[K];
        for (int k = 0; k < K; ++k) rows[k] = s.x[turn(first + k, K)];
        for (int j = 0; j < count; ++j) {
            Vector sum = rows[0][j] * rise[phase][0];
#pragma GCC unroll 16
            for (int k = 1; k < K; ++k) sum += rows[k][j] * rise[phase][k];
            s.along[j] = sum;
        }
    }

    void along_x(int groups, Vector* raised, const Scratch& s) const {
        for (int g = 0; g < groups; ++g) {
            Vector sum[UP];
#pragma GCC unroll 16
            for (int q = 0; q < UP; ++q) sum[q] = s.along[g] * rise[q][0];
#pragma GCC unroll 16
            for (int k = 1; k < K; ++k)
#pragma GCC unroll 16
                for (int q = 0; q < UP; ++q) sum[q] += s.along[g + k] * rise[q][k];
#pragma GCC unroll 16
            for (int q = 0; q < UP; ++q) raised[g * UP + q] = nonlinear(sum[q]);
        }
    }

    Vector nonlinear(Vector v) const {
        const Vector small = v * slope, high = Vector{} + clamp, low = Vector{} - clamp;
        v = v > small ? v : small;  // slope <= 1
        v = v < high ? v : high;
        return v > low ? v : low;
    }

    void fall_along_x(const Vector* raised, int columns, Vector* kept) const {
        for (int p = 0; p < columns; p += 4) {  // four neighbours share what they read
            Vector sum[4] = {};
#pragma GCC unroll 64
            for (int t = 0; t < TD + 3 * DOWN; ++t) {
                const Vector v = raised[p * DOWN + t];
#pragma GCC unroll 4
                for (int q = 0; q < 4; ++q)
                    if (t >= q * DOWN && t < TD + q * DOWN) sum[q] += v * fall[t - q * DOWN];
            }
            for (int q = 0; q < 4; ++q) kept[p + q] = sum[q];
        }
    }

    template <class T>
    void fall_along_y(int64_t top, int columns, T* to, int lanes, const Scratch& s) const {
        const Vector* rows[TD];
        for (int t = 0; t < TD; ++t) rows[t] = s.kept[(top + t) % TD];
        for (int p = 0; p < columns; p += 4) {
            Vector sum[4] = {};
#pragma GCC unroll 64
            for (int t = 0; t < TD; ++t)
#pragma GCC unroll 4
                for (int q = 0; q < 4; ++q) sum[q] += rows[t][p + q] * fall[t];
            for (int q = 0; q < std::min(4, columns - p); ++q) store(to + (p + q) * out.channels, sum[q], lanes);
        }
    }

    template <class T>
    void fall_both(int64_t top, int lead, int columns, T* to, int lanes, const Scratch& s) const {
        for (int p = 0; p < columns; p += 4) {
            Vector sum[4] = {};
            for (int u = 0; u < TD; ++u) {
                const Vector* row = s.kept[(top + u) % TD] + lead + p * DOWN;
                const float* line = RADIAL ? fall + u * TD : fall;
#pragma GCC unroll 64
                for (int t = 0; t < TD + 3 * DOWN; ++t) {
                    const Vector v = row[t];
#pragma GCC unroll 4
                    for (int q = 0; q < 4; ++q)
                        if (t >= q * DOWN && t < TD + q * DOWN) sum[q] += v * line[t - q * DOWN];
                }
            }
            for (int q = 0; q < std::min(4, columns - p); ++q) store(to + (p + q) * out.channels, sum[q], lanes);
        }
    }

    template <class T>
    void run(const T* x, T* y, int threads) const {
        const int64_t down = ceil_div(out.height, ROWS), across = ceil_div(out.width, COLUMNS);
        const int64_t rows = ceil_div(out.height, down), columns = ceil_div(out.width, across);
        const int64_t blocks = ceil_div(in.channels, LANES), tiles = in.count * blocks * down * across;
#pragma omp parallel num_threads(threads)
        {
            const std::unique_ptr<Scratch> scratch(new Scratch);
#pragma omp for schedule(dynamic)
            for (int64_t i = 0; i < tiles; ++i) {
                const int64_t column = i % across * columns, row = i / across % down * rows;
                const int64_t n = i / (across * down * blocks);
                // The last block is moved back to be full: what it shares with the one before it gets the same numbers.
                const int64_t last = std::max<int64_t>(0, in.channels - LANES);
                const int64_t channel = std::min(i / (across * down) % blocks * LANES, last);
                if (row >= out.height || column >= out.width) continue;
                tile(x + n * in.height * in.width * in.channels + channel,
                     y + n * out.height * out.width * out.channels + channel, row,
                     int(std::min(rows, out.height - row)), column, int(std::min(columns, out.width - column)),
                     int(std::min<int64_t>(LANES, in.channels - channel)), *scratch);
            }
        }
    }
};

struct Job {  // as the caller writes it
    Size in, out;
    int64_t up, down, up_taps, down_taps, radial, half, pad_x, pad_y, threads;
    float gain, slope, clamp;
    const float *rise, *fall;
    const void* x;
    void* y;
};

template <int UP, int DOWN, int K, int TD, bool RADIAL>
int run(const Job& job) {
    Pass<UP, DOWN, K, TD, RADIAL> pass;
    pass.in = job.in, pass.out = job.out, pass.pad_x = job.pad_x, pass.pad_y = job.pad_y;
    pass.slope = job.slope, pass.clamp = job.clamp;
    // Filters are turned round: a convolution. The gain moves before the nonlinearity, which is homogeneous.
    const float gain = job.gain;
    for (int q = 0; q < UP; ++q)
        for (int k = 0; k < K; ++k) pass.rise[q][k] = gain * job.rise[UP * K - 1 - (UP - 1 - q + k * UP)];
    const int taps = RADIAL ? TD * TD : TD;
    for (int t = 0; t < taps; ++t) pass.fall[t] = job.fall[taps - 1 - t];
    if (job.half) pass.run(static_cast<const uint16_t*>(job.x), static_cast<uint16_t*>(job.y), int(job.threads));
    else pass.run(static_cast<const float*>(job.x), static_cast<float*>(job.y), int(job.threads));
    return 1;
}

}  // namespace

// 1 if it was done, 0 if there is no form for these factors and taps.
extern "C" int filtered_lrelu(const Job* job) {
    if (job->down != 2 || job->down_taps != 12 || job->up_taps != 6 * job->up) return 0;
    if (job->up == 2) return job->radial ? run<2, 2, 6, 12, true>(*job) : run<2, 2, 6, 12, false>(*job);
    if (job->up == 4) return job->radial ? run<4, 2, 6, 12, true>(*job) : run<4, 2, 6, 12, false>(*job);
    return 0;
}
