# SPDX-License-Identifier: MIT
#
# bench_playout compares players of voice on recorded and simulated paths; WebRTC's NetEQ takes part where Debian's
# libtgowt-dev is installed. Of that archive only NetEQ is linked, so of its many dependencies only Abseil is needed.

target_link_libraries(bench_playout PRIVATE duality_io)
find_path(TGOWT_INCLUDE api/neteq/neteq.h PATH_SUFFIXES tg_owt)
find_library(TGOWT_LIBRARY tg_owt)
find_package(absl QUIET)
if(TGOWT_INCLUDE AND TGOWT_LIBRARY AND absl_FOUND)
    add_library(duality_bench_neteq STATIC bench/peers/neteq_player.cpp)
    target_compile_features(duality_bench_neteq PRIVATE cxx_std_20)
    target_include_directories(duality_bench_neteq PRIVATE "${PROJECT_SOURCE_DIR}/bench")
    target_include_directories(duality_bench_neteq SYSTEM PRIVATE "${TGOWT_INCLUDE}")
    target_compile_definitions(duality_bench_neteq PRIVATE WEBRTC_POSIX WEBRTC_LINUX)
    target_link_libraries(duality_bench_neteq PRIVATE
        duality_flags "${TGOWT_LIBRARY}" absl::strings absl::throw_delegate absl::bad_optional_access)
    target_link_libraries(bench_playout PRIVATE duality_bench_neteq)
    target_compile_definitions(bench_playout PRIVATE DUALITY_BENCH_NETEQ)
endif()
