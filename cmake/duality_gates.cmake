# SPDX-License-Identifier: MIT
#
# Gates: rules over the sources and the objects, checked like tests (label `gate`). Exit code 77 means skipped.

set(duality_gate_scripts "${PROJECT_SOURCE_DIR}/scripts/gates")

# duality_gate(<name> <script> [argument]… [PROPERTIES <name> <value>…])
function(duality_gate name script)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "PROPERTIES")
    set(test "${DUALITY_TEST_PREFIX}gate: ${name}")
    add_test(NAME "${test}" COMMAND "${duality_gate_scripts}/${script}" ${arg_UNPARSED_ARGUMENTS})
    set_tests_properties("${test}" PROPERTIES LABELS gate SKIP_RETURN_CODE 77 TIMEOUT 900 ${arg_PROPERTIES})
endfunction()

# Sanitizers and debug builds ask for more; only what ships is held to the list.
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT DUALITY_SANITIZE)
    duality_gate("symbols of core" symbols.sh core $<TARGET_FILE:duality_core>)
    duality_gate("symbols of http" symbols.sh core $<TARGET_FILE:duality_http>)
    duality_gate("symbols of lab" symbols.sh lab $<TARGET_FILE:duality_lab>)
endif()

if(DUALITY_GATES)
    duality_gate("symbols self-test" symbols-self-test.sh "${CMAKE_CXX_COMPILER}" "${PROJECT_SOURCE_DIR}/include")
    duality_gate("headers" headers.sh "${PROJECT_SOURCE_DIR}/include" g++ clang++ PROPERTIES PROCESSORS 2)
    duality_gate("format" format.sh)
    add_test(NAME "${DUALITY_TEST_PREFIX}gate: every public symbol is documented"
        COMMAND "${PROJECT_SOURCE_DIR}/scripts/reference.py" "${PROJECT_BINARY_DIR}/reference")
    set_tests_properties("${DUALITY_TEST_PREFIX}gate: every public symbol is documented"
        PROPERTIES LABELS gate SKIP_RETURN_CODE 77 TIMEOUT 300)
    duality_gate("documents" docs.py "${PROJECT_SOURCE_DIR}/include" "${PROJECT_BINARY_DIR}" "${PROJECT_BINARY_DIR}/docs")
    duality_gate("NEON kernels equal scalar ones" neon.sh "${PROJECT_BINARY_DIR}/neon")
    duality_gate("golden vectors on arm64" cross.sh arm64 "${PROJECT_BINARY_DIR}/cross-arm64" PROPERTIES PROCESSORS 2)
    duality_gate("golden vectors on Windows" cross.sh windows "${PROJECT_BINARY_DIR}/cross-windows" PROPERTIES PROCESSORS 2)
    duality_gate("tidy" tidy.sh "${PROJECT_BINARY_DIR}/tidy" PROPERTIES PROCESSORS 2)
endif()
