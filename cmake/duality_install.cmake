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

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/duality-config.cmake.in" duality-config.cmake
    INSTALL_DESTINATION "${duality_config_dir}" NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(duality-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/duality-config.cmake" "${PROJECT_BINARY_DIR}/duality-config-version.cmake"
    DESTINATION "${duality_config_dir}" COMPONENT core)

if(TARGET duality)
    install(TARGETS duality RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT programs)
endif()
