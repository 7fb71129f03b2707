# SPDX-License-Identifier: MIT
#
# Tests of the C interface (label `capi`). Include after duality_tests and duality_gates.

set(duality_strict_c -std=c99 -pedantic-errors -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Werror)

# duality_c_program(<name> <file>…): plain C, strictly; against the shared library.
function(duality_c_program name)
    add_executable(${name} ${ARGN})
    target_compile_options(${name} PRIVATE ${duality_strict_c})
    target_link_libraries(${name} PRIVATE duality_c)
endfunction()

# duality_capi_test(<name> COMMAND …)
function(duality_capi_test name)
    add_test(NAME "${DUALITY_TEST_PREFIX}capi: ${name}" ${ARGN})
    set_tests_properties("${DUALITY_TEST_PREFIX}capi: ${name}" PROPERTIES LABELS capi TIMEOUT 120 SKIP_RETURN_CODE 77)
endfunction()

# The headers: strict C99, C11 and old C++, each compiled and run.
foreach(standard IN ITEMS c99 c11)
    duality_c_program(capi_header_${standard} "${PROJECT_SOURCE_DIR}/tests/capi/header.c")
    target_compile_options(capi_header_${standard} PRIVATE -std=${standard})
    duality_capi_test("header in ${standard}" COMMAND capi_header_${standard})
endforeach()
add_executable(capi_header_cpp "${PROJECT_SOURCE_DIR}/tests/capi/header.cpp")
target_compile_options(capi_header_cpp PRIVATE -std=c++11 -pedantic-errors -Wall -Wextra -Wconversion -Werror)
target_link_libraries(capi_header_cpp PRIVATE duality_c)
duality_capi_test("header in C++11" COMMAND capi_header_cpp)

if(TARGET duality_c_masque)
    add_executable(capi_header_masque "${PROJECT_SOURCE_DIR}/tests/package/c_masque_consumer.c")
    target_compile_options(capi_header_masque PRIVATE ${duality_strict_c})
    target_link_libraries(capi_header_masque PRIVATE duality_c_masque)
    duality_capi_test("header of MASQUE in c99" COMMAND capi_header_masque)
endif()

# The table of values: what is generated from it is checked in, what is not is compared by the compiler.
duality_capi_test("frozen values" COMMAND "${DUALITY_PYTHON}" "${PROJECT_SOURCE_DIR}/scripts/values.py" --check)
set(values "${PROJECT_BINARY_DIR}/capi/values_check.cpp")
add_custom_command(OUTPUT "${values}"
    COMMAND "${DUALITY_PYTHON}" "${PROJECT_SOURCE_DIR}/scripts/values.py" --cpp "${values}"
    DEPENDS "${PROJECT_SOURCE_DIR}/scripts/values.py" "${PROJECT_SOURCE_DIR}/capi/values.txt" VERBATIM)
add_library(capi_values OBJECT "${values}")
target_include_directories(capi_values PRIVATE "${PROJECT_SOURCE_DIR}/capi")
target_link_libraries(capi_values PRIVATE duality_flags duality_core duality_lab)

# One line for every function that the library shows.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/capi/exports.txt")
file(STRINGS "${PROJECT_SOURCE_DIR}/capi/exports.txt" functions)
string(REGEX REPLACE "([a-z0-9_]+);?" "SURVIVE(\\1);\n" functions "${functions}")
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/capi/entry_points.inc" CONTENT "${functions}\n" @ONLY)

duality_catch_tests(capi LINK duality_c duality_core)
target_include_directories(capi_tests PRIVATE "${PROJECT_BINARY_DIR}/capi")
add_dependencies(capi_tests capi_values)

if(TARGET duality_c_masque)
    duality_catch_tests(capi_masque LINK duality_c_masque duality_masque)
endif()

# What the shared library shows is decided by its list, on the platforms that nm and the list are made for.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT DUALITY_SANITIZE)
    duality_capi_test("exports" COMMAND "${duality_gate_scripts}/exports.sh" $<TARGET_FILE:duality_c>)
    if(TARGET duality_c_masque)
        duality_capi_test("exports of MASQUE" COMMAND "${duality_gate_scripts}/exports.sh" $<TARGET_FILE:duality_c_masque>)
    endif()
endif()

# Golden vectors: one table, through every language.
set(duality_golden "${PROJECT_SOURCE_DIR}/tests/golden/vectors.txt")
duality_test_program(golden_cpp SOURCES tests/golden/golden.cpp LINK duality_core duality_lab)
duality_capi_test("golden vectors through C++" COMMAND golden_cpp "${duality_golden}")
duality_c_program(golden_c tests/golden/golden.c)
duality_capi_test("golden vectors through C" COMMAND golden_c "${duality_golden}")

# Examples in C.
duality_sources(sources "${PROJECT_SOURCE_DIR}/examples/*.c")
foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    duality_c_program(example_${name} "${source}")
    add_test(NAME "${DUALITY_TEST_PREFIX}example: ${name} in C" COMMAND example_${name})
    set_tests_properties("${DUALITY_TEST_PREFIX}example: ${name} in C" PROPERTIES LABELS example TIMEOUT 60)
endforeach()

if(DUALITY_GATES)
    duality_gate("binary interface of the C library" abi.sh)
    duality_gate("guide to the C interface" c_docs.sh
        "${duality_capi_include}" $<TARGET_FILE_DIR:duality_c> "${PROJECT_BINARY_DIR}/c_docs")
endif()

# Bindings in other languages. Where their tools are missing the test says so and is skipped.
function(duality_tool_test label name tools)
    set(test "${DUALITY_TEST_PREFIX}${label}: ${name}")
    add_test(NAME "${test}" COMMAND "${PROJECT_SOURCE_DIR}/scripts/with-tools" ${tools} -- ${ARGN})
    set_tests_properties("${test}" PROPERTIES LABELS ${label} SKIP_RETURN_CODE 77 TIMEOUT 300)
endfunction()

if(NOT DUALITY_SANITIZE)
    set(rust "${PROJECT_SOURCE_DIR}/examples/rust")
    set(cargo "${CMAKE_COMMAND}" -E env DUALITY_LIB_DIR=$<TARGET_FILE_DIR:duality_c>
        "CARGO_TARGET_DIR=${PROJECT_BINARY_DIR}/rust" CARGO_NET_OFFLINE=true cargo)
    duality_tool_test(example "Rust, tests" cargo ${cargo} test --quiet --manifest-path "${rust}/Cargo.toml")
    duality_tool_test(example "Rust, session pair" cargo ${cargo} run --quiet --manifest-path "${rust}/Cargo.toml")
    # One cargo at a time in one target folder.
    set_tests_properties("${DUALITY_TEST_PREFIX}example: Rust, tests" "${DUALITY_TEST_PREFIX}example: Rust, session pair"
        PROPERTIES RESOURCE_LOCK cargo)
    duality_tool_test(example "session pair in C#" "mcs;mono" "${PROJECT_SOURCE_DIR}/tests/capi/csharp.sh"
        "${PROJECT_SOURCE_DIR}/examples/csharp/SessionPair.cs" $<TARGET_FILE_DIR:duality_c> "${PROJECT_BINARY_DIR}/csharp")
    duality_tool_test(capi "bindgen reads the header" "bindgen;rustc" "${PROJECT_SOURCE_DIR}/tests/capi/bindgen.sh"
        "${duality_capi_include}/duality/duality.h" "${PROJECT_BINARY_DIR}/bindgen")
endif()
