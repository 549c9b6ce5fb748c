// Neurons raised in one look and one pass, and noise laid on them in one: what `Speakers` and `Noise` do by torch's
// calls, for channels-last maps on a processor.
//
// A frame has a few milliseconds, and each call of torch costs some microseconds before it computes anything, more when
// a whole network has just passed through the caches. What a job is, field by field, is in native.py, too.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

struct Job {
    int64_t count, height, width, channels;
    int64_t half;            // bfloat16, not float32
    int64_t down, across;    // every so many rows and columns are looked at
    const void* x;
    void* y;
    const float* shares;     // [channels], 1 for those that are raised
    const float* mean;       // [channels], when active
    const float* sigma;      // [channels], when active
    const float* numbers;    // amount, on_value
    float loud, least;       // the loudest map of the layer; the least variance that counts
};

inline float wide(float v) { return v; }
inline float wide(uint16_t v) {  // a bfloat16 is the upper half of a float
    const uint32_t bits = uint32_t(v) << 16;
    float f;
    std::memcpy(&f, &bits, 4);
    return f;
}

inline void narrow(float v, float* to) { *to = v; }
inline void narrow(float v, uint16_t* to) {  // to the nearest, ties to even; maps hold no NaN
    uint32_t bits;
    std::memcpy(&bits, &v, 4);
    *to = uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

template <class T>
void look(const Job& job, const T* x, float* sum, float* square) {
    const int64_t c = job.channels;
    std::fill(sum, sum + c, 0.0f);
    std::fill(square, square + c, 0.0f);
    int64_t points = 0;
    for (int64_t i = 0; i < job.height; i += job.down)
        for (int64_t j = 0; j < job.width; j += job.across, ++points) {
            const T* pixel = x + (i * job.width + j) * c;
            for (int64_t k = 0; k < c; ++k) {
                const float v = wide(pixel[k]);
                sum[k] += v;
                square[k] += v * v;
            }
        }
    for (int64_t k = 0; k < c; ++k) sum[k] /= float(points), square[k] /= float(points);
}

template <class T>
void raise_all(const Job& job) {
    const int64_t c = job.channels, line = job.width * c;
    thread_local std::vector<float> room;
    if (int64_t(room.size()) < 2 * c + 2 * line) room.resize(2 * c + 2 * line);
    float *now = room.data(), *square = now + c, *scale = square + c, *offset = scale + line;
    const float amount = job.numbers[0], on = job.numbers[1], target = on * job.loud;
    for (int64_t n = 0; n < job.count; ++n) {
        const T* x = static_cast<const T*>(job.x) + n * job.height * line;
        T* y = static_cast<T*>(job.y) + n * job.height * line;
        look(job, x, now, square);
        for (int64_t k = 0; k < c; ++k) {
            const float variance = std::max(square[k] - now[k] * now[k], job.least);
            const float gain = std::max(target / std::sqrt(variance), 1.0f);
            const float level = job.mean[k] + on * job.sigma[k], share = job.shares[k] * amount;
            scale[k] = 1.0f + share * (gain - 1.0f);
            offset[k] = share * (std::max(now[k], level) - now[k] * gain);
        }
        for (int64_t filled = c; filled < line;) {  // as long as a row, so that the loop below is long for any width
            const int64_t more = std::min(filled, line - filled);
            std::copy(scale, scale + more, scale + filled);
            std::copy(offset, offset + more, offset + filled);
            filled += more;
        }
        for (int64_t i = 0; i < job.height; ++i)
            for (int64_t k = 0; k < line; ++k) narrow(wide(x[i * line + k]) * scale[k] + offset[k], y + i * line + k);
    }
}

constexpr int64_t FEW = 1 << 15;  // numbers for which no other thread is asked

struct Sum {
    int64_t count, numbers;  // maps, and the numbers in each
    int64_t half, threads;
    const void *x, *noise;   // noise is the same on every map
    void* y;
    float strength;
};

template <class T>
void add(const Sum& job) {
    const T* noise = static_cast<const T*>(job.noise);
    for (int64_t n = 0; n < job.count; ++n) {
        const T* x = static_cast<const T*>(job.x) + n * job.numbers;
        T* y = static_cast<T*>(job.y) + n * job.numbers;
#pragma omp parallel for simd schedule(static) num_threads(int(job.threads)) if (parallel : job.numbers > FEW)
        for (int64_t k = 0; k < job.numbers; ++k) {
            T part;  // rounded, as torch does
            narrow(wide(noise[k]) * job.strength, &part);
            narrow(wide(x[k]) + wide(part), y + k);
        }
    }
}

}  // namespace

extern "C" {

void raise_neurons(const Job* job) {
    if (job->half) raise_all<uint16_t>(*job);
    else raise_all<float>(*job);
}

void add_noise(const Sum* job) {
    if (job->half) add<uint16_t>(*job);
    else add<float>(*job);
}
}
