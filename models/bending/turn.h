// Cosines and sines.

#pragma once

#include <cmath>
#include <cstdint>

namespace {

// Cosine and sine of x, |x| < 1000, to a few units in the last place: quarter turns are taken away in three parts
// (Cody and Waite), and what is left goes through the polynomials of the Cephes library's single precision.
inline void turn(float x, float* cosine, float* sine) {
    const float quarters = std::nearbyint(x * 0.63661977236758134f);
    const float r = ((x - quarters * 1.5703125f) - quarters * 4.837512969970703125e-4f) - quarters * 7.54978995489e-8f;
    const float z = r * r;
    const float s = r + r * z * (-1.6666654611e-1f + z * (8.3321608736e-3f - z * 1.9515295891e-4f));
    const float c = 1 - 0.5f * z + z * z * (4.166664568298827e-2f + z * (-1.388731625493765e-3f + z * 2.443315711809948e-5f));
    const int32_t quarter = int32_t(quarters);
    const float from = quarter & 1 ? s : c, to = quarter & 1 ? c : s;
    *cosine = (quarter + 1) & 2 ? -from : from;
    *sine = quarter & 2 ? -to : to;
}

}  // namespace
