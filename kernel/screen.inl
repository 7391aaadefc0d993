// Solve, certify and judge sets of faces, several per vector. Included by scalar.cpp and avx2.cpp, which define `Lanes` and `Mask`.
//
// What is proved is derived in certificate.md beside this file.

#include <cfloat>

#include "tables.hpp"

#if defined(__FAST_MATH__) || (defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0)
#error "the certificate counts one rounding to double per operation: no fast mathematics, no extended precision"
#endif

namespace {

using reluspec::MAX_COORDINATES;
using reluspec::MAX_SIZE;
using reluspec::Optima;
using reluspec::Tables;
using reluspec::Task;

constexpr int QUICK_STEPS = 9, GUARDED_STEPS = 60, LAST_STEPS = 2;
constexpr double SETTLED = 1e-8;      // Newton's method converges quadratically: the step after one of this size is rounding
constexpr double LEAST_WEIGHT = 1e-30;  // of s in `1/s`; smaller ones count as zero
constexpr double FLAT = 1e-8;         // s below this share of 1/|G|^2 keeps the slope's cancellation within half the digits
constexpr double ROUNDOFF = 1.1102230246251565e-16;
constexpr double TINY = 1e-250;       // under roots of sums of squares: more than what underflow takes away
constexpr int REFINEMENTS = 6;
constexpr double LEAST_SHARE = 0.1;   // of the weights in the subsets that a weight starts with

inline double gamma(int count) { return count * ROUNDOFF / (1 - count * ROUNDOFF); }

inline Lanes larger(Lanes a, Lanes b) { return choose(a < b, b, a); }  // not-a-number in a stays
inline Lanes smaller(Lanes a, Lanes b) { return choose(b < a, b, a); }

// The ranks of the faces of a set, and where their coordinates stand.
struct Shape {
    int size, coordinates;
    int offset[MAX_SIZE + 1];

    explicit Shape(const Tables& tables, int count, const std::int32_t* faces) : size(count), coordinates(0) {
        for (int l = 0; l < count; ++l) {
            offset[l] = coordinates;
            coordinates += tables.rank[faces[l]];
        }
        offset[count] = coordinates;
    }
};

// Sets of one shape, one per lane, with all that is computed about them. K coordinates, L faces; zero: only known at run time.
template <int K, int L>
struct System {
    static constexpr int ROOM = K ? K : MAX_COORDINATES, FACES = L ? L : MAX_SIZE;

    const Tables& tables;
    const Shape& shape;
    const std::int32_t (*faces)[MAX_SIZE];
    Lanes coupling[ROOM][ROOM], target[ROOM];
    Lanes s[FACES], q[ROOM], g[ROOM], slack[FACES], floors[FACES];
    Lanes factor[ROOM][ROOM], inverse[ROOM], half[FACES][ROOM], norm2[FACES];
    Lanes reach[FACES], gap[FACES];         // |g* - g| <= gap, |g* - exact g| <= reach * rho
    Lanes error[FACES], length[FACES], weight_gap[FACES];
    Lanes rho, rho_of_all, pull;            // |r* - r| for the faces with s_l > 0, and for all faces of the set
    Mask certain;  // all weights are proved to be positive

    System(const Tables& t, const Shape& sh, const std::int32_t (*sets)[MAX_SIZE]) : tables(t), shape(sh), faces(sets) { load(); }

    int coordinates() const { return K ? K : shape.coordinates; }
    int size() const { return L ? L : shape.size; }
    int begin(int l) const { return L == 1 ? 0 : shape.offset[l]; }
    int end(int l) const { return L == 1 ? coordinates() : shape.offset[l + 1]; }

    Lanes gather(const double* table, int l) const {
        const double* from[Lanes::COUNT];
        for (int lane = 0; lane < Lanes::COUNT; ++lane) from[lane] = table + faces[lane][l];
        return Lanes::gathered(from, 0);
    }

    void load() {
        const std::int64_t width = tables.width, stride = tables.faces * width;
        const double* from[Lanes::COUNT];
        for (int l = 0; l < size(); ++l) {
            for (int lane = 0; lane < Lanes::COUNT; ++lane) from[lane] = tables.target + faces[lane][l] * width;
            for (int i = begin(l); i < end(l); ++i) target[i] = Lanes::gathered(from, i - begin(l));
            for (int m = l; m < size(); ++m) {
                if (!tables.gram) {
                    make(l, m);
                    continue;
                }
                for (int lane = 0; lane < Lanes::COUNT; ++lane) from[lane] = tables.gram + faces[lane][l] * width * stride + faces[lane][m] * width;
                for (int i = begin(l); i < end(l); ++i)
                    for (int j = l == m ? i : begin(m); j < end(m); ++j)
                        coupling[i][j] = coupling[j][i] = Lanes::gathered(from, (i - begin(l)) * stride + j - begin(m));
            }
        }
    }

    // The couplings of two faces without a table of them.
    void make(int l, int m) {
        for (int lane = 0; lane < Lanes::COUNT; ++lane) {
            const std::int64_t row = faces[lane][l] * std::int64_t(tables.width), column = faces[lane][m] * std::int64_t(tables.width);
            const bool mirrored = mirror_is_better(faces[lane][l], faces[lane][m]);
            for (int i = begin(l); i < end(l); ++i)
                for (int j = l == m ? i : begin(m); j < end(m); ++j) {
                    const std::int64_t a = row + i - begin(l), b = column + j - begin(m);
                    const double entry = mirrored ? product(b, a) : product(a, b);
                    coupling[i][j].put(lane, entry);
                    coupling[j][i].put(lane, entry);
                }
        }
    }

    // C_ij stands for C_ji, too, so it is made in the way that has the smaller bound (certificate.md, 5).
    bool mirror_is_better(std::int32_t l, std::int32_t m) const {
        return tables.map_norm[m] * tables.response_norm[l] < tables.map_norm[l] * tables.response_norm[m];
    }

    double product(std::int64_t a, std::int64_t b) const {
        double sum = 0;
        for (int i = 0; i < tables.points; ++i) sum += tables.map[a * tables.points + i] * tables.response[b * tables.points + i];
        return sum;
    }

    // q(s) from (1/s + C) x = b, q = x/s: L D L^T without square roots; a small s makes a large pivot, which is harmless.
    void coordinates_at(const Lanes* weights, const Lanes* least) {
        const int n = coordinates();
        for (int l = 0; l < size(); ++l) {
            const Lanes bulk = Lanes(1) / larger(weights[l], least[l]);
            for (int i = begin(l); i < end(l); ++i) {
                for (int j = 0; j <= i; ++j) factor[i][j] = coupling[i][j];
                factor[i][i] = factor[i][i] + bulk;
                half[l][i] = bulk;
            }
        }
        Lanes column[ROOM];
        for (int k = 0; k < n; ++k) {
            inverse[k] = Lanes(1) / factor[k][k];
            for (int i = k + 1; i < n; ++i) {
                column[i] = factor[i][k];
                const Lanes share = column[i] * inverse[k];
                for (int j = k + 1; j <= i; ++j) factor[i][j] = reduced(share, column[j], factor[i][j]);
                factor[i][k] = share;
            }
        }
        for (int i = 0; i < n; ++i) {
            Lanes sum = target[i];
            for (int k = 0; k < i; ++k) sum = reduced(factor[i][k], q[k], sum);
            q[i] = sum;
        }
        for (int i = 0; i < n; ++i) q[i] = q[i] * inverse[i];
        for (int i = n - 1; i >= 0; --i)
            for (int k = 0; k < i; ++k) q[k] = reduced(factor[i][k], q[i], q[k]);
        for (int l = 0; l < size(); ++l) {
            norm2[l] = Lanes(0);
            for (int i = begin(l); i < end(l); ++i) {
                q[i] = q[i] * half[l][i];
                norm2[l] = fused(q[i], q[i], norm2[l]);
            }
        }
    }

    // H_lm = -q_l . dq_l/ds_m: with f_l the forward substitution of q_l / s_l, it is |q_l|^2/s_l [l = m] - f_l D^-1 f_m.
    void slopes(Lanes (*hessian)[FACES]) {
        const int n = coordinates();
        for (int l = 0; l < size(); ++l) {
            hessian[l][l] = norm2[l] * half[l][begin(l)];
            for (int i = begin(l); i < n; ++i) {
                Lanes sum = i < end(l) ? q[i] * half[l][i] : Lanes(0);
                for (int k = begin(l); k < i; ++k) sum = reduced(factor[i][k], half[l][k], sum);
                half[l][i] = sum;
            }
        }
        for (int m = 0; m < size(); ++m)
            for (int l = 0; l <= m; ++l) {
                Lanes sum(0);
                for (int i = begin(m); i < n; ++i) sum = fused(half[l][i] * inverse[i], half[m][i], sum);
                hessian[m][l] = l == m ? hessian[l][l] - sum : Lanes(0) - sum;
            }
    }

    // Starts from given weights, or from the optima of the single faces, and iterates: quick steps first, guarded ones if those did not settle.
    void start(const double (*given)[MAX_SIZE]) {
        for (int l = 0; l < size(); ++l) {
            const Lanes norm = gather(tables.norm, l);
            if (given)
                for (int lane = 0; lane < Lanes::COUNT; ++lane) s[l].put(lane, given[lane][l]);
            else
                s[l] = gather(tables.start, l) * Lanes(1.0 / size());
            slack[l] = Lanes(1e-6 * SETTLED) * s[l];
            floors[l] = Lanes(FLAT) / (norm * norm + Lanes(FLAT));
        }
    }

    // A Newton step of the units that may move, in place of `step`'s right-hand side. Quick: on 1/|q_l| = 1/sqrt(lambda_a), nearly linear in s
    // (More and Sorensen 1983). Otherwise on |q_l|^2 = lambda_a, downhill for the convex objective.
    void direct(Lanes* step, bool quick) {
        const Lanes goal = root(Lanes(tables.ridge)), none(0);
        Lanes hessian[FACES][FACES];
        slopes(hessian);
        for (int l = 0; l < size(); ++l) {
            const Lanes norm = root(norm2[l]);
            const Mask held = ((s[l] <= none) & (norm <= goal)) | (norm <= Lanes(1e-14) * goal);
            const Lanes pull_of = quick ? norm2[l] * (norm / goal - Lanes(1)) : Lanes(0.5) * (norm2[l] - Lanes(tables.ridge));
            step[l] = choose(held, none, pull_of);
            hessian[l][l] = choose(held, Lanes(1), hessian[l][l]);
            for (int m = 0; m < l; ++m) hessian[l][m] = choose(held, none, hessian[l][m]);
            for (int m = l + 1; m < size(); ++m) hessian[m][l] = choose(held, none, hessian[m][l]);
        }
        newton(hessian, step);
    }

    // Which lanes have settled. No optimum has a weight above the bound: beyond it the steps have lost their way.
    Mask quick_steps() {
        const Lanes none(0), most(tables.weight_bound);
        Lanes step[FACES];
        Mask settled = none < none;
        for (int turn = 0; turn < QUICK_STEPS; ++turn) {
            coordinates_at(s, floors);
            direct(step, true);
            settled = none <= none;
            for (int l = 0; l < size(); ++l) {
                const Lanes moved = s[l] + step[l];
                const Lanes next = choose(none < moved, moved, none);
                settled = settled & (size_of(next - s[l]) <= fused(Lanes(SETTLED), s[l], slack[l])) & (next <= most);
                s[l] = next;
            }
            if (settled.all()) break;
        }
        return settled;
    }

    // Projected Newton steps (Bertsekas, SIAM J. Control Optim. 20, 1982), shortened until the objective falls.
    void guarded_steps() {
        const Lanes none(0);
        Lanes base[FACES], step[FACES], fresh[FACES], lowest(1e300), stride(1);
        for (int l = 0; l < size(); ++l) base[l] = s[l] = choose(s[l] < Lanes(tables.weight_bound), s[l], none), step[l] = none;
        for (int turn = 0; turn < GUARDED_STEPS; ++turn) {
            coordinates_at(s, floors);
            const Lanes value = objective();
            const Mask better = value <= lowest;
            direct(fresh, false);
            lowest = choose(better, value, lowest);
            stride = choose(better, Lanes(1), stride * Lanes(0.25));
            Mask settled = none <= none;
            for (int l = 0; l < size(); ++l) {
                base[l] = choose(better, s[l], base[l]);
                step[l] = choose(better, fresh[l], step[l]);
                const Lanes moved = fused(stride, step[l], base[l]);
                s[l] = choose(none < moved, moved, none);
                settled = settled & (size_of(s[l] - base[l]) <= fused(Lanes(SETTLED), base[l], slack[l]));
            }
            if (settled.all()) break;
        }
        for (int turn = 0; turn < LAST_STEPS; ++turn) {
            coordinates_at(s, floors);
            direct(fresh, false);
            for (int l = 0; l < size(); ++l) {
                const Lanes moved = s[l] + fresh[l];
                s[l] = choose(none < moved, moved, none);
            }
        }
    }

    // What s minimises, up to a constant and a factor: lambda_a sum s - sum s b . q.
    Lanes objective() const {
        Lanes total(0);
        for (int l = 0; l < size(); ++l) {
            Lanes sum(tables.ridge);
            for (int i = begin(l); i < end(l); ++i) sum = reduced(target[i], q[i], sum);
            total = fused(s[l], sum, total);
        }
        return total;
    }

    void finish() {
        for (int l = 0; l < size(); ++l) {
            s[l] = choose(s[l] < Lanes(LEAST_WEIGHT), Lanes(0), s[l]);
            floors[l] = Lanes(LEAST_WEIGHT);
        }
        coordinates_at(s, floors);
    }

    // Solves H x = step in place (lower half of H).
    void newton(Lanes (*matrix)[FACES], Lanes* step) const {
        const int n = size();
        Lanes pivot[FACES];
        for (int k = 0; k < n; ++k) {
            pivot[k] = Lanes(1) / matrix[k][k];
            for (int i = k + 1; i < n; ++i) {
                const Lanes share = matrix[i][k] * pivot[k];
                for (int j = k + 1; j <= i; ++j) matrix[i][j] = reduced(share, matrix[j][k], matrix[i][j]);
                step[i] = reduced(share, step[k], step[i]);
            }
        }
        for (int i = n - 1; i >= 0; --i) {
            for (int k = i + 1; k < n; ++k) step[i] = reduced(matrix[k][i], step[k], step[i]);
            step[i] = step[i] * pivot[i];
        }
    }

    // Bounds rho, reach, gap, weight_gap and `certain`: certificate.md, sections 2 to 4. Every quantity named in it is bounded from above.
    void certify() {
        const Lanes inflation(tables.inflation), half_(0.5), none(0), ridge(tables.ridge);
        const int most = MAX_COORDINATES;
        const Lanes rounding(tables.coupling_error + gamma(2 * most + 8)), small(gamma(most + 6) + 2 * tables.entry_error);
        Lanes h[ROOM], strength[FACES], excess[FACES], mismatch[FACES], map_norm[FACES], response_norm[FACES];
        pull = none;
        for (int l = 0; l < size(); ++l) {
            Lanes sum(TINY);
            for (int i = begin(l); i < end(l); ++i) {
                h[i] = s[l] * q[i];
                sum = fused(h[i], h[i], sum);
            }
            strength[l] = root(sum) * inflation;
            map_norm[l] = gather(tables.map_norm, l);
            response_norm[l] = gather(tables.response_norm, l);
            pull = fused(response_norm[l], strength[l], pull);
        }
        for (int i = 0; i < coordinates(); ++i) {
            Lanes sum = target[i];
            for (int j = 0; j < coordinates(); ++j) sum = reduced(coupling[i][j], h[j], sum);
            g[i] = sum;
        }
        Lanes spread(0), beyond(0), drift(0), sideways(0), growth(1);  // A, the share of idle faces in it, Q, M and B of the derivation
        for (int l = 0; l < size(); ++l) {
            Lanes square(0), apart(TINY);
            for (int i = begin(l); i < end(l); ++i) {
                const Lanes difference = h[i] - s[l] * g[i];
                square = fused(g[i], g[i], square);
                apart = fused(difference, difference, apart);
            }
            length[l] = root(square + Lanes(TINY)) * inflation;
            error[l] = (rounding * map_norm[l] * pull + small * gather(tables.target_norm, l) + Lanes(1e-125)) * inflation;
            const Lanes doubt = error[l] * (Lanes(2) * length[l] + error[l]) + small * (square + ridge);
            const Lanes over = square - ridge;
            const Mask alive = none < s[l];
            excess[l] = choose(alive, size_of(over) + doubt, none);
            beyond = beyond + choose(alive | (over + doubt < none), none, over + doubt);
            mismatch[l] = (root(apart) + s[l] * error[l] + Lanes(8 * ROUNDOFF) * (strength[l] + s[l] * length[l])) * inflation;
            const Lanes norm = gather(tables.norm, l), inner = root(Lanes(2) / s[l]);
            reach[l] = choose(norm < inner, norm, inner) * inflation;
            spread = fused(larger(s[l], Lanes(tables.weight_bound)), excess[l], spread);  // nothing from faces with s_l = 0
            drift = fused(reach[l], mismatch[l], drift);
            sideways = fused(norm, mismatch[l], sideways);
            growth = fused(s[l] * norm, reach[l], growth);
        }
        rho = (drift + root(half_ * spread * inflation)) * inflation;
        rho_of_all = (drift + root(half_ * fused(beyond, Lanes(tables.weight_bound), spread) * inflation)) * inflation;
        sharpen(excess, drift, sideways, growth, map_norm, response_norm);
        for (int l = 0; l < size(); ++l) gap[l] = (reach[l] * rho + error[l]) * inflation;
    }

    // The second half of `certify`: with independent columns G_l^T g_l the weights, hence rho, are known to first order.
    void sharpen(
        const Lanes* excess, Lanes drift, Lanes sideways, Lanes growth, const Lanes* map_norm, const Lanes* response_norm) {
        const Lanes inflation(tables.inflation), deflation(1 - 1e-12), none(0);
        const int n = size();
        Lanes gram[FACES][FACES], scale[FACES];
        for (int l = 0; l < n; ++l)
            for (int m = l; m < n; ++m) {
                Lanes total(0);
                for (int i = begin(l); i < end(l); ++i) {
                    Lanes sum(0);
                    for (int j = begin(m); j < end(m); ++j) sum = fused(coupling[i][j], g[j], sum);
                    total = fused(g[i], sum, total);
                }
                gram[m][l] = total;
            }
        Lanes rows(0), columns(0), shift(0), turn(0), waste(0);
        for (int l = 0; l < n; ++l) {
            // Faces with s_l = 0 take no part: their rows and columns become those of the identity.
            const Mask idle = s[l] <= none;
            for (int m = 0; m < n; ++m) {
                Lanes& entry = m < l ? gram[l][m] : gram[m][l];
                entry = choose(idle, Lanes(l == m), entry);
            }
        }
        for (int l = 0; l < n; ++l) {
            scale[l] = choose(s[l] <= none, none, Lanes(1) / root(gram[l][l]));
            const Lanes norm = gather(tables.norm, l);
            rows = fused(scale[l] * map_norm[l], length[l], rows);
            columns = fused(scale[l] * response_norm[l], length[l], columns);
            shift = fused(scale[l] * norm, error[l], shift);
            turn = fused(scale[l] * norm, reach[l], turn);
            waste = fused(scale[l], excess[l], waste);
        }
        // Squares of columns below this may have lost digits to underflow.
        Mask sound = none <= none;
        for (int l = 0; l < n; ++l) sound = sound & (Lanes(1e-200) < gram[l][l]);
        for (int l = 0; l < n; ++l)
            for (int m = l; m < n; ++m)
                gram[m][l] = choose((s[l] <= none) | (s[m] <= none), gram[m][l], gram[m][l] * scale[l] * scale[m]);
        // A determinant bounds the least eigenvalue; the pivots are those of a matrix nearby (Higham, chapter 10).
        Lanes determinant(1), least(1);
        for (int k = 0; k < n; ++k) {
            determinant = determinant * gram[k][k];
            least = choose(gram[k][k] < least, gram[k][k], least);
            for (int i = k + 1; i < n; ++i) {
                const Lanes share = gram[i][k] / gram[k][k];
                for (int j = k + 1; j <= i; ++j) gram[i][j] = reduced(share, gram[j][k], gram[i][j]);
            }
        }
        const Lanes lost = Lanes(2 * (tables.coupling_error + gamma(2 * MAX_COORDINATES + 8))) * rows * columns +
                           Lanes(n * n * gamma(2 * n + 12));
        const Lanes eigenvalue = (n == 1 ? Lanes(1) : Lanes(0.367) * determinant) * deflation - lost * inflation;
        const Lanes singular = root(eigenvalue) * deflation - shift * inflation;
        const Mask regular = sound & (none < least) & (none < eigenvalue);
        Lanes away(0), room(0);
        for (int round = 0; round < REFINEMENTS; ++round) {
            room = (singular - turn * rho * inflation) * deflation;
            away = (growth * rho + sideways) * inflation / room * inflation;
            const Lanes next = (drift + root(Lanes(0.5) * away * waste * inflation + Lanes(TINY))) * inflation;
            rho = choose(regular & (none < room) & (next < rho), next, rho);
        }
        room = (singular - turn * rho * inflation) * deflation;
        away = (growth * rho + sideways) * inflation / room * inflation;
        certain = regular & (none < room);
        for (int l = 0; l < n; ++l) {
            weight_gap[l] = scale[l] * away * inflation;
            certain = certain & (weight_gap[l] < s[l]);
        }
    }

    // The outcome of one lane.
    int judge(int lane) const {
        const double below = tables.ridge * (1 - 4 * ROUNDOFF);
        bool idle = false, all_below = true;
        for (int l = 0; l < size(); ++l) {
            const double far = reach[l][lane] * rho_of_all[lane] * tables.inflation + error[l][lane];
            const double most = (length[l][lane] + far) * tables.inflation, near = (length[l][lane] + gap[l][lane]) * tables.inflation;
            // Of the optimum of the whole set: one face strictly below lambda_a has s_l = 0.
            if (most * most * tables.inflation < below) return reluspec::INACTIVE;
            if (s[l][lane] <= 0) {
                idle = true;
                all_below = all_below && near * near * tables.inflation < below;
            }
        }
        // Of the optimum of the faces with s_l > 0: it is that of the whole set if all others stay below lambda_a.
        if (idle) return all_below ? reluspec::INACTIVE : reluspec::OUTCOMES;
        if (!certain[lane]) return reluspec::OUTCOMES;
        bool inside = true;
        for (int l = 0; l < size(); ++l) {
            const int side = sides(lane, l);
            if (side == 0) return reluspec::OUTSIDE;
            inside = inside && side != UNKNOWN;
        }
        return inside && mixed(lane) ? reluspec::MIXED : reluspec::OUTCOMES;
    }

    static constexpr int UNKNOWN = 2;

    // For which sign of the output weight the direction lies in the face: 1, -1, 0 for neither.
    int sides(int lane, int l) const {
        const int face = faces[lane][l];
        const double doubt = (gap[l][lane] + (gamma(MAX_COORDINATES + 4) + 2 * tables.entry_error) * length[l][lane]) * tables.inflation;
        int positive = 0, negative = 0;
        const int first = tables.facet_begin[face], last = tables.facet_begin[face + 1];
        for (int row = first; row < last; ++row) {
            double value = 0;
            for (int i = begin(l); i < end(l); ++i) value += tables.facets[row * tables.width + i - begin(l)] * g[i][lane];
            const double bound = tables.facet_norm[row] * doubt * tables.inflation;
            positive += value > bound;
            negative += value < -bound;
        }
        if (positive && negative) return 0;
        return positive == last - first ? 1 : negative == last - first ? -1 : UNKNOWN;
    }

    // Whether some independent kink provably rises on one side and falls on the other.
    bool mixed(int lane) const {
        for (int l = 0; l < size(); ++l) {
            const int face = faces[lane][l];
            for (int kink = tables.kink_begin[face]; kink < tables.kink_begin[face + 1]; ++kink) {
                const int first = slope(lane, tables.kink_sides[2 * kink]);
                if (first && first == -slope(lane, tables.kink_sides[2 * kink + 1])) return true;
            }
        }
        return false;
    }

    // The proved sign of e . z, or 0.
    int slope(int lane, int side) const {
        double value = tables.side_target[side];
        for (int l = 0; l < size(); ++l) {
            const std::int64_t row = std::int64_t(faces[lane][l]) * tables.width;
            for (int i = begin(l); i < end(l); ++i)
                value -= side_pull(side, row + i - begin(l)) * (s[l][lane] * q[i][lane]);
        }
        const double rounding = tables.coupling_error + gamma(2 * MAX_COORDINATES + 8);
        const double doubt =
            (tables.side_norm[side] * rho[lane] + rounding * tables.side_length[side] * (pull[lane] + tables.target_length)) *
            tables.inflation * tables.inflation;
        return value > doubt ? 1 : value < -doubt ? -1 : 0;
    }

    double side_pull(int side, std::int64_t row) const {
        if (tables.side_pull) return tables.side_pull[side * tables.faces * tables.width + row];
        double sum = 0;
        for (int i = 0; i < tables.points; ++i)
            sum += tables.sides[std::int64_t(side) * tables.points + i] * tables.response[row * tables.points + i];
        return sum;
    }

    // A bound of |r* - r| for the whole set.
    double distance(int lane) const {
        const double below = tables.ridge * (1 - 4 * ROUNDOFF);
        for (int l = 0; l < size(); ++l) {
            const double near = (length[l][lane] + gap[l][lane]) * tables.inflation;
            if (s[l][lane] <= 0 && !(near * near * tables.inflation < below)) return rho_of_all[lane];
        }
        return rho[lane];
    }

    void record(int lane, double* row) const {
        for (int l = 0; l < size(); ++l)
            for (int i = 0; i < tables.width; ++i)
                row[l * tables.width + i] = begin(l) + i < end(l) ? s[l][lane] * q[begin(l) + i][lane] : 0.0;
        row[size() * tables.width] = pull[lane];
        row[size() * tables.width + 1] = distance(lane);
        for (int l = 0; l < size(); ++l) row[size() * tables.width + 2 + l] = s[l][lane];
    }

    void describe(int lane, double* optimum) const {
        for (int l = 0; l < size(); ++l) {
            double* here = optimum + l * (tables.width + 3);
            here[0] = s[l][lane];
            for (int i = begin(l); i < end(l); ++i) here[1 + i - begin(l)] = g[i][lane];
            here[tables.width + 1] = certain[lane] ? weight_gap[l][lane] : -1;
            here[tables.width + 2] = gap[l][lane];
        }
    }
};

// Sets of one shape that wait until there is one for each lane.
struct Waiting {
    int filled;
    std::int64_t number[Lanes::COUNT];
    std::int32_t faces[Lanes::COUNT][MAX_SIZE];
    double start[Lanes::COUNT][MAX_SIZE];
    bool started;  // whether `start` is filled in: for all sets or for none

    void add(std::int64_t which, const std::int32_t* set, int size, const double* weights = nullptr) {
        number[filled] = which;
        started = weights;
        for (int l = 0; l < size; ++l) faces[filled][l] = set[l];
        for (int l = 0; weights && l < size; ++l) start[filled][l] = weights[l];
        ++filled;
    }
};

// A shape's sets, and those of them that Newton's quick steps did not settle or not well enough for a proof: they take longer, so they wait
// for their like.
struct Slot {
    std::int64_t key = 0;
    Waiting fresh{}, hard{};
};

template <int K, int L>
void run(const Tables& tables, const Shape& shape, Waiting& waiting, Waiting& hard, Task& task) {
    System<K, L> system(tables, shape, waiting.faces);
    system.start(waiting.started ? waiting.start : nullptr);
    const Mask settled = system.quick_steps();
    const bool guarded = &waiting == &hard;
    if (guarded) system.guarded_steps();
    system.finish();
    system.certify();
    const int filled = waiting.filled;
    waiting.filled = 0;
    for (int lane = 0; lane < filled; ++lane) {
        const int outcome = settled[lane] || guarded ? system.judge(lane) : static_cast<int>(reluspec::OUTCOMES);
        if (!guarded && outcome == reluspec::OUTCOMES) {
            hard.add(waiting.number[lane], waiting.faces[lane], shape.size);
            if (hard.filled == Lanes::COUNT) run<K, L>(tables, shape, hard, hard, task);
            continue;
        }
        const std::int64_t number = waiting.number[lane];
        if (outcome == reluspec::OUTCOMES)
            task.open[task.left_open++] = number;
        else
            ++task.counts[outcome];
        if (task.outcome) task.outcome[number] = static_cast<std::uint8_t>(outcome);
        if (task.optima) system.record(lane, task.optima + number * Optima::length(shape.size, tables.width));
        if (task.optimum) system.describe(lane, task.optimum + number * shape.size * (tables.width + 3));
    }
}

using Run = void (*)(const Tables&, const Shape&, Waiting&, Waiting&, Task&);

// Sizes that common problems have are compiled with their sizes known; one function serves all others.
Run run_for(int coordinates, int size) {
    switch (size * 100 + coordinates) {
        case 202: return run<2, 2>;
        case 203: return run<3, 2>;
        case 204: return run<4, 2>;
        case 205: return run<5, 2>;
        case 206: return run<6, 2>;
        case 207: return run<7, 2>;
        case 208: return run<8, 2>;
        case 303: return run<3, 3>;
        case 304: return run<4, 3>;
        case 305: return run<5, 3>;
        case 306: return run<6, 3>;
        case 404: return run<4, 4>;
        case 405: return run<5, 4>;
        case 406: return run<6, 4>;
        case 407: return run<7, 4>;
        case 408: return run<8, 4>;
        default: return run<0, 0>;
    }
}

void flush(const Tables& tables, int size, Slot& slot, Waiting& waiting, Task& task) {
    if (!waiting.filled) return;
    // Lanes left over repeat the first set; nobody looks at them.
    for (int lane = waiting.filled; lane < Lanes::COUNT; ++lane)
        for (int l = 0; l < size; ++l) waiting.faces[lane][l] = waiting.faces[0][l], waiting.start[lane][l] = waiting.start[0][l];
    const Shape shape(tables, size, waiting.faces[0]);
    run_for(shape.coordinates, size)(tables, shape, waiting, slot.hard, task);
}

void copy(const std::int32_t* from, int size, std::int32_t* set) {
    for (int l = 0; l < size; ++l) set[l] = from[l];
}

// The next set in lexicographic order; returns false after the last.
bool advance(std::int32_t* set, int size, std::int32_t faces) {
    int place = size - 1;
    while (place >= 0 && set[place] == faces - size + place) --place;
    if (place < 0) return false;
    ++set[place];
    for (int l = place + 1; l < size; ++l) set[l] = set[l - 1] + 1;
    return true;
}

// Whether the optimum of all faces of a set but one leaves that one strictly below lambda_a. If not, weights to start from: a face alone has
// some weight, and each other face changes it; the subsets tell by how much, as if the changes just added up.
bool one_stays_idle(const Tables& tables, const Optima& subsets, const std::int32_t* set, double* weights) {
    for (int l = 0; l <= subsets.size; ++l) weights[l] = 0;
    const int width = tables.width, rest = subsets.size;
    const std::int64_t stride = tables.faces * width;
    const double below = tables.ridge * (1 - 4 * ROUNDOFF);
    const double rounding = tables.coupling_error + gamma(2 * MAX_COORDINATES + 8), small = gamma(MAX_COORDINATES + 6) + 2 * tables.entry_error;
    for (int out = rest; out >= 0; --out) {
        std::int64_t number = 0;
        std::int32_t least = 0;  // positions are faces less one
        for (int l = 0, place = 0; l <= rest; ++l) {
            if (l == out) continue;
            const std::int64_t* tails = subsets.tails + (rest - place) * tables.faces;
            number += tails[least] - tails[set[l] - 1];
            least = set[l];
            ++place;
        }
        const double* row = subsets.rows + number * Optima::length(rest, width);
        const std::int32_t face = set[out];
        double square = 0;
        for (int i = 0; i < tables.rank[face]; ++i) {
            double value = tables.target[face * std::int64_t(width) + i];
            const double* couplings = tables.gram + (face * std::int64_t(width) + i) * stride;
            for (int l = 0, place = 0; l <= rest; ++l) {
                if (l == out) continue;
                for (int j = 0; j < width; ++j) value -= couplings[set[l] * std::int64_t(width) + j] * row[place * width + j];
                ++place;
            }
            square += value * value;
        }
        // (sqrt(square) + doubt)^2 < lambda_a without the root: 2 a b <= a^2 / 4096 + 4096 b^2.
        const double doubt = (rounding * tables.map_norm[face] * row[rest * width] + small * tables.target_norm[face] + 1e-125 +
                              tables.norm[face] * row[rest * width + 1]) * tables.inflation;
        if (((square + TINY) * (1 + 1.0 / 4096) + 4097 * doubt * doubt) * tables.inflation < below) return true;
        for (int l = 0, place = 0; l <= rest; ++l)
            if (l != out) weights[l] += row[rest * width + 2 + place++];
    }
    for (int l = 0; l <= rest; ++l) {
        const double mean = weights[l] / rest, alone = tables.start[set[l]];
        const double expected = rest > 1 ? alone + (mean - alone) * rest / (rest - 1) : mean;
        weights[l] = expected > LEAST_SHARE * mean ? expected : LEAST_SHARE * mean;
    }
    return false;
}

}  // namespace

namespace reluspec {
namespace RELUSPEC_PATH {

void screen(const Tables& tables, Task& task) {
    constexpr int SLOTS = 8, TRIAL = 4096, WORTH = 16;
    Slot slots[SLOTS];
    std::int32_t* set = task.first;
    const int size = task.size;
    bool screening = task.subsets && tables.gram && task.subsets->size == size - 1;
    double weights[MAX_SIZE];
    int next = 0;
    for (std::int64_t number = 0; number < task.count; ++number) {
        if (task.listed) copy(task.listed + number * size, size, set);
        // Looking at the subsets costs a fraction of solving; where they tell too little, it stops.
        if (number == TRIAL && task.screened * WORTH < TRIAL) {
            screening = false;
            for (Slot& slot : slots) flush(tables, size, slot, slot.fresh, task);
        }
        if (screening && one_stays_idle(tables, *task.subsets, set, weights)) {
            ++task.screened;
            ++task.counts[reluspec::INACTIVE];
            if (task.outcome) task.outcome[number] = reluspec::INACTIVE;
        } else {
            std::int64_t key = 1;
            for (int l = 0; l < size; ++l) key = key * (tables.width + 1) + tables.rank[set[l]];
            Slot* slot = nullptr;
            for (Slot& candidate : slots)
                if (candidate.key == key) slot = &candidate;
            if (!slot) {
                slot = &slots[next];
                next = (next + 1) % SLOTS;
                flush(tables, size, *slot, slot->fresh, task);
                flush(tables, size, *slot, slot->hard, task);
                slot->key = key;
            }
            slot->fresh.add(number, set, size, screening ? weights : nullptr);
            if (task.listed || slot->fresh.filled == Lanes::COUNT) flush(tables, size, *slot, slot->fresh, task);
            if (task.listed) flush(tables, size, *slot, slot->hard, task);
        }
        if (!task.listed && !advance(set, size, static_cast<std::int32_t>(tables.faces))) break;
    }
    for (Slot& slot : slots) {
        flush(tables, size, slot, slot.fresh, task);
        flush(tables, size, slot, slot.hard, task);
    }
}

}  // namespace RELUSPEC_PATH
}  // namespace reluspec
