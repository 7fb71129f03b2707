// SPDX-License-Identifier: MIT
//
// What all parts of the Python module share: how times, enumerations, bytes and arrays cross over, how a failure becomes
// an exception, and how a plain struct becomes a class.
//
// Times are integers of nanoseconds on both sides. Enumerations are the IntEnum classes of duality/enums.py. Arrays and
// bytes come in through the buffer protocol and are never copied on the way.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "duality/clock_sync.hpp"
#include "duality/lab/simulation.hpp"
#include "duality/memory.hpp"
#include "duality/parity.hpp"
#include "duality/service_level.hpp"
#include "duality/session_config.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality::python {

namespace py = pybind11;

void bind_playout(py::module_& m);
void bind_regime(py::module_& m);
void bind_controller(py::module_& m);
void bind_statistics(py::module_& m);
void bind_parity(py::module_& m);
void bind_session(py::module_& m);
void bind_clock(py::module_& m);
void bind_lab(py::module_& m);

/// Throws duality.Error, or duality.ConfigError for `invalid_config`. `config` is the Python object that was refused,
/// so that its field can be named the way Python spells it.
[[noreturn]] void raise(const failure& why, const py::object& config = py::none());
[[noreturn]] void raise(status code, const std::string& detail);

/// A status that is not a failure; throws for one that is.
inline status check(status code) {
    if (failed(code)) raise({code, {}});
    return code;
}

[[nodiscard]] inline py::bytes bytes_of(byte_view view) {
    return {reinterpret_cast<const char*>(view.data()), view.size()};
}

// Enumerations

/// The IntEnum class of duality/enums.py that stands for `E`.
template <class E>
struct enum_name;

#define DUALITY_PYTHON_ENUM(type, name)                                                 \
    template <>                                                                         \
    struct enum_name<type> {                                                            \
        static constexpr const char* text = #name;                                      \
        static constexpr auto signature = pybind11::detail::const_name("enums." #name); \
    }
DUALITY_PYTHON_ENUM(status, Status);
DUALITY_PYTHON_ENUM(error_code, ErrorCode);
DUALITY_PYTHON_ENUM(recovery, Recovery);
DUALITY_PYTHON_ENUM(playout_mode, PlayoutMode);
DUALITY_PYTHON_ENUM(late_policy, LatePolicy);
DUALITY_PYTHON_ENUM(regime, Regime);
DUALITY_PYTHON_ENUM(regime_event::kind, RegimeEventKind);
DUALITY_PYTHON_ENUM(control_law, ControlLaw);
DUALITY_PYTHON_ENUM(control_output, ControlOutput);
DUALITY_PYTHON_ENUM(control_reason, ControlReason);
DUALITY_PYTHON_ENUM(cost_class, CostClass);
DUALITY_PYTHON_ENUM(path_state, PathState);
DUALITY_PYTHON_ENUM(path_event_kind, PathEventKind);
DUALITY_PYTHON_ENUM(stream_mode, StreamMode);
DUALITY_PYTHON_ENUM(transmit_kind, TransmitKind);
DUALITY_PYTHON_ENUM(session_event_kind, SessionEventKind);
DUALITY_PYTHON_ENUM(clock_state, ClockState);
DUALITY_PYTHON_ENUM(alarm_promise, AlarmPromise);
DUALITY_PYTHON_ENUM(wire::close_reason, CloseReason);
DUALITY_PYTHON_ENUM(lab::family, Family);
DUALITY_PYTHON_ENUM(lab::variant, Variant);
#undef DUALITY_PYTHON_ENUM

/// The member with that value, a borrowed reference; null with a Python error set when there is none.
[[nodiscard]] PyObject* enum_member(const char* name, long value);

// Arrays

/// A C-contiguous buffer of `T` that belongs to Python, held for as long as this object lives. Refused with
/// duality.Error(INVALID_ARGUMENT) naming `name` when elements, shape or layout are others; nothing is ever converted.
template <class T>
class array_view {
public:
    array_view(const py::object& source, const char* name, int dimensions, bool writable = false) {
        open(source, name, dimensions, writable);
    }
    array_view(const array_view&) = delete;
    array_view& operator=(const array_view&) = delete;
    ~array_view() { PyBuffer_Release(&buffer_); }

    [[nodiscard]] T* data() const noexcept { return static_cast<T*>(buffer_.buf); }
    [[nodiscard]] std::size_t extent(int dimension) const noexcept {
        return static_cast<std::size_t>(buffer_.shape[dimension]);
    }
    [[nodiscard]] T operator[](std::size_t i) const noexcept { return data()[i]; }

private:
    void open(const py::object& source, const char* name, int dimensions, bool writable);

    Py_buffer buffer_{};
};

/// Throws unless both arrays have the same length.
void require_length(std::size_t length, std::size_t expected, const char* name);

// Objects

/// An object of the library together with a mark that a call without the GIL is using it: a second thread that comes
/// meanwhile gets duality.Error(WRONG_STATE) instead of a data race.
template <class T>
class owned {
public:
    explicit owned(T object) : object_{std::move(object)} {}

    /// For a short call that keeps the GIL.
    [[nodiscard]] T& use() {
        if (busy_) raise(status::wrong_state, "another thread is inside a batch call of this object");
        return object_;
    }
    /// For a batch call: takes the object, gives the GIL up, and undoes both at the end.
    class batch {
    public:
        explicit batch(owned& whole) : object{whole.use()}, whole_{whole} { whole_.busy_ = true; }
        batch(const batch&) = delete;
        batch& operator=(const batch&) = delete;
        ~batch() { whole_.busy_ = false; }
        T& object;

    private:
        owned& whole_;
    };

private:
    T object_;
    bool busy_ = false;
};

/// A method of `T` as one of `owned<T>`; what it returns by reference is copied.
template <class T, class R, class... A>
[[nodiscard]] auto method(R (T::*call)(A...)) {
    return [call](owned<T>& self, A... a) -> std::decay_t<R> { return (self.use().*call)(a...); };
}
template <class T, class R, class... A>
[[nodiscard]] auto method(R (T::*call)(A...) const) {
    return [call](owned<T>& self, A... a) -> std::decay_t<R> { return (self.use().*call)(a...); };
}
/// The same for a call whose failure is the caller's mistake: it throws.
template <class T, class... A>
[[nodiscard]] auto checked(status (T::*call)(A...)) {
    return [call](owned<T>& self, A... a) { return check((self.use().*call)(a...)); };
}

/// What `create` of a primitive made, for a constructor taking its configuration.
template <class T, class Config>
[[nodiscard]] std::unique_ptr<owned<T>> create(const Config& config) {
    auto made = T::create(config, allocator::system());
    if (!made) raise(made.error(), py::cast(config));
    return std::make_unique<owned<T>>(std::move(made).value());
}

/// An instant as Python sees it: None for never.
[[nodiscard]] inline std::optional<std::int64_t> ns_or_none(instant at) noexcept {
    return at.is_never() ? std::nullopt : std::optional{at.ns()};
}

// Plain structs

[[nodiscard]] bool same_fields(const py::object& a, const py::object& b);
[[nodiscard]] std::string repr_of(const py::object& self);
void set_fields(const py::object& self, const py::kwargs& fields);

/// A struct that is only read: statistics, events, features.
template <class T>
class record {
public:
    record(py::module_& m, const char* name, const char* doc) : class_{m, name, doc} {
        class_.def("__repr__", &repr_of);
        class_.def("__eq__", [](const py::object& a, const py::object& b) { return same_fields(a, b); });
        class_.attr("__hash__") = py::none();
    }
    record(const record&) = delete;
    record& operator=(const record&) = delete;
    ~record() { class_.attr("_fields") = py::tuple(names_); }

    template <class M>
    record& field(const char* name, M T::*member, const char* doc = "") {
        class_.def_readonly(name, member, doc);
        names_.append(name);
        return *this;
    }
    /// One that is computed, or spelled differently.
    template <class F>
    record& value(const char* name, F&& get, const char* doc = "") {
        class_.def_property_readonly(name, std::forward<F>(get), doc);
        names_.append(name);
        return *this;
    }

protected:
    py::class_<T> class_;
    py::list names_;
};

/// A configuration: every field has a default, can be given by name to the constructor, and set afterwards. Ranges are
/// checked when an object is made from it.
template <class T>
class config : public record<T> {
public:
    config(py::module_& m, const char* name, const char* doc) : record<T>{m, name, doc} {
        this->class_.def(py::init([](const py::kwargs& fields) {
            const py::object made = py::cast(T{});
            set_fields(made, fields);
            return made.cast<T>();
        }));
    }
    template <class M>
    config& field(const char* name, M T::*member, const char* doc = "") {
        this->class_.def_readwrite(name, member, doc);
        this->names_.append(name);
        return *this;
    }
};

}  // namespace duality::python

namespace pybind11::detail {

/// Integers of nanoseconds; anything with __index__, but no float.
template <class T>
struct nanoseconds_caster {
    PYBIND11_TYPE_CASTER(T, const_name("int"));
    bool load(handle source, bool) {
        if (PyFloat_Check(source.ptr()) != 0) return false;
        const object index = reinterpret_steal<object>(PyNumber_Index(source.ptr()));
        if (!index) {
            PyErr_Clear();
            return false;
        }
        const long long ns = PyLong_AsLongLong(index.ptr());
        if (ns == -1 && PyErr_Occurred() != nullptr) throw error_already_set();
        value = T::from_ns(ns);
        return true;
    }
    static handle cast(T source, return_value_policy, handle) { return PyLong_FromLongLong(source.ns()); }
};
template <>
struct type_caster<duality::duration> : nanoseconds_caster<duality::duration> {};
template <class Clock>
struct type_caster<duality::time_point<Clock>> : nanoseconds_caster<duality::time_point<Clock>> {};

template <class E>
struct type_caster<E, std::void_t<decltype(duality::python::enum_name<E>::text)>> {
    PYBIND11_TYPE_CASTER(E, duality::python::enum_name<E>::signature);
    bool load(handle source, bool) {
        if (PyLong_Check(source.ptr()) == 0) return false;
        const long number = PyLong_AsLong(source.ptr());
        if (number == -1 && PyErr_Occurred() != nullptr) throw error_already_set();
        if (duality::python::enum_member(duality::python::enum_name<E>::text, number) == nullptr)
            throw error_already_set();
        value = static_cast<E>(number);
        return true;
    }
    static handle cast(E source, return_value_policy, handle) {
        return handle{duality::python::enum_member(duality::python::enum_name<E>::text, static_cast<long>(source))}
            .inc_ref();
    }
};

/// Bytes of any object with a contiguous buffer, valid during the call.
template <>
struct type_caster<duality::byte_view> {
    type_caster() = default;
    type_caster(const type_caster&) = delete;
    type_caster& operator=(const type_caster&) = delete;
    ~type_caster() { PyBuffer_Release(&buffer_); }

    static constexpr auto name = const_name("Buffer");
    template <class>
    using cast_op_type = duality::byte_view;
    bool load(handle source, bool) {
        if (PyObject_GetBuffer(source.ptr(), &buffer_, PyBUF_SIMPLE) == 0) return true;
        PyErr_Clear();
        return false;
    }
    operator duality::byte_view() const {
        return {static_cast<const std::uint8_t*>(buffer_.buf), static_cast<std::size_t>(buffer_.len)};
    }

private:
    Py_buffer buffer_{};
};

}  // namespace pybind11::detail
