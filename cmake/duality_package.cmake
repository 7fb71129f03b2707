# SPDX-License-Identifier: MIT
#
# Debian packages, by CPack: libduality0 (the shared library), libduality-dev (headers, archives, CMake and pkg-config
# files), python3-duality and duality-tools (the program). Then the tests of all kinds of packages (label `package`).
# Include last.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME duality)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_CONTACT "The DUALITY developers <duality@invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Real-time traffic over connections that glitch")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PROJECT_BINARY_DIR}")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_ALL runtime ${duality_components})

set(CPACK_COMPONENT_RUNTIME_GROUP runtime)
foreach(component IN LISTS duality_components)
    string(TOUPPER ${component} component)
    set(CPACK_COMPONENT_${component}_GROUP dev)
endforeach()
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libduality0)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libduality-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libduality0 (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_DEV_PACKAGE_SHLIBDEPS OFF)
if(TARGET duality)
    list(APPEND CPACK_COMPONENTS_ALL programs)
    set(CPACK_COMPONENT_PROGRAMS_GROUP tools)
    set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME duality-tools)
    set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION net)
endif()
if(TARGET duality_python)
    list(APPEND CPACK_COMPONENTS_ALL python)
    set(CPACK_COMPONENT_PYTHON_GROUP python)
    set(CPACK_DEBIAN_PYTHON_PACKAGE_NAME python3-duality)
    set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
    # The compiled half is for one minor version of Python.
    duality_ask_python(minor "${duality_python_python}" "import sys; print('3.%d' % sys.version_info[1])")
    duality_ask_python(next_minor "${duality_python_python}" "import sys; print('3.%d' % (sys.version_info[1] + 1))")
    set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS "python3 (>= ${minor}), python3 (<< ${next_minor}), python3-numpy (>= 1:1.24)")
    set(CPACK_DEBIAN_PYTHON_PACKAGE_RECOMMENDS python3-matplotlib)
    set(CPACK_DEBIAN_PYTHON_PACKAGE_CONTROL_EXTRA
        "${PROJECT_SOURCE_DIR}/cmake/debian/postinst" "${PROJECT_SOURCE_DIR}/cmake/debian/prerm")
endif()
include(CPack)

if(DUALITY_TESTS AND NOT DUALITY_SANITIZE)
    set(test "${DUALITY_TEST_PREFIX}package: installed, moved, used")
    add_test(NAME "${test}" COMMAND "${CMAKE_COMMAND}" "-DCOMPONENTS=${duality_components}" "-DBUILD=${PROJECT_BINARY_DIR}"
        "-DWORK=${PROJECT_BINARY_DIR}/package" "-DCOMPILER=${CMAKE_CXX_COMPILER}" "-DC_COMPILER=${CMAKE_C_COMPILER}"
        -P "${PROJECT_SOURCE_DIR}/tests/package/package_test.cmake")
    set_tests_properties("${test}" PROPERTIES LABELS package TIMEOUT 180)
endif()
if(DUALITY_TESTS AND NOT DUALITY_SANITIZE AND CMAKE_BUILD_TYPE STREQUAL "Release")
    set(test "${DUALITY_TEST_PREFIX}package: Debian packages")
    add_test(NAME "${test}" COMMAND "${PROJECT_SOURCE_DIR}/tests/package/deb_test.sh" "${PROJECT_BINARY_DIR}"
        "${PROJECT_BINARY_DIR}/deb" "${PROJECT_SOURCE_DIR}/examples/session_pair.c" "${duality_python_python}")
    set_tests_properties("${test}" PROPERTIES LABELS package TIMEOUT 120 SKIP_RETURN_CODE 77)
    set(test "${DUALITY_TEST_PREFIX}package: bill of materials")
    add_test(NAME "${test}" COMMAND "${DUALITY_PYTHON}" "${PROJECT_SOURCE_DIR}/tests/package/sbom_test.py"
        "${PROJECT_SOURCE_DIR}/scripts/sbom.py" "${PROJECT_BINARY_DIR}")
    set_tests_properties("${test}" PROPERTIES LABELS package TIMEOUT 60)
    set(test "${DUALITY_TEST_PREFIX}package: amalgamation")
    add_test(NAME "${test}" COMMAND "${PROJECT_SOURCE_DIR}/tests/package/amalgamation_test.sh"
        "${PROJECT_BINARY_DIR}/amalgamation" "${CMAKE_CXX_COMPILER}" "${CMAKE_C_COMPILER}")
    set_tests_properties("${test}" PROPERTIES LABELS package TIMEOUT 180)
    set(test "${DUALITY_TEST_PREFIX}package: versions and descriptions agree")
    add_test(NAME "${test}" COMMAND "${DUALITY_PYTHON}" "${PROJECT_SOURCE_DIR}/tests/package/descriptions_test.py"
        "${PROJECT_VERSION}" "${PROJECT_BINARY_DIR}")
    set_tests_properties("${test}" PROPERTIES LABELS package TIMEOUT 60)
    if(TARGET duality_python)
        set(test "${DUALITY_TEST_PREFIX}package: wheel")
        add_test(NAME "${test}" COMMAND "${PROJECT_SOURCE_DIR}/tests/package/wheel_test.sh" "${duality_python_python}"
            "${PROJECT_BINARY_DIR}/wheel")
        set_tests_properties("${test}" PROPERTIES LABELS package TIMEOUT 600 PROCESSORS 2 SKIP_RETURN_CODE 77)
    endif()
endif()
