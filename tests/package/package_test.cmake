# SPDX-License-Identifier: MIT
#
# Installs the component `core`, moves it somewhere else, and builds and runs a program against it there.
#
#   cmake -DBUILD=<build folder> -DWORK=<scratch folder> -DCOMPILER=<c++> -P package_test.cmake

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE "${WORK}")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/installed" --component core)
file(RENAME "${WORK}/installed" "${WORK}/moved here")

# Nothing installed may remember where it was built or first installed.
file(GLOB_RECURSE files "${WORK}/moved here/*.cmake" "${WORK}/moved here/*.hpp")
if(NOT files)
    message(FATAL_ERROR "nothing was installed")
endif()
foreach(file IN LISTS files)
    file(READ "${file}" text)
    foreach(path IN ITEMS "${BUILD}" "${WORK}" "${CMAKE_CURRENT_LIST_DIR}")
        string(FIND "${text}" "${path}" at)
        if(NOT at EQUAL -1)
            message(FATAL_ERROR "${file} names ${path}")
        endif()
    endforeach()
endforeach()

run("${CMAKE_COMMAND}" -G Ninja -S "${CMAKE_CURRENT_LIST_DIR}" -B "${WORK}/build"
    "-DCMAKE_CXX_COMPILER=${COMPILER}" -DCMAKE_BUILD_TYPE=Release "-DCMAKE_PREFIX_PATH=${WORK}/moved here")
run("${CMAKE_COMMAND}" --build "${WORK}/build")
run("${WORK}/build/consumer")
