# SPDX-License-Identifier: MIT
#
# What `cmake --install` puts in place, by component: `core`, `lab`, `secure` (with OpenSSL) and `masque` (with ngtcp2 and
# nghttp3) are libraries for find_package(duality COMPONENTS …). Nothing in them names the build tree, so the installed
# folder may be moved.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(duality_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/duality")

# duality_install_library(<component> <target>…): archives, their targets, and headers; MASQUE's and the lab's apart.
function(duality_install_library component)
    install(TARGETS ${ARGN} EXPORT duality_${component}
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT ${component})
    install(EXPORT duality_${component} FILE duality-${component}-targets.cmake NAMESPACE duality::
        DESTINATION "${duality_config_dir}" COMPONENT ${component})
endfunction()

duality_install_library(core duality_core)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/duality" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT core
    FILES_MATCHING PATTERN "*.hpp" PATTERN "lab" EXCLUDE PATTERN "masque*" EXCLUDE)
duality_install_library(lab duality_lab)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/duality/lab" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/duality"
    COMPONENT lab)
set(duality_components core lab c)
if(TARGET duality_secure)
    duality_install_library(secure duality_secure)
    list(APPEND duality_components secure)
endif()

# Sets <variable> to the pkg-config modules that a target is linked with.
function(duality_modules_of variable target)
    get_target_property(links ${target} INTERFACE_LINK_LIBRARIES)
    list(FILTER links INCLUDE REGEX "PkgConfig::")
    list(TRANSFORM links REPLACE ".*PkgConfig::([A-Za-z0-9_+.-]+).*" "\\1")
    set(${variable} "${links}" PARENT_SCOPE)
endfunction()
if(TARGET duality_masque)
    duality_install_library(masque duality_masque duality_http)
    install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/duality/masque" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/duality"
        COMPONENT masque)
    install(FILES "${PROJECT_SOURCE_DIR}/include/duality/masque.hpp" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/duality"
        COMPONENT masque)
    list(APPEND duality_components masque)
    duality_modules_of(duality_masque_modules duality_masque)
endif()

# `c` is the C interface: header, the link to the shared library, and the archive that needs no other library of ours;
# the shared library itself, which is all that a program needs to run, is `runtime`.
foreach(target IN ITEMS duality_c duality_c_static)
    install(TARGETS ${target} EXPORT ${target}
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime NAMELINK_COMPONENT c
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT c
        RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT runtime)
    string(REPLACE "duality_" "" name ${target})
    install(EXPORT ${target} FILE duality-${name}-targets.cmake NAMESPACE duality::
        DESTINATION "${duality_config_dir}" COMPONENT c)
endforeach()
install(FILES "${PROJECT_SOURCE_DIR}/capi/duality.h" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/duality" COMPONENT c)

if(TARGET duality_c_masque)
    # The MASQUE client in C is a library that needs others; who does not want it need not have those.
    install(TARGETS duality_c_masque EXPORT duality_c_masque
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT masque_runtime NAMELINK_COMPONENT c_masque
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT c_masque
        RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT masque_runtime)
    install(EXPORT duality_c_masque FILE duality-c_masque-targets.cmake NAMESPACE duality::
        DESTINATION "${duality_config_dir}" COMPONENT c_masque)
    install(FILES "${PROJECT_SOURCE_DIR}/capi/masque.h" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/duality"
        COMPONENT c_masque)
    list(APPEND duality_components c_masque)
endif()

# pkg-config finds its way from where its file lies, so that the folder may be moved too.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig"
    OUTPUT_VARIABLE DUALITY_PC_PREFIX)
configure_file("${PROJECT_SOURCE_DIR}/cmake/duality.pc.in" duality.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/duality.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT c)
if(TARGET duality_c_masque)
    configure_file("${PROJECT_SOURCE_DIR}/cmake/duality-masque.pc.in" duality-masque.pc @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/duality-masque.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
        COMPONENT c_masque)
endif()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/duality-config.cmake.in" duality-config.cmake
    INSTALL_DESTINATION "${duality_config_dir}" NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(duality-config-version.cmake COMPATIBILITY SameMinorVersion)
# Each component can be installed alone, and needs these.
foreach(component IN LISTS duality_components)
    install(FILES "${PROJECT_BINARY_DIR}/duality-config.cmake" "${PROJECT_BINARY_DIR}/duality-config-version.cmake"
        DESTINATION "${duality_config_dir}" COMPONENT ${component})
endforeach()

if(TARGET duality)
    install(TARGETS duality RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT programs)
endif()
