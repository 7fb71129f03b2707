# SPDX-License-Identifier: MIT
#
# Targets by convention: what a file becomes follows from the folder it lies in, and no list of files is kept by hand.

# duality_sources(<variable> <pattern>…): files matching the patterns, looked up again at every build.
macro(duality_sources variable)
    file(GLOB ${variable} CONFIGURE_DEPENDS ${ARGN})
endmacro()

# duality_library(<name> SOURCES <folder of src/>… [LINK <target>…] [EXCEPTIONS]): static library duality_<name>, alias
# duality::<name>. Without a source file it is a library of headers. EXCEPTIONS is for the edges only, where
# third-party libraries throw.
function(duality_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "EXCEPTIONS" "" "SOURCES;LINK")
    list(TRANSFORM arg_SOURCES REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/src/\\1/*.cpp" OUTPUT_VARIABLE patterns)
    duality_sources(sources ${patterns})
    set(target duality_${name})
    if(sources)
        add_library(${target} STATIC ${sources})
        set(scope PUBLIC)
        target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:duality_flags>)
        target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/src")
        if(NOT arg_EXCEPTIONS)
            target_compile_options(${target} PRIVATE ${duality_no_exceptions})
        endif()
    else()
        add_library(${target} INTERFACE)
        set(scope INTERFACE)
    endif()
    add_library(duality::${name} ALIAS ${target})
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
    target_compile_features(${target} ${scope} cxx_std_20)
    target_include_directories(${target} ${scope}
        "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:include>")
    target_link_libraries(${target} ${scope} ${arg_LINK})
endfunction()

# duality_program(<name> SOURCES <file>… [LINK <target>…]): one executable of our own code.
function(duality_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
    add_executable(${name} ${arg_SOURCES})
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/tests")
    target_link_libraries(${name} PRIVATE duality_flags ${arg_LINK})
endfunction()
