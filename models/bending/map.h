// A map that is read and one that is written, channels-last, in float32 or bfloat16: what all kernels share.

#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

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

constexpr int LANES = 8;  // channels side by side in one vector
typedef float Floats __attribute__((vector_size(LANES * 4)));
typedef uint32_t Bits __attribute__((vector_size(LANES * 4)));
typedef uint16_t Halves __attribute__((vector_size(LANES * 2)));

inline Floats take(const float* from) { return load<Floats>(from); }
inline Floats take(const uint16_t* from) {
#if defined(__AVX2__)
    const auto bits = (Bits)_mm256_cvtepu16_epi32(load<__m128i>(from));  // one instruction; compilers find five
#else
    const Bits bits = __builtin_convertvector(load<Halves>(from), Bits);
#endif
    return reinterpret_cast<Floats>(bits << 16);
}

inline void give(const Floats& v, float* to) { std::memcpy(to, &v, sizeof v); }
inline void give(const Floats& v, uint16_t* to) {
#if defined(__AVX512BF16__) && defined(__AVX512VL__)
    const auto made = _mm256_cvtneps_pbh((__m256)v);  // one instruction for the same rounding
#else
    const Bits bits = reinterpret_cast<Bits>(v);
    const Halves made = __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, Halves);
#endif
    std::memcpy(to, &made, sizeof made);
}

}  // namespace
