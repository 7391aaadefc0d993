// The Python side of the kernel: takes the tables as arrays, chooses the path by name, releases the interpreter while it works.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "tables.hpp"

namespace py = pybind11;
using reluspec::Tables;

#ifndef RELUSPEC_VERSION
#error "the build sets RELUSPEC_VERSION"
#endif

namespace {

template <class Number>
using Array = py::array_t<Number, py::array::c_style>;

bool avx2_runs() {
#if defined(RELUSPEC_WITH_AVX2)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

std::vector<std::string> paths() {
    std::vector<std::string> found;
    if (avx2_runs()) found.push_back("avx2");
    found.push_back("scalar");
    return found;
}

class Kernel {
public:
    Kernel(const py::dict& arrays, const std::string& path) {
        auto& t = tables_;
        t.faces = arrays["faces"].cast<std::int64_t>();
        t.width = arrays["width"].cast<int>();
        t.points = arrays["points"].cast<int>();
        t.ridge = arrays["ridge"].cast<double>();
        t.coupling_error = arrays["coupling_error"].cast<double>();
        t.entry_error = arrays["entry_error"].cast<double>();
        t.weight_bound = arrays["weight_bound"].cast<double>();
        t.inflation = arrays["inflation"].cast<double>();
        t.target_length = arrays["target_length"].cast<double>();
        const std::int64_t rows = t.faces * t.width;
        t.gram = doubles(arrays, "gram", rows * rows, true);
        t.map = doubles(arrays, "map", rows * t.points);
        t.response = doubles(arrays, "response", rows * t.points);
        t.target = doubles(arrays, "target", rows);
        t.rank = integers(arrays, "rank", t.faces);
        t.start = doubles(arrays, "start", t.faces);
        t.norm = doubles(arrays, "norm", t.faces);
        t.map_norm = doubles(arrays, "map_norm", t.faces);
        t.response_norm = doubles(arrays, "response_norm", t.faces);
        t.target_norm = doubles(arrays, "target_norm", t.faces);
        t.facet_begin = integers(arrays, "facet_begin", t.faces + 1);
        t.facets = doubles(arrays, "facets", std::int64_t(t.facet_begin[t.faces]) * t.width);
        t.facet_norm = doubles(arrays, "facet_norm", t.facet_begin[t.faces]);
        t.kink_begin = integers(arrays, "kink_begin", t.faces + 1);
        t.kink_sides = integers(arrays, "kink_sides", 2 * std::int64_t(t.kink_begin[t.faces]));
        const std::int64_t sides = arrays["side_target"].cast<Array<double>>().size();
        t.side_pull = doubles(arrays, "side_pull", sides * rows, true);
        t.sides = doubles(arrays, "sides", sides * t.points);
        t.side_target = doubles(arrays, "side_target", sides);
        t.side_norm = doubles(arrays, "side_norm", sides);
        t.side_length = doubles(arrays, "side_length", sides);
        for (std::int64_t k = 0; k < 2 * std::int64_t(t.kink_begin[t.faces]); ++k)
            if (t.kink_sides[k] < 0 || t.kink_sides[k] >= sides) throw std::invalid_argument("kink_sides out of range");
        for (std::int64_t face = 1; face < t.faces; ++face)
            if (t.rank[face] < 1 || t.rank[face] > t.width) throw std::invalid_argument("rank out of range");
        screen_ = chosen(path);
    }

    // Keeps the optima of all sets of that size, for `screen` to look at subsets; `tails` has C(F - 1 - x, left) at [left][x].
    void remember(int size, const Array<std::int64_t>& tails, std::int64_t count) {
        Array<std::int32_t> first(size);
        for (int k = 0; k < size; ++k) first.mutable_data()[k] = k + 1;
        std::vector<std::int32_t> set = checked(first);
        if (tails.size() != (size + 1) * tables_.faces || tails.data()[size * tables_.faces] != count)
            throw std::invalid_argument("tails do not fit");
        std::vector<double> rows(static_cast<std::size_t>(count) * reluspec::Optima::length(size, tables_.width));
        std::vector<std::int64_t> kept(tails.data(), tails.data() + tails.size());
        {
            py::gil_scoped_release release;
            std::int64_t counts[reluspec::OUTCOMES] = {0, 0, 0};
            std::vector<std::int64_t> room(static_cast<std::size_t>(count));
            reluspec::Task task{size, count, set.data(), counts, room.data()};
            task.optima = rows.data();
            screen_(tables_, task);
        }
        rows_ = std::move(rows);
        tails_ = std::move(kept);
        subsets_ = {size, rows_.data(), tails_.data()};
    }

    // Counts by outcome, the numbers of the sets left open (relative to `first`, in no particular order), and how many sets the optima of
    // their subsets excluded.
    py::tuple screen(const Array<std::int32_t>& first, std::int64_t count) const {
        std::vector<std::int32_t> set = checked(first);
        Array<std::int64_t> counts(reluspec::OUTCOMES);
        std::vector<std::int64_t> room(static_cast<std::size_t>(count));
        std::int64_t* numbers = counts.mutable_data();
        for (int k = 0; k < reluspec::OUTCOMES; ++k) numbers[k] = 0;
        reluspec::Task task{static_cast<int>(set.size()), count, set.data(), numbers, room.data()};
        if (subsets_.rows) task.subsets = &subsets_;
        {
            py::gil_scoped_release release;
            screen_(tables_, task);
        }
        return py::make_tuple(counts, Array<std::int64_t>(static_cast<py::ssize_t>(task.left_open), room.data()), task.screened);
    }

    // Approximate weights s of the optima of sets (B x size), for any size; those of one set do not depend on the others. Nothing is proved.
    py::array_t<double> weights(const Array<std::int32_t>& sets) const {
        if (sets.ndim() != 2) throw std::invalid_argument("sets are the rows of a table");
        const py::ssize_t count = sets.shape(0), size = sets.shape(1), entries = tables_.width + 3;
        for (py::ssize_t k = 0; k < count; ++k) check(sets.data() + k * size, size);
        std::vector<double> optimum(static_cast<std::size_t>(count * size * entries));
        std::vector<std::int64_t> room(static_cast<std::size_t>(count));
        std::vector<std::int32_t> set(static_cast<std::size_t>(size));
        std::int64_t counts[reluspec::OUTCOMES] = {0, 0, 0};
        reluspec::Task task{static_cast<int>(size), count, set.data(), counts, room.data()};
        task.listed = sets.data();
        task.optimum = optimum.data();
        {
            py::gil_scoped_release release;
            screen_(tables_, task);
        }
        py::array_t<double> found({count, size});
        for (py::ssize_t k = 0; k < count * size; ++k) found.mutable_data()[k] = optimum[static_cast<std::size_t>(k * entries)];
        return found;
    }

    // For tests: the outcome of every set (3: left open), and per set and face s, g (k values), proved distances of s (-1: none) and g. No set is
    // screened by its subsets.
    py::tuple describe(const Array<std::int32_t>& first, std::int64_t count) const {
        std::vector<std::int32_t> set = checked(first);
        const py::ssize_t size = static_cast<py::ssize_t>(set.size());
        Array<std::uint8_t> outcome(count);
        Array<double> optimum({static_cast<py::ssize_t>(count), size, static_cast<py::ssize_t>(tables_.width + 3)});
        for (py::ssize_t k = 0; k < optimum.size(); ++k) optimum.mutable_data()[k] = 0;
        std::vector<std::int64_t> room(static_cast<std::size_t>(count));
        std::int64_t counts[reluspec::OUTCOMES] = {0, 0, 0};
        reluspec::Task task{static_cast<int>(size), count, set.data(), counts, room.data()};
        task.outcome = outcome.mutable_data();
        task.optimum = optimum.mutable_data();
        screen_(tables_, task);
        return py::make_tuple(outcome, optimum);
    }

private:
    Tables tables_{};
    reluspec::Screen screen_ = nullptr;
    std::vector<double> rows_;  // what `subsets_` points into
    std::vector<std::int64_t> tails_;
    reluspec::Optima subsets_;
    std::vector<py::object> kept_;  // the arrays the tables point into

    template <class Number>
    const Number* data(const py::dict& arrays, const char* name, std::int64_t size) {
        auto array = arrays[name].cast<Array<Number>>();
        if (array.size() != size) throw std::invalid_argument(std::string(name) + " has the wrong size");
        kept_.push_back(array);
        return array.data();
    }

    const double* doubles(const py::dict& arrays, const char* name, std::int64_t size, bool optional = false) {
        return optional && arrays[name].is_none() ? nullptr : data<double>(arrays, name, size);
    }

    const std::int32_t* integers(const py::dict& arrays, const char* name, std::int64_t size) {
        return data<std::int32_t>(arrays, name, size);
    }

    static reluspec::Screen chosen(const std::string& path) {
        if (path == "scalar") return reluspec::scalar::screen;
#ifdef RELUSPEC_WITH_AVX2
        if (path == "avx2" && avx2_runs()) return reluspec::avx2::screen;
#endif
        throw std::invalid_argument("this kernel has no path `" + path + "` here");
    }

    std::vector<std::int32_t> checked(const Array<std::int32_t>& first) const {
        check(first.data(), first.size());
        return {first.data(), first.data() + first.size()};
    }

    void check(const std::int32_t* set, std::int64_t size) const {
        if (size < 1 || size > reluspec::MAX_SIZE || size * tables_.width > reluspec::MAX_COORDINATES)
            throw std::invalid_argument("sets of that size are not for this kernel");
        for (std::int64_t k = 0; k < size; ++k)
            if (set[k] < 1 || set[k] >= tables_.faces || (k && set[k] <= set[k - 1])) throw std::invalid_argument("not a set of living faces");
    }
};

}  // namespace

PYBIND11_MODULE(_kernel, module) {
    module.doc() = "The compiled float screen of the convex engine; use it through reluspec.engines.convex.screening.";
    module.attr("VERSION") = std::string(RELUSPEC_VERSION "/") + std::to_string(reluspec::INTERFACE);
    module.attr("MAX_SIZE") = reluspec::MAX_SIZE;
    module.attr("MAX_COORDINATES") = reluspec::MAX_COORDINATES;
    module.def("paths", &paths, "The paths that run on this processor, the fastest first.");
    py::class_<Kernel>(module, "Kernel")
        .def(py::init<const py::dict&, const std::string&>(), py::arg("tables"), py::arg("path"))
        .def("remember", &Kernel::remember, py::arg("size"), py::arg("tails"), py::arg("count"))
        .def("screen", &Kernel::screen, py::arg("first"), py::arg("count"))
        .def("weights", &Kernel::weights, py::arg("sets"))
        .def("describe", &Kernel::describe, py::arg("first"), py::arg("count"));
}
