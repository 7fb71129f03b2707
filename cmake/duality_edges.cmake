# SPDX-License-Identifier: MIT
#
# The edges: the only targets with real time, real I/O and third-party libraries.

find_package(PkgConfig)
if(NOT PKG_CONFIG_FOUND)
    message(FATAL_ERROR "pkg-config is missing; scripts/install-deps installs everything this build needs")
endif()

# duality_dependency(<pkg-config module>): imported target PkgConfig::<module> with system include paths.
function(duality_dependency module)
    pkg_check_modules(${module} QUIET IMPORTED_TARGET GLOBAL ${module})
    if(NOT ${module}_FOUND)
        message(FATAL_ERROR "${module} is missing; scripts/install-deps installs everything this build needs, "
            "-DDUALITY_EDGES=OFF builds the library alone")
    endif()
endfunction()

foreach(module IN ITEMS libuv zlib opus sndfile CLI11 nlohmann_json)
    duality_dependency(${module})
endforeach()

if(NOT TARGET duality_secure)
    message(FATAL_ERROR "libcrypto (OpenSSL 3) is missing; scripts/install-deps installs everything this build needs, "
        "-DDUALITY_EDGES=OFF builds the library alone")
endif()

duality_library(io SOURCES io EXCEPTIONS
    LINK duality_lab duality_secure PkgConfig::libuv PkgConfig::zlib PkgConfig::opus PkgConfig::sndfile)

# Campaigns over the lab, and runs of it as files.
duality_library(campaign SOURCES campaign EXCEPTIONS LINK duality_lab PkgConfig::nlohmann_json)

# Relay and tunnel on real sockets, where the endpoints are.
if(TARGET duality_masque)
    duality_dependency(cpp-httplib)
    duality_library(relay SOURCES relay EXCEPTIONS
        LINK duality_io duality_masque PkgConfig::nlohmann_json PkgConfig::cpp-httplib)
    set(duality_cli_masque "${PROJECT_SOURCE_DIR}/src/cli/masque/*.cpp")
endif()

# Experiments that compare lab and live network, and the soak.
duality_library(live SOURCES live EXCEPTIONS LINK duality_io PkgConfig::nlohmann_json)

duality_sources(sources "${PROJECT_SOURCE_DIR}/src/cli/*.cpp" ${duality_cli_masque})
if(sources)
    duality_program(duality SOURCES ${sources}
        LINK duality_live duality_campaign PkgConfig::CLI11 PkgConfig::nlohmann_json)
    set_source_files_properties("${PROJECT_SOURCE_DIR}/src/cli/main.cpp" PROPERTIES
        COMPILE_DEFINITIONS "DUALITY_VERSION_STRING=\"${PROJECT_VERSION}\"")
    if(TARGET duality_relay)
        target_link_libraries(duality PRIVATE duality_relay)
        target_compile_definitions(duality PRIVATE DUALITY_MASQUE)
    endif()
    # Options and JSON are templates that take long to optimise and no time to run; the work is done in the libraries.
    target_compile_options(duality PRIVATE $<$<CONFIG:Release>:-O1>)
endif()
