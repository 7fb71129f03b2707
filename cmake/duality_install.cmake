# SPDX-License-Identifier: MIT
#
# What `cmake --install` puts in place, by component. `core` is the library for find_package(duality COMPONENTS core);
# nothing in it names the build tree, so the installed folder may be moved.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(duality_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/duality")

install(TARGETS duality_core EXPORT duality_core ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT core)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/duality" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT core
    FILES_MATCHING PATTERN "*.hpp" PATTERN "lab" EXCLUDE PATTERN "masque*" EXCLUDE)
install(EXPORT duality_core FILE duality-core-targets.cmake NAMESPACE duality::
    DESTINATION "${duality_config_dir}" COMPONENT core)

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

# pkg-config finds its way from where its file lies, so that the folder may be moved too.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig"
    OUTPUT_VARIABLE DUALITY_PC_PREFIX)
configure_file("${PROJECT_SOURCE_DIR}/cmake/duality.pc.in" duality.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/duality.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT c)

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/duality-config.cmake.in" duality-config.cmake
    INSTALL_DESTINATION "${duality_config_dir}" NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(duality-config-version.cmake COMPATIBILITY SameMinorVersion)
# Either component can be installed alone, and both need these.
foreach(component IN ITEMS core c)
    install(FILES "${PROJECT_BINARY_DIR}/duality-config.cmake" "${PROJECT_BINARY_DIR}/duality-config-version.cmake"
        DESTINATION "${duality_config_dir}" COMPONENT ${component})
endforeach()

if(TARGET duality)
    install(TARGETS duality RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT programs)
endif()
