// What the kernel reads: the rounded geometry (float_geometry.py) as plain arrays, and what it hands back.
//
// The two translation units that work on it are compiled for different processors, so neither uses anything of the standard library that
// the linker could share between them: an AVX2 copy of a common template must never be run on a processor without AVX2.
#pragma once

#include <cstdint>

namespace reluspec {

constexpr int INTERFACE = 3;  // raised with every change of what Python passes or gets (INTERFACE in compiled.py)

constexpr int MAX_SIZE = 8;          // faces of a set
constexpr int MAX_COORDINATES = 24;  // of all faces of a set together

struct Tables {
    std::int64_t faces;  // F, the dead face 0 counted in
    int width;           // k: coordinates of a face, padded by zeros
    int points;          // n
    double ridge;        // lambda_a
    double coupling_error;  // |C_ij - exact| <= coupling_error * |row i of map| * |row j of response|
    double entry_error;     // relative error of target, facets, sides
    double weight_bound;    // an upper bound of the sum of all weights s of every optimum: |r_0|^2 / (4 lambda_a)
    double inflation;       // covers the rounding of sums and products of few non-negative numbers

    const double* gram;      // (F k) x (F k), the couplings C; or null: made from map and response when asked for
    const double* map;       // (F k) x n
    const double* response;  // (F k) x n
    const double* target;    // F k, the right-hand sides b

    const std::int32_t* rank;     // F
    const double* start;          // F: the optimal weight of the face alone
    const double* norm;           // F: upper bound of the norm of the operator G of a face
    const double* map_norm;       // F: upper bound of the Frobenius norm of the face's rows of map
    const double* response_norm;  // F: the same of response
    const double* target_norm;    // F: upper bound of |b|

    const std::int32_t* facet_begin;  // F + 1
    const double* facets;             // functionals x k
    const double* facet_norm;         // upper bounds of their norms

    const std::int32_t* kink_begin;  // F + 1
    const std::int32_t* kink_sides;  // kinks x 2: the two sides of an independent kink
    const double* side_pull;         // sides x (F k): e . response, or null
    const double* sides;             // sides x n: e
    const double* side_target;       // sides: e . z_0
    const double* side_norm;         // sides: upper bound of |W^1/2 e| in the scale of r
    const double* side_length;       // sides: upper bound of |e|
    double target_length;            // upper bound of |z_0|
};

// Outcomes as counted; all other sets are left open.
enum Outcome { INACTIVE = 0, OUTSIDE = 1, MIXED = 2, OUTCOMES = 3 };

// The optima of all sets of one size, by number in lexicographic order: a row has h = s q (size x k), the pull of h (certificate.md, 5), a bound
// of |r* - r|, and s (size).
struct Optima {
    int size = 0;
    const double* rows = nullptr;
    const std::int64_t* tails = nullptr;  // (size + 1) x faces: C(F - 1 - x, left) at [left][x]

    static int length(int size, int width) { return size * (width + 1) + 2; }
};

// A range of sets and where to put what is found about them.
struct Task {
    int size;
    std::int64_t count;
    std::int32_t* first;   // the first set, in lexicographic order; changed
    std::int64_t* counts;  // by outcome
    std::int64_t* open;    // the numbers (0 ... count - 1) of the sets left open; room for `count`
    const Optima* subsets = nullptr;  // of sets with one face less: they screen (certificate.md, 6)
    double* optima = nullptr;         // count rows of `Optima`, if not null
    const std::int32_t* listed = nullptr;  // if not null: count x size, the sets instead; each is solved alone, so that its figures are its own
    // For tests, if not null: one byte per set (OUTCOMES: left open), and per set and face s, g (k values), and the proved distances of s and g
    // from the true ones (s: -1 where none is proved).
    std::uint8_t* outcome = nullptr;
    double* optimum = nullptr;
    std::int64_t left_open = 0, screened = 0;  // found
};

using Screen = void (*)(const Tables&, Task&);

namespace scalar {
void screen(const Tables&, Task&);
}
#ifdef RELUSPEC_WITH_AVX2
namespace avx2 {
void screen(const Tables&, Task&);
}
#endif

}  // namespace reluspec
