// SPDX-License-Identifier: MIT
//
// Puts the system's copy of Chart.js into the program, so that a report needs neither a network nor a file beside it.
#include "cli/chart_library.hpp"

#ifndef DUALITY_CHART_JS
#define DUALITY_CHART_JS "/usr/share/javascript/chart.js/chart.min.js"
#endif

#if !__has_include(DUALITY_CHART_JS)
#error "Chart.js is missing; scripts/install-deps installs everything this build needs (here: libjs-chart.js)"
#endif

asm(".pushsection .rodata\n"
    ".hidden duality_chart_js\n"
    ".globl duality_chart_js\n"
    "duality_chart_js:\n"
    ".incbin \"" DUALITY_CHART_JS
    "\"\n"
    ".hidden duality_chart_js_end\n"
    ".globl duality_chart_js_end\n"
    "duality_chart_js_end:\n"
    ".popsection\n");

extern "C" {
extern const char duality_chart_js[];
extern const char duality_chart_js_end[];
}

namespace duality {
inline namespace v0 {
namespace cli {

std::string_view chart_library() noexcept {
    return {duality_chart_js, static_cast<std::size_t>(duality_chart_js_end - duality_chart_js)};
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
