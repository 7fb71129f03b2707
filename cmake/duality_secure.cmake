# SPDX-License-Identifier: MIT
#
# Secure datagrams: library duality_secure, alias duality::secure, when OpenSSL's libcrypto is there. Include after
# duality_targets.

find_package(OpenSSL 3.0 QUIET COMPONENTS Crypto)
if(TARGET OpenSSL::Crypto)
    duality_library(secure SOURCES secure LINK duality_core OpenSSL::Crypto)
endif()
