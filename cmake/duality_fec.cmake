# SPDX-License-Identifier: MIT
#
# The libfec backend of parity: library duality_fec, alias duality::fec, when libfec is there. Include after
# duality_targets.

find_path(DUALITY_FEC_INCLUDE fec.h)
find_library(DUALITY_FEC_LIBRARY fec)
if(DUALITY_FEC_INCLUDE AND DUALITY_FEC_LIBRARY)
    duality_library(fec SOURCES parity/fec LINK duality_core ${DUALITY_FEC_LIBRARY})
    target_include_directories(duality_fec SYSTEM PRIVATE "${DUALITY_FEC_INCLUDE}")
    target_compile_definitions(duality_fec INTERFACE DUALITY_LIBFEC)
endif()
