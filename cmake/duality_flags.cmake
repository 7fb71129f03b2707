# SPDX-License-Identifier: MIT
#
# How our own code is compiled. Everything below hangs on the target `duality_flags`, which only our targets link, so
# that no user of the library and no system header ever sees it.

add_library(duality_flags INTERFACE)
target_compile_features(duality_flags INTERFACE cxx_std_20)
target_compile_options(duality_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror
    # A fused multiply-add rounds once where the source rounds twice: same inputs would give other outputs on arm64.
    -ffp-contract=off
    # GCC 12 takes a std::string sum for overlapping memory (GCC bug 105651).
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
    # In a unit of several files GCC takes all of them for headers, whose classes no other unit must see differently.
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wno-subobject-linkage>)
set(duality_no_exceptions -fno-exceptions -fno-rtti)

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE}")
endif()

if(DUALITY_SANITIZE)
    # Only the fuzz programs get libFuzzer's main(); everything else gets its coverage counters.
    string(REGEX REPLACE "fuzzer(,|$)" "fuzzer-no-link\\1" duality_sanitize "${DUALITY_SANITIZE}")
    # The check of virtual tables needs type information, which the library is built without (a std::shared_ptr made there
    # and used in a test would fail it).
    add_compile_options(-fsanitize=${duality_sanitize} -fno-sanitize=vptr -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${duality_sanitize})
endif()
