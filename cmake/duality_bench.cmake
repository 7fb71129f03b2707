# SPDX-License-Identifier: MIT
#
# bench/bench_<name>.cpp becomes the Google Benchmark program bench_<name>. The peers it measures itself against are
# linked when present: DUALITY_BENCH_ISAL, DUALITY_BENCH_FEC and DUALITY_BENCH_SPEEXDSP tell the program so.

find_package(benchmark QUIET)
if(NOT benchmark_FOUND)
    message(FATAL_ERROR "Google Benchmark is missing; scripts/install-deps installs everything this build needs")
endif()

add_library(duality_bench_peers INTERFACE)
find_path(ISAL_INCLUDE isa-l.h)
find_library(ISAL_LIBRARY isal)
if(ISAL_INCLUDE AND ISAL_LIBRARY)
    target_include_directories(duality_bench_peers SYSTEM INTERFACE "${ISAL_INCLUDE}")
    target_link_libraries(duality_bench_peers INTERFACE "${ISAL_LIBRARY}")
    target_compile_definitions(duality_bench_peers INTERFACE DUALITY_BENCH_ISAL)
endif()
find_path(FEC_INCLUDE fec.h)
find_library(FEC_LIBRARY fec)
if(FEC_INCLUDE AND FEC_LIBRARY)
    target_include_directories(duality_bench_peers SYSTEM INTERFACE "${FEC_INCLUDE}")
    target_link_libraries(duality_bench_peers INTERFACE "${FEC_LIBRARY}")
    target_compile_definitions(duality_bench_peers INTERFACE DUALITY_BENCH_FEC)
endif()
find_path(SPEEXDSP_INCLUDE speex/speex_jitter.h)
find_library(SPEEXDSP_LIBRARY speexdsp)
if(SPEEXDSP_INCLUDE AND SPEEXDSP_LIBRARY)
    target_include_directories(duality_bench_peers SYSTEM INTERFACE "${SPEEXDSP_INCLUDE}")
    target_link_libraries(duality_bench_peers INTERFACE "${SPEEXDSP_LIBRARY}")
    target_compile_definitions(duality_bench_peers INTERFACE DUALITY_BENCH_SPEEXDSP)
endif()

duality_sources(duality_bench_sources "${PROJECT_SOURCE_DIR}/bench/bench_*.cpp")
if(NOT TARGET duality_relay)
    list(FILTER duality_bench_sources EXCLUDE REGEX "/bench_(masque|bond)\\.cpp$")
endif()
if(NOT TARGET duality_campaign)
    list(FILTER duality_bench_sources EXCLUDE REGEX "/bench_lab\\.cpp$")
endif()
if(NOT TARGET duality_live)
    list(FILTER duality_bench_sources EXCLUDE REGEX "/bench_bulk\\.cpp$")
endif()
foreach(source IN LISTS duality_bench_sources)
    cmake_path(GET source STEM name)
    duality_program(${name} SOURCES ${source} LINK duality_lab duality_bench_peers benchmark::benchmark_main)
endforeach()
target_link_libraries(bench_capi PRIVATE duality_c)
target_link_libraries(bench_decoding PRIVATE $<TARGET_NAME_IF_EXISTS:duality_fec>)
if(TARGET duality_campaign)
    target_link_libraries(bench_lab PRIVATE duality_campaign)
endif()
if(TARGET duality_live)
    target_link_libraries(bench_bulk PRIVATE duality_live)
endif()
if(TARGET duality_relay)
    target_link_libraries(bench_masque PRIVATE duality_relay)
    target_link_libraries(bench_bond PRIVATE duality_relay)
endif()
include(duality_bench_neteq)

# Does the script that runs them all, and one of them, still work? Too short a run to say anything about speed.
if(DUALITY_TESTS)
    set(test "${DUALITY_TEST_PREFIX}bench: a quick run and its ledger")
    add_test(NAME "${test}" COMMAND "${DUALITY_PYTHON}" "${PROJECT_SOURCE_DIR}/scripts/bench" --quick
        --bin $<TARGET_FILE_DIR:bench_parity> --out "${PROJECT_BINARY_DIR}/bench" parity)
    set_tests_properties("${test}" PROPERTIES LABELS bench TIMEOUT 120)
endif()

# The Python module against C++: bench_python is a script like the other programs.
if(TARGET duality_python)
    duality_program(python_reference SOURCES "${PROJECT_SOURCE_DIR}/bench/python_reference.cpp" LINK duality_core)
    file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/bin/bench_python" @ONLY CONTENT [[#!/bin/sh
PYTHONPATH="@duality_python_path@" exec "@duality_python_python@" "@PROJECT_SOURCE_DIR@/bench/bench_python.py" --reference "@PROJECT_BINARY_DIR@/bin/python_reference" "$@"
]])
    file(CHMOD "${PROJECT_BINARY_DIR}/bin/bench_python"
        PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endif()
