# SPDX-License-Identifier: MIT
#
# MASQUE in two libraries. Include after duality_targets.
#
#   duality_http    (duality::http)    what CONNECT-UDP needs of HTTP; pure parsing, no dependency
#   duality_masque  (duality::masque)  QUIC and HTTP/3 endpoints, when ngtcp2, nghttp3 and a TLS library are there

duality_library(http SOURCES masque/http LINK duality_core)

set(DUALITY_MASQUE AUTO CACHE STRING "QUIC and HTTP/3 endpoints: ON, OFF, or AUTO to build them when possible")
set_property(CACHE DUALITY_MASQUE PROPERTY STRINGS AUTO ON OFF)
set(DUALITY_TLS AUTO CACHE STRING "TLS of the endpoints: OpenSSL (3.5 or later), GnuTLS, or AUTO: the first of them that is there")
set_property(CACHE DUALITY_TLS PROPERTY STRINGS AUTO OpenSSL GnuTLS)

set(duality_tls_modules_OpenSSL libngtcp2_crypto_ossl>=1.12 openssl>=3.5)
set(duality_tls_modules_GnuTLS libngtcp2_crypto_gnutls>=1.11 gnutls>=3.7.5)

# Sets <variable> to the first of the pkg-config modules that is missing, or to nothing.
function(duality_missing_module variable)
    set(${variable} "" PARENT_SCOPE)
    foreach(module IN LISTS ARGN)
        string(REGEX REPLACE ">=.*" "" name "${module}")
        pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${module})
        if(NOT ${name}_FOUND)
            set(${variable} "${module}" PARENT_SCOPE)
            return()
        endif()
    endforeach()
endfunction()

# Sets <library> to the TLS library to build with, or <obstacle> to why the endpoints cannot be built.
function(duality_masque_tls library obstacle)
    set(${library} "" PARENT_SCOPE)
    find_package(PkgConfig QUIET)
    if(NOT PKG_CONFIG_FOUND)
        set(${obstacle} "pkg-config is missing" PARENT_SCOPE)
        return()
    endif()
    duality_missing_module(missing libngtcp2>=1.11 libnghttp3>=1.8)
    set(wanted OpenSSL GnuTLS)
    if(NOT DUALITY_TLS STREQUAL "AUTO")
        set(wanted "${DUALITY_TLS}")
    endif()
    if(NOT missing)
        foreach(candidate IN LISTS wanted)
            duality_missing_module(missing ${duality_tls_modules_${candidate}})
            if(NOT missing)
                set(${library} "${candidate}" PARENT_SCOPE)
                return()
            endif()
        endforeach()
    endif()
    set(${obstacle} "${missing} is missing" PARENT_SCOPE)
endfunction()

if(NOT DUALITY_TLS MATCHES "^(AUTO|OpenSSL|GnuTLS)$")
    message(FATAL_ERROR "DUALITY_TLS is '${DUALITY_TLS}'; it must be AUTO, OpenSSL or GnuTLS")
elseif(DUALITY_MASQUE STREQUAL "OFF")
    message(STATUS "MASQUE endpoints: off, as wanted")
else()
    duality_masque_tls(duality_tls duality_masque_missing)
    if(duality_tls STREQUAL "OpenSSL")
        message(STATUS "MASQUE endpoints: on, TLS by OpenSSL ${openssl_VERSION}")
        duality_library(masque SOURCES masque masque/openssl LINK duality_http
            PkgConfig::libngtcp2_crypto_ossl PkgConfig::libngtcp2 PkgConfig::libnghttp3 PkgConfig::openssl)
    elseif(duality_tls STREQUAL "GnuTLS")
        message(STATUS "MASQUE endpoints: on, TLS by GnuTLS ${gnutls_VERSION}")
        duality_library(masque SOURCES masque masque/gnutls LINK duality_http
            PkgConfig::libngtcp2_crypto_gnutls PkgConfig::libngtcp2 PkgConfig::libnghttp3 PkgConfig::gnutls)
    elseif(DUALITY_MASQUE STREQUAL "ON")
        message(FATAL_ERROR "MASQUE endpoints: ${duality_masque_missing}; scripts/install-deps installs what is needed")
    else()
        message(STATUS "MASQUE endpoints: off, ${duality_masque_missing}")
    endif()
endif()
