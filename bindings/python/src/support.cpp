// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <map>

namespace duality::python {

namespace {

/// Members by value; lives as long as the process, as the class does.
using member_table = std::map<long, PyObject*>;

[[nodiscard]] const member_table& members_of(const char* name) {
    static auto* const tables = new std::map<std::string_view, member_table>;
    const auto [found, fresh] = tables->try_emplace(name);
    if (fresh) {
        for (const py::handle member : py::module_::import("duality.enums").attr(name))
            found->second.emplace(member.cast<long>(), member.inc_ref().ptr());
    }
    return found->second;
}

[[nodiscard]] py::object text(std::string_view s) {
    return py::str{s.data(), s.size()};
}

[[noreturn]] void throw_error(const py::object& error) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
    throw py::error_already_set();
}

[[nodiscard]] const char* element_name(std::string_view formats) {
    if (formats == "B") return "uint8";
    if (formats == "?") return "bool";
    if (formats == "lq") return "int64";
    return formats == "I" ? "uint32" : "uint64";
}

}  // namespace

void raise(const failure& why, const py::object& config) {
    throw_error(py::module_::import("duality.errors")
                    .attr("_made")(why.code, text(why.where.field), why.where.low, why.where.high, text(why.where.unit),
                                   config));
}

void raise(status code, const std::string& detail) {
    throw_error(py::module_::import("duality.errors").attr("Error")(code, detail));
}

PyObject* enum_member(const char* name, long value) {
    const member_table& members = members_of(name);
    if (const auto found = members.find(value); found != members.end()) return found->second;
    PyErr_Format(PyExc_ValueError, "%ld is not a valid %s", value, name);
    return nullptr;
}

void require_length(std::size_t length, std::size_t expected, const char* name) {
    if (length == expected) return;
    raise(status::invalid_argument,
          std::string{name} + " has " + std::to_string(length) + " elements, not " + std::to_string(expected));
}

template <class T>
void array_view<T>::open(const py::object& source, const char* name, int dimensions, bool writable) {
    using element = std::remove_const_t<T>;
    constexpr std::string_view formats = std::is_same_v<element, std::int64_t>    ? "lq"
                                         : std::is_same_v<element, std::uint64_t> ? "LQ"
                                         : std::is_same_v<element, std::uint32_t> ? "I"
                                         : std::is_same_v<element, bool>          ? "?"
                                                                                  : "B";
    const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(source.ptr(), &buffer_, flags) == 0) {
        std::string_view format = buffer_.format == nullptr ? "B" : buffer_.format;
        if (format.size() == 2 && std::string_view{"@=<"}.find(format.front()) != std::string_view::npos)
            format.remove_prefix(1);
        if (format.size() == 1 && formats.find(format) != std::string_view::npos && buffer_.ndim == dimensions &&
            buffer_.itemsize == sizeof(T))
            return;
        PyBuffer_Release(&buffer_);
    }
    PyErr_Clear();
    raise(status::invalid_argument, std::string{name} + " must be a " + std::to_string(dimensions) +
                                        "-dimensional C-contiguous " + (writable ? "writable " : "") + "buffer of " +
                                        element_name(formats));
}

template class array_view<const std::uint8_t>;
template class array_view<std::uint8_t>;
template class array_view<const std::uint32_t>;
template class array_view<const std::int64_t>;
template class array_view<const std::uint64_t>;
template class array_view<const bool>;

bool same_fields(const py::object& a, const py::object& b) {
    if (!py::type::of(a).is(py::type::of(b))) return false;
    for (const py::handle name : a.attr("_fields"))
        if (!py::object{a.attr(name)}.equal(b.attr(name))) return false;
    return true;
}

std::string repr_of(const py::object& self) {
    std::string out = py::str(py::type::of(self).attr("__name__"));
    out += '(';
    const char* between = "";
    for (const py::handle name : self.attr("_fields")) {
        out += between + std::string{py::str(name)} + '=' + std::string{py::repr(self.attr(name))};
        between = ", ";
    }
    return out + ')';
}

void set_fields(const py::object& self, const py::kwargs& fields) {
    for (const auto& [name, value] : fields) {
        if (!self.attr("_fields").contains(name))
            throw py::type_error(std::string{py::str(py::type::of(self).attr("__name__"))} + " has no field '" +
                                 std::string{py::str(name)} + "'");
        py::setattr(self, name, value);
    }
}

}  // namespace duality::python

PYBIND11_MODULE(_duality, m) {
    using namespace duality::python;
    m.doc() = "The compiled half of the package duality.";
    m.attr("__version__") = DUALITY_VERSION_STRING;
    bind_playout(m);
    bind_statistics(m);
    bind_regime(m);
    bind_controller(m);
    bind_parity(m);
    bind_clock(m);
    bind_session(m);
    bind_lab(m);
}
