# SPDX-License-Identifier: MIT
#
# Installs every component there is but Python and the programs, moves them somewhere else, and builds and runs programs against them there: C++,
# C, with the shared library and with the archive, by CMake and by pkg-config, and Rust where cargo is.
#
#   cmake -DCOMPONENTS=<list> -DBUILD=<build folder> -DWORK=<scratch folder> -DCOMPILER=<c++> -DC_COMPILER=<cc> -P package_test.cmake

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE "${WORK}")
if(";${COMPONENTS};" MATCHES ";c_masque;")
    set(runtimes runtime masque_runtime)
else()
    set(runtimes runtime)
endif()
foreach(component IN ITEMS ${COMPONENTS} ${runtimes})
    run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/installed" --component ${component})
endforeach()
set(there "${WORK}/moved here")
file(RENAME "${WORK}/installed" "${there}")
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH tests)
cmake_path(GET tests PARENT_PATH root)
set(examples "${root}/examples")

set(more ${COMPONENTS})
list(FILTER more INCLUDE REGEX "^(masque|secure|c_masque)$")
list(JOIN more "," more_joined)

# Nothing installed may remember where it was built or first installed.
file(GLOB_RECURSE files "${there}/*.cmake" "${there}/*.hpp" "${there}/*.h" "${there}/*.pc")
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

run("${CMAKE_COMMAND}" -G Ninja -S "${CMAKE_CURRENT_LIST_DIR}" -B "${WORK}/build" "-DEXAMPLES=${examples}"
    "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_C_COMPILER=${C_COMPILER}" -DCMAKE_BUILD_TYPE=Release
    "-DCMAKE_PREFIX_PATH=${there}" "-DMORE=${more_joined}")
run("${CMAKE_COMMAND}" --build "${WORK}/build")
set(consumers consumer)
foreach(component IN LISTS more)
    list(APPEND consumers ${component}_consumer)
endforeach()
foreach(program IN ITEMS ${consumers} game_state c_consumer c_static_consumer)
    run("${WORK}/build/${program}")
endforeach()
run("${CMAKE_COMMAND}" -G Ninja -S "${examples}/cmake" -B "${WORK}/game" "-DCMAKE_CXX_COMPILER=${COMPILER}"
    -DCMAKE_BUILD_TYPE=Release "-DCMAKE_PREFIX_PATH=${there}")
run("${CMAKE_COMMAND}" --build "${WORK}/game")
run("${WORK}/game/game")

# By hand, as in a makefile. pkg-config writes spaces in paths the way a shell reads them.
file(GLOB_RECURSE pc "${there}/duality.pc")
cmake_path(GET pc PARENT_PATH pc)
cmake_path(GET pc PARENT_PATH lib)
set(ENV{PKG_CONFIG_PATH} "${pc}")
set(shell sh -ec)
run(${shell} "eval \"$0\" -std=c99 -o \"$1/by_hand\" \"$2\" $(pkg-config --cflags --libs duality)"
    "${C_COMPILER}" "${WORK}" "${examples}/session_pair.c")
run("${CMAKE_COMMAND}" -E env "LD_LIBRARY_PATH=${lib}" "${WORK}/by_hand")
file(MAKE_DIRECTORY "${WORK}/only the archive")
file(COPY "${lib}/libduality.a" DESTINATION "${WORK}/only the archive")
run(${shell} "eval \"$0\" -std=c99 -DDUALITY_STATIC -o \"$1/by_hand_static\" \"$2\" -L\\\"$1/only the archive\\\" \
$(pkg-config --cflags-only-I --libs-only-l --static duality)"
    "${C_COMPILER}" "${WORK}" "${examples}/session_pair.c")
run("${WORK}/by_hand_static")

find_program(CARGO cargo)
if(CARGO)
    run("${CMAKE_COMMAND}" -E env --unset=DUALITY_LIB_DIR CARGO_NET_OFFLINE=true "CARGO_TARGET_DIR=${WORK}/rust"
        "${CARGO}" run --quiet --manifest-path "${examples}/rust/Cargo.toml")
else()
    message(STATUS "cargo is missing: no Rust program was built against the installed library")
endif()
