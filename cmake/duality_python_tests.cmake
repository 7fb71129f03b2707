# SPDX-License-Identifier: MIT
#
# Tests of the Python package (label `python`): bindings/python/tests/test_<name>.py, one CTest test each, with pytest.

duality_ask_python(pytest "${duality_python_python}" "import pytest, hypothesis; print(pytest.__version__)")
if(NOT pytest)
    message(STATUS "Python module: its tests are left out, there is no python3-pytest or no python3-hypothesis")
    return()
endif()
set(duality_python_environment "PYTHONPATH=${duality_python_path}" "PYTHONDONTWRITEBYTECODE=1" "HYPOTHESIS_STORAGE_DIRECTORY=${PROJECT_BINARY_DIR}/hypothesis"
    "MPLBACKEND=Agg"
    "DUALITY_PROGRAM=$<TARGET_FILE:$<IF:$<TARGET_EXISTS:duality>,duality,duality_python>>" ${duality_test_environment})
duality_sources(duality_python_test_files "${duality_python_source}/tests/test_*.py")
foreach(file IN LISTS duality_python_test_files)
    cmake_path(GET file STEM name)
    string(REGEX REPLACE "^test_" "" name "${name}")
    set(test "${DUALITY_TEST_PREFIX}python: ${name}")
    add_test(NAME "${test}" COMMAND "${duality_python_python}" -m pytest -q -p no:cacheprovider "${file}")
    set_tests_properties("${test}" PROPERTIES LABELS python TIMEOUT 120 ENVIRONMENT "${duality_python_environment}")
endforeach()
