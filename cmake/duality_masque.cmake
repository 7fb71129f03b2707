# SPDX-License-Identifier: MIT
#
# MASQUE in two libraries. Include after duality_targets.
#
#   duality_http    (duality::http)    what CONNECT-UDP needs of HTTP; pure parsing, no dependency
#   duality_masque  (duality::masque)  QUIC and HTTP/3 endpoints, when ngtcp2, nghttp3 and a TLS library are there

duality_library(http SOURCES masque/http LINK duality_core)

set(DUALITY_MASQUE AUTO CACHE STRING "QUIC and HTTP/3 endpoints: ON, OFF, or AUTO to build them when possible")
set_property(CACHE DUALITY_MASQUE PROPERTY STRINGS AUTO ON OFF)

# Sets <variable> to why the endpoints cannot be built, or to nothing.
function(duality_masque_obstacle variable)
    set(${variable} "" PARENT_SCOPE)
    find_package(PkgConfig QUIET)
    if(NOT PKG_CONFIG_FOUND)
        set(${variable} "pkg-config is missing" PARENT_SCOPE)
        return()
    endif()
    foreach(module IN ITEMS libngtcp2>=1.11 libnghttp3>=1.8 libngtcp2_crypto_gnutls>=1.11 gnutls>=3.7.5)
        string(REGEX REPLACE ">=.*" "" name "${module}")
        pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${module})
        if(NOT ${name}_FOUND)
            set(${variable} "${module} is missing" PARENT_SCOPE)
            return()
        endif()
    endforeach()
endfunction()

if(DUALITY_MASQUE STREQUAL "OFF")
    message(STATUS "MASQUE endpoints: off, as wanted")
else()
    duality_masque_obstacle(duality_masque_missing)
    if(NOT duality_masque_missing)
        message(STATUS "MASQUE endpoints: on, TLS by GnuTLS ${gnutls_VERSION}")
        duality_library(masque SOURCES masque masque/gnutls LINK duality_http
            PkgConfig::libngtcp2_crypto_gnutls PkgConfig::libngtcp2 PkgConfig::libnghttp3 PkgConfig::gnutls)
    elseif(DUALITY_MASQUE STREQUAL "ON")
        message(FATAL_ERROR "MASQUE endpoints: ${duality_masque_missing}; scripts/install-deps installs what is needed")
    else()
        message(STATUS "MASQUE endpoints: off, ${duality_masque_missing}")
    endif()
endif()
