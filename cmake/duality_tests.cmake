# SPDX-License-Identifier: MIT
#
# Every test is a CTest test with a label: unit, property, secure, masque, relay, lab, live, fuzz, interop, example,
# campaign, package, gate.

find_package(Catch2 3 QUIET)
if(NOT Catch2_FOUND)
    message(FATAL_ERROR "Catch2 3 is missing; scripts/install-deps installs everything this build needs, "
        "-DDUALITY_TESTS=OFF builds without tests")
endif()
include(Catch)

# Measured traces for the lab are not part of the repository; tests that want them skip when they are not there.
if(DEFINED ENV{DUALITY_TRACES})
    set(duality_default_traces "$ENV{DUALITY_TRACES}")
else()
    cmake_path(SET duality_default_traces NORMALIZE "${PROJECT_SOURCE_DIR}/../shared/traces")
endif()
set(DUALITY_TRACES "${duality_default_traces}" CACHE PATH "Folder of measured traces")
set(duality_test_environment "DUALITY_TRACES=${DUALITY_TRACES}")

# duality_test_program(…): as duality_program. Building tests takes longer than running them, so their own code is
# optimised less; the libraries they link are optimised all the same.
function(duality_test_program name)
    duality_program(${name} ${ARGN})
    target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
    set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)  # each file has its own helpers, by the same names
endfunction()

# duality_catch_tests(<label> LINK <target>… [PROPERTIES <name> <value>…]): tests/<label>/*_test.cpp as one program
# <label>_tests, each test case a CTest test of its own.
function(duality_catch_tests label)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINK;PROPERTIES")
    duality_sources(sources "${PROJECT_SOURCE_DIR}/tests/${label}/*_test.cpp")
    if(NOT sources)
        return()
    endif()
    duality_test_program(${label}_tests SOURCES ${sources} LINK ${arg_LINK} Catch2::Catch2WithMain)
    target_precompile_headers(${label}_tests PRIVATE
        <algorithm> <array> <cstdint> <string> <vector> <catch2/catch_test_macros.hpp>)
    if(DUALITY_NO_EXCEPTIONS)
        target_compile_options(${label}_tests PRIVATE ${duality_no_exceptions})
    endif()
    catch_discover_tests(${label}_tests
        TEST_PREFIX "${DUALITY_TEST_PREFIX}${label}: " DISCOVERY_MODE PRE_TEST
        PROPERTIES LABELS ${label} ENVIRONMENT "${duality_test_environment}" TIMEOUT 300 ${arg_PROPERTIES})
endfunction()

duality_catch_tests(unit LINK duality_core duality_lab duality_http)
duality_catch_tests(property LINK duality_core duality_lab duality_http $<TARGET_NAME_IF_EXISTS:duality_fec>)
duality_catch_tests(lab LINK duality_lab)
if(TARGET duality_secure)
    duality_catch_tests(secure LINK duality_core duality_secure)
endif()
if(TARGET duality_masque)
    duality_catch_tests(masque LINK duality_masque duality_lab)
endif()
if(TARGET duality_io)
    # Real sockets and real time: not beside other tests.
    duality_catch_tests(live LINK duality_live PROPERTIES RUN_SERIAL TRUE)
    if(TARGET duality_relay)
        target_link_libraries(live_tests PRIVATE duality_relay)
        target_compile_definitions(live_tests PRIVATE DUALITY_MASQUE)
    endif()
endif()
if(TARGET duality AND DUALITY_GATES)  # seconds of real time: in one build only
    # 77: not everything could be observed, or there are no network namespaces here.
    add_test(NAME "${DUALITY_TEST_PREFIX}live: lab and live network agree"
        COMMAND duality live --output "${PROJECT_BINARY_DIR}/live")
    add_test(NAME "${DUALITY_TEST_PREFIX}live: soak of 20 s" COMMAND duality soak --seconds 20 --regime-seconds 1)
    set_tests_properties("${DUALITY_TEST_PREFIX}live: lab and live network agree"
        "${DUALITY_TEST_PREFIX}live: soak of 20 s" PROPERTIES LABELS live RUN_SERIAL TRUE SKIP_RETURN_CODE 77
        TIMEOUT 300)
    # Only for `ctest -C nightly`.
    add_test(NAME "${DUALITY_TEST_PREFIX}nightly: soak of 10 minutes" CONFIGURATIONS nightly
        COMMAND duality soak --seconds 600 --json "${PROJECT_BINARY_DIR}/soak.json")
    set_tests_properties("${DUALITY_TEST_PREFIX}nightly: soak of 10 minutes" PROPERTIES LABELS nightly RUN_SERIAL TRUE
        TIMEOUT 700)
endif()
if(TARGET duality_campaign)
    duality_catch_tests(campaign LINK duality_campaign)
    add_test(NAME "${DUALITY_TEST_PREFIX}campaign: bundles of failing runs"
        COMMAND "${PROJECT_SOURCE_DIR}/tests/campaign/bundle_test.sh" $<TARGET_FILE:duality> $<TARGET_FILE:lab_tests>
        "${PROJECT_BINARY_DIR}/bundle_test")
    set_tests_properties("${DUALITY_TEST_PREFIX}campaign: bundles of failing runs" PROPERTIES LABELS campaign TIMEOUT 120)
endif()
if(TARGET duality_relay)
    duality_catch_tests(relay LINK duality_relay PROPERTIES RUN_SERIAL TRUE)
endif()

# Fuzz targets: with libFuzzer when the build has it, else with a driver that feeds them seeded random inputs.
duality_sources(duality_fuzz_sources "${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_*.cpp")
if(NOT TARGET duality_secure)
    list(FILTER duality_fuzz_sources EXCLUDE REGEX "/fuzz_secure_")
endif()
if(NOT TARGET duality_masque)
    list(FILTER duality_fuzz_sources EXCLUDE REGEX "/fuzz_relay_")
endif()
foreach(source IN LISTS duality_fuzz_sources)
    cmake_path(GET source STEM name)
    set(masque "")
    if(name MATCHES "^fuzz_relay_")
        set(masque duality_masque)
    endif()
    if(DUALITY_SANITIZE MATCHES "fuzzer")
        duality_test_program(${name} SOURCES ${source} LINK duality_core duality_lab duality_http
            $<TARGET_NAME_IF_EXISTS:duality_secure> ${masque} -fsanitize=fuzzer)
        set(arguments -seed=1 -runs=100000 -max_total_time=60 -max_len=2048)
    else()
        duality_test_program(${name} SOURCES ${source} "${PROJECT_SOURCE_DIR}/tests/fuzz/driver.cpp"
            LINK duality_core duality_lab duality_http $<TARGET_NAME_IF_EXISTS:duality_secure> ${masque})
        # Sanitizers slow a whole session down by some fifty times.
        set(runs 2000)
        if(DUALITY_SANITIZE)
            set(runs 200)
        endif()
        if(masque)  # a handshake and a minute of virtual time for each
            math(EXPR runs "${runs} / 10")
        endif()
        set(arguments --runs ${runs} --seed 1)
    endif()
    add_test(NAME "${DUALITY_TEST_PREFIX}fuzz: ${name}" COMMAND ${name} ${arguments})
    set_tests_properties("${DUALITY_TEST_PREFIX}fuzz: ${name}" PROPERTIES LABELS fuzz TIMEOUT 300)
endforeach()

# Interoperability: a reader and writer of the wire format in Python, made from docs/wire-format.md alone, against ours.
find_program(DUALITY_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH DOC "Python 3, the system's own")
find_program(DUALITY_PYTHON python3)
if(NOT DUALITY_PYTHON)
    message(FATAL_ERROR "python3 is missing; scripts/install-deps installs everything this build needs")
endif()
duality_test_program(dump_packets SOURCES "${PROJECT_SOURCE_DIR}/tests/interop/dump_packets.cpp" LINK duality_core)
add_test(NAME "${DUALITY_TEST_PREFIX}interop: wire format" COMMAND "${DUALITY_PYTHON}"
    "${PROJECT_SOURCE_DIR}/tests/interop/wire_decoder.py" --dump $<TARGET_FILE:dump_packets>
    --document "${PROJECT_SOURCE_DIR}/docs/wire-format.md")
set_tests_properties("${DUALITY_TEST_PREFIX}interop: wire format" PROPERTIES LABELS interop TIMEOUT 120)

# The relay as a program.
if(TARGET duality_relay)
    set(test "${DUALITY_TEST_PREFIX}relay: the program from its configuration file to its end")
    add_test(NAME "${test}" COMMAND "${DUALITY_PYTHON}" "${PROJECT_SOURCE_DIR}/tests/relay/relay_program_test.py"
        $<TARGET_FILE:duality>)
    set_tests_properties("${test}" PROPERTIES LABELS relay TIMEOUT 120 RUN_SERIAL TRUE)
endif()

# QUIC and HTTP/3 against programs that others wrote, where those are installed: Debian 13, see scripts/debian13-root.
if(TARGET duality_relay)
    set(interop "${PROJECT_SOURCE_DIR}/tests/interop/masque_interop.py")
    execute_process(COMMAND "${DUALITY_PYTHON}" -B "${interop}" --list
        RESULT_VARIABLE unable OUTPUT_VARIABLE cases OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(unable)
        message(STATUS "Interoperability of QUIC: ${cases}")
    else()
        string(REPLACE "\n" ";" cases "${cases}")
        foreach(case IN LISTS cases)
            set(test "${DUALITY_TEST_PREFIX}interop: ${case}")
            add_test(NAME "${test}" COMMAND "${DUALITY_PYTHON}" -B "${interop}" --duality $<TARGET_FILE:duality> ${case})
            set_tests_properties("${test}" PROPERTIES LABELS interop TIMEOUT 90 SKIP_RETURN_CODE 77)
        endforeach()
    endif()
endif()

# Examples: one idea each, run to the end.
duality_sources(duality_example_sources "${PROJECT_SOURCE_DIR}/examples/*.cpp")
if(NOT TARGET PkgConfig::opus OR NOT TARGET PkgConfig::sndfile)
    list(FILTER duality_example_sources EXCLUDE REGEX "/voip_opus\\.cpp$")
endif()
foreach(source IN LISTS duality_example_sources)
    cmake_path(GET source STEM name)
    duality_program(example_${name} SOURCES ${source} LINK duality_lab)
    if(DUALITY_NO_EXCEPTIONS)
        target_compile_options(example_${name} PRIVATE ${duality_no_exceptions})
    endif()
    add_test(NAME "${DUALITY_TEST_PREFIX}example: ${name}" COMMAND example_${name})
    set_tests_properties("${DUALITY_TEST_PREFIX}example: ${name}" PROPERTIES LABELS example TIMEOUT 60
        WORKING_DIRECTORY "${PROJECT_BINARY_DIR}")
endforeach()

if(TARGET example_voip_opus)
    target_link_libraries(example_voip_opus PRIVATE PkgConfig::opus PkgConfig::sndfile)
endif()
