// Eight sets of faces per vector, for x86 processors with AVX-512 (compiled with -mavx512f -mfma; called only where both are there).
#include <immintrin.h>

namespace {

struct Lanes {
    static constexpr int COUNT = 8;
    __m512d value;
    Lanes() = default;
    Lanes(__m512d vector) : value(vector) {}
    Lanes(double number) : value(_mm512_set1_pd(number)) {}
    double operator[](int lane) const { return reinterpret_cast<const double*>(&value)[lane]; }
    void put(int lane, double number) { reinterpret_cast<double*>(&value)[lane] = number; }
};

struct Mask {
    __mmask8 value;
    bool all() const { return value == 255; }
    bool any() const { return value != 0; }
    bool operator[](int lane) const { return (value >> lane) & 1; }
};

inline Lanes operator+(Lanes a, Lanes b) { return _mm512_add_pd(a.value, b.value); }
inline Lanes operator-(Lanes a, Lanes b) { return _mm512_sub_pd(a.value, b.value); }
inline Lanes operator*(Lanes a, Lanes b) { return _mm512_mul_pd(a.value, b.value); }
inline Lanes operator/(Lanes a, Lanes b) { return _mm512_div_pd(a.value, b.value); }
inline Lanes fused(Lanes a, Lanes b, Lanes c) { return _mm512_fmadd_pd(a.value, b.value, c.value); }
inline Lanes reduced(Lanes a, Lanes b, Lanes c) { return _mm512_fnmadd_pd(a.value, b.value, c.value); }
inline Lanes root(Lanes a) { return _mm512_sqrt_pd(a.value); }
inline Lanes size_of(Lanes a) { return _mm512_abs_pd(a.value); }
inline Mask operator<(Lanes a, Lanes b) { return {_mm512_cmp_pd_mask(a.value, b.value, _CMP_LT_OQ)}; }
inline Mask operator<=(Lanes a, Lanes b) { return {_mm512_cmp_pd_mask(a.value, b.value, _CMP_LE_OQ)}; }
inline Mask operator&(Mask a, Mask b) { return {static_cast<__mmask8>(a.value & b.value)}; }
inline Mask operator|(Mask a, Mask b) { return {static_cast<__mmask8>(a.value | b.value)}; }
inline Lanes choose(Mask mask, Lanes yes, Lanes no) { return _mm512_mask_blend_pd(mask.value, no.value, yes.value); }

}  // namespace

#define RELUSPEC_PATH avx512
#include "screen.inl"
