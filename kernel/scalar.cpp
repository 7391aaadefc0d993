// One set of faces at a time, for every processor.
#include <cmath>
#include <cstdint>

namespace {

struct Lanes {
    static constexpr int COUNT = 1;
    double value;
    Lanes() = default;
    Lanes(double number) : value(number) {}
    double operator[](int) const { return value; }
    void put(int, double number) { value = number; }
    static Lanes gathered(const double* const* from, std::int64_t at) { return from[0][at]; }
};

struct Mask {
    bool value;
    bool all() const { return value; }
    bool any() const { return value; }
    bool operator[](int) const { return value; }
};

inline Lanes operator+(Lanes a, Lanes b) { return a.value + b.value; }
inline Lanes operator-(Lanes a, Lanes b) { return a.value - b.value; }
inline Lanes operator*(Lanes a, Lanes b) { return a.value * b.value; }
inline Lanes operator/(Lanes a, Lanes b) { return a.value / b.value; }
inline Lanes fused(Lanes a, Lanes b, Lanes c) { return a.value * b.value + c.value; }
inline Lanes reduced(Lanes a, Lanes b, Lanes c) { return c.value - a.value * b.value; }
inline Lanes root(Lanes a) { return std::sqrt(a.value); }
inline Lanes size_of(Lanes a) { return std::fabs(a.value); }
inline Mask operator<(Lanes a, Lanes b) { return {a.value < b.value}; }
inline Mask operator<=(Lanes a, Lanes b) { return {a.value <= b.value}; }
inline Mask operator&(Mask a, Mask b) { return {a.value && b.value}; }
inline Mask operator|(Mask a, Mask b) { return {a.value || b.value}; }
inline Lanes choose(Mask mask, Lanes yes, Lanes no) { return mask.value ? yes : no; }

}  // namespace

#define RELUSPEC_PATH scalar
#include "screen.inl"
