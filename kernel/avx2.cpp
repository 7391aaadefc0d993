// Four sets of faces per vector, for x86 processors with AVX2 and FMA (compiled with -mavx2 -mfma; called only where both are there).
#include <immintrin.h>

#include <cstdint>

namespace {

struct Lanes {
    static constexpr int COUNT = 4;
    __m256d value;
    Lanes() = default;
    Lanes(__m256d vector) : value(vector) {}
    Lanes(double number) : value(_mm256_set1_pd(number)) {}
    double operator[](int lane) const { return reinterpret_cast<const double*>(&value)[lane]; }
    void put(int lane, double number) { reinterpret_cast<double*>(&value)[lane] = number; }
    // From each lane's own table. Put one by one, they would go through memory, and a load waits for stores narrower than itself.
    static Lanes gathered(const double* const* from, std::int64_t at) {
        return _mm256_setr_pd(from[0][at], from[1][at], from[2][at], from[3][at]);
    }
};

struct Mask {
    __m256d value;
    bool all() const { return _mm256_movemask_pd(value) == 15; }
    bool any() const { return _mm256_movemask_pd(value) != 0; }
    bool operator[](int lane) const { return (_mm256_movemask_pd(value) >> lane) & 1; }
};

inline Lanes operator+(Lanes a, Lanes b) { return _mm256_add_pd(a.value, b.value); }
inline Lanes operator-(Lanes a, Lanes b) { return _mm256_sub_pd(a.value, b.value); }
inline Lanes operator*(Lanes a, Lanes b) { return _mm256_mul_pd(a.value, b.value); }
inline Lanes operator/(Lanes a, Lanes b) { return _mm256_div_pd(a.value, b.value); }
inline Lanes fused(Lanes a, Lanes b, Lanes c) { return _mm256_fmadd_pd(a.value, b.value, c.value); }
inline Lanes reduced(Lanes a, Lanes b, Lanes c) { return _mm256_fnmadd_pd(a.value, b.value, c.value); }
inline Lanes root(Lanes a) { return _mm256_sqrt_pd(a.value); }
inline Lanes size_of(Lanes a) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a.value); }
inline Mask operator<(Lanes a, Lanes b) { return {_mm256_cmp_pd(a.value, b.value, _CMP_LT_OQ)}; }
inline Mask operator<=(Lanes a, Lanes b) { return {_mm256_cmp_pd(a.value, b.value, _CMP_LE_OQ)}; }
inline Mask operator&(Mask a, Mask b) { return {_mm256_and_pd(a.value, b.value)}; }
inline Mask operator|(Mask a, Mask b) { return {_mm256_or_pd(a.value, b.value)}; }
inline Lanes choose(Mask mask, Lanes yes, Lanes no) { return _mm256_blendv_pd(no.value, yes.value, mask.value); }

}  // namespace

#define RELUSPEC_PATH avx2
#include "screen.inl"
