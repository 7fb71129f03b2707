# SPDX-License-Identifier: MIT
#
# The C interface: duality::c, the shared library (libduality.so.0.1), and duality::c_static, an archive that needs
# nothing but the C++ runtime beside it. Include after duality_targets.

duality_sources(duality_capi_sources "${PROJECT_SOURCE_DIR}/capi/*.cpp")
set(duality_capi_include "${PROJECT_BINARY_DIR}/capi/include")
configure_file(capi/duality.h "${duality_capi_include}/duality/duality.h" COPYONLY)

add_library(duality_c_objects OBJECT ${duality_capi_sources})
target_link_libraries(duality_c_objects PRIVATE duality_flags duality_core duality_lab)
target_include_directories(duality_c_objects PRIVATE "${PROJECT_SOURCE_DIR}/capi")
target_compile_options(duality_c_objects PRIVATE ${duality_no_exceptions})
target_compile_definitions(duality_c_objects PRIVATE DUALITY_BUILD DUALITY_VERSION_STRING="${PROJECT_VERSION}")

# What the shared library exports is known when it is linked: optimised as a whole, by a compiler that may inline all else,
# it carries a packet faster than the archives do, and is smaller.
include(CheckIPOSupported)
set(whole OFF)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT CMAKE_CROSSCOMPILING
        AND NOT DUALITY_SANITIZE)
    check_ipo_supported(RESULT whole OUTPUT reason LANGUAGES CXX)
endif()
option(DUALITY_C_LTO "Optimise the shared C library as a whole, at link time" ${whole})
if(DUALITY_C_LTO)
    # Objects of its own: those in the archives must suit whatever compiler links them.
    duality_sources(duality_c_whole "${PROJECT_SOURCE_DIR}/src/core/*.cpp" "${PROJECT_SOURCE_DIR}/src/parity/*.cpp"
        "${PROJECT_SOURCE_DIR}/src/lab/*.cpp")
    add_library(duality_c SHARED ${duality_capi_sources} ${duality_c_whole})
    target_link_libraries(duality_c PRIVATE $<BUILD_INTERFACE:duality_flags>)
    target_include_directories(duality_c PRIVATE
        "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/capi")
    target_compile_options(duality_c PRIVATE ${duality_no_exceptions} -Wno-subobject-linkage)
    # GCC 12 takes a std::string that grows for one that has no end.
    target_link_options(duality_c PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>)
    target_compile_definitions(duality_c PRIVATE DUALITY_BUILD DUALITY_VERSION_STRING="${PROJECT_VERSION}")
    set_target_properties(duality_c PROPERTIES INTERPROCEDURAL_OPTIMIZATION ON UNITY_BUILD ON)
else()
    add_library(duality_c SHARED $<TARGET_OBJECTS:duality_c_objects>)
    target_link_libraries(duality_c PRIVATE $<BUILD_INTERFACE:duality_core> $<BUILD_INTERFACE:duality_lab>)
endif()
# Before 1.0 a minor version may change the interface.
set_target_properties(duality_c PROPERTIES OUTPUT_NAME duality EXPORT_NAME c LINKER_LANGUAGE CXX
    VERSION "${PROJECT_VERSION}" SOVERSION "${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
if(APPLE)
    set(script "${PROJECT_SOURCE_DIR}/capi/duality.exports")
    target_link_options(duality_c PRIVATE "LINKER:-exported_symbols_list,${script}")
elseif(NOT WIN32)
    set(script "${PROJECT_SOURCE_DIR}/capi/duality.map")
    target_link_options(duality_c PRIVATE "LINKER:--version-script=${script}")
    if(NOT DUALITY_SANITIZE)
        target_link_options(duality_c PRIVATE LINKER:--no-undefined)
    endif()
endif()
if(NOT WIN32)
    set_target_properties(duality_c PROPERTIES LINK_DEPENDS "${script}")
endif()

add_library(duality_c_static STATIC
    $<TARGET_OBJECTS:duality_c_objects> $<TARGET_OBJECTS:duality_core> $<TARGET_OBJECTS:duality_lab>)
set_target_properties(duality_c_static PROPERTIES OUTPUT_NAME duality$<$<BOOL:${WIN32}>:_static>
    EXPORT_NAME c_static LINKER_LANGUAGE CXX)
target_compile_definitions(duality_c_static INTERFACE DUALITY_STATIC)

foreach(target IN ITEMS duality_c duality_c_static)
    target_include_directories(${target} INTERFACE
        "$<BUILD_INTERFACE:${duality_capi_include}>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
endforeach()
add_library(duality::c ALIAS duality_c)
add_library(duality::c_static ALIAS duality_c_static)
