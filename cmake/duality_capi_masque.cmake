# SPDX-License-Identifier: MIT
#
# The C interface of the MASQUE client, in a shared library of its own (duality::c_masque, libduality-masque.so.0.1), so that
# libduality needs no library of others. Include after duality_capi.

configure_file(capi/masque.h "${duality_capi_include}/duality/masque.h" COPYONLY)
duality_sources(duality_capi_masque_sources "${PROJECT_SOURCE_DIR}/capi/masque/*.cpp")
add_library(duality_c_masque SHARED ${duality_capi_masque_sources} capi/handles.cpp capi/objects.cpp)
target_link_libraries(duality_c_masque PRIVATE duality_flags $<BUILD_INTERFACE:duality_masque>)
target_include_directories(duality_c_masque PRIVATE "${PROJECT_SOURCE_DIR}/capi"
    PUBLIC "$<BUILD_INTERFACE:${duality_capi_include}>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
target_compile_options(duality_c_masque PRIVATE ${duality_no_exceptions})
target_compile_definitions(duality_c_masque PRIVATE DUALITY_MASQUE_BUILD)
set_target_properties(duality_c_masque PROPERTIES OUTPUT_NAME duality-masque EXPORT_NAME c_masque
    VERSION "${PROJECT_VERSION}" SOVERSION "${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
if(APPLE)
    set(script "${PROJECT_SOURCE_DIR}/capi/masque/masque.exports")
    target_link_options(duality_c_masque PRIVATE "LINKER:-exported_symbols_list,${script}")
elseif(NOT WIN32)
    set(script "${PROJECT_SOURCE_DIR}/capi/masque/masque.map")
    target_link_options(duality_c_masque PRIVATE "LINKER:--version-script=${script}")
    if(NOT DUALITY_SANITIZE)
        target_link_options(duality_c_masque PRIVATE LINKER:--no-undefined)
    endif()
endif()
if(NOT WIN32)
    set_target_properties(duality_c_masque PROPERTIES LINK_DEPENDS "${script}")
endif()
add_library(duality::c_masque ALIAS duality_c_masque)
