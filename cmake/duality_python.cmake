# SPDX-License-Identifier: MIT
#
# The Python package duality: bindings/python/, in the build at python/duality. Built with a Python that has its headers,
# NumPy and pybind11; without one the build says what is missing and goes on. Include after duality_targets.
#
# Distributions put NumPy and pybind11 beside their own Python, so that one is tried before the first on PATH;
# -DDUALITY_PYTHON_INTERPRETER=FILE chooses another.

set(DUALITY_PYTHON_INTERPRETER "" CACHE FILEPATH "Python to build the module for; empty: /usr/bin/python3, then PATH")
option(DUALITY_PYTHON_REQUIRED "Fail when the Python module cannot be built" OFF)

# What `command` prints, in an interpreter; empty when it fails.
function(duality_ask_python variable interpreter command)
    execute_process(COMMAND "${interpreter}" -c "${command}" OUTPUT_VARIABLE answer RESULT_VARIABLE code ERROR_QUIET
        OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT code EQUAL 0)
        set(answer "")
    endif()
    set(${variable} "${answer}" PARENT_SCOPE)
endfunction()

function(duality_find_python)
    set(candidates "${DUALITY_PYTHON_INTERPRETER}")
    if(NOT candidates)
        # scikit-build-core asks for the Python that pip runs with.
        if(SKBUILD)
            set(candidates "${Python_EXECUTABLE}")
        else()
            find_program(on_path python3 NO_CACHE)
            set(candidates /usr/bin/python3 "${on_path}")
        endif()
    endif()
    list(REMOVE_DUPLICATES candidates)
    set(reasons "")
    foreach(python IN LISTS candidates)
        duality_ask_python(include "${python}" "import sysconfig; print(sysconfig.get_paths()['include'])")
        duality_ask_python(suffix "${python}" "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))")
        duality_ask_python(numpy "${python}" "import numpy; print(numpy.__version__)")
        duality_ask_python(pybind11 "${python}" "import pybind11; print(pybind11.get_include())")
        duality_ask_python(place "${python}" "import sys, sysconfig; print('lib/python3/dist-packages'
            if 'deb_system' in sysconfig.get_scheme_names() else 'lib/python%d.%d/site-packages' % sys.version_info[:2])")
        set(missing "")
        if(NOT EXISTS "${python}")
            set(missing " nothing there")
        elseif(NOT EXISTS "${include}/Python.h")
            string(APPEND missing " its headers (python3-dev)")
        endif()
        if(EXISTS "${python}" AND NOT numpy)
            string(APPEND missing " NumPy (python3-numpy)")
        endif()
        if(EXISTS "${python}" AND NOT EXISTS "${pybind11}/pybind11/pybind11.h")
            string(APPEND missing " pybind11 (python3-pybind11)")
        endif()
        if(NOT missing)
            message(STATUS "Python module: for ${python} with NumPy ${numpy}")
            foreach(name IN ITEMS python include suffix pybind11 place)
                set(duality_python_${name} "${${name}}" PARENT_SCOPE)
            endforeach()
            return()
        endif()
        string(APPEND reasons "\n  ${python} lacks:${missing}")
    endforeach()
    if(DUALITY_PYTHON_REQUIRED)
        message(FATAL_ERROR "Python module cannot be built:${reasons}")
    endif()
    message(STATUS "Python module: not built:${reasons}")
endfunction()

duality_find_python()
if(NOT duality_python_python)
    return()
endif()

set(duality_python_source "${PROJECT_SOURCE_DIR}/bindings/python")
set(duality_python_path "${PROJECT_BINARY_DIR}/python")
duality_sources(sources "${duality_python_source}/src/*.cpp")
add_library(duality_python MODULE ${sources})
target_link_libraries(duality_python PRIVATE duality_flags duality_core duality_lab)
target_include_directories(duality_python SYSTEM PRIVATE "${duality_python_include}" "${duality_python_pybind11}")
target_compile_definitions(duality_python PRIVATE DUALITY_VERSION_STRING="${PROJECT_VERSION}")
# All files instantiate the same templates of pybind11: one unit takes a third of the time of many.
set_target_properties(duality_python PROPERTIES UNITY_BUILD ON OUTPUT_NAME _duality PREFIX "" SUFFIX "${duality_python_suffix}"
    LIBRARY_OUTPUT_DIRECTORY "${duality_python_path}/duality")
if(APPLE)
    target_link_options(duality_python PRIVATE -undefined dynamic_lookup)
endif()

# Beside the compiled half the other one, so that PYTHONPATH=<build>/python is all that a program needs.
duality_sources(duality_python_files
    "${duality_python_source}/duality/*.py" "${duality_python_source}/duality/*.pyi" "${duality_python_source}/duality/py.typed")
foreach(file IN LISTS duality_python_files)
    cmake_path(GET file FILENAME name)
    file(CREATE_LINK "${file}" "${duality_python_path}/duality/${name}" COPY_ON_ERROR SYMBOLIC)
endforeach()

if(SKBUILD)
    set(place duality)
else()
    set(DUALITY_PYTHON_INSTALL_DIR "${duality_python_place}" CACHE STRING
        "Where the Python package is installed, below the prefix")
    set(place "${DUALITY_PYTHON_INSTALL_DIR}/duality")
endif()
install(TARGETS duality_python LIBRARY DESTINATION "${place}" COMPONENT python)
install(FILES ${duality_python_files} DESTINATION "${place}" COMPONENT python)
