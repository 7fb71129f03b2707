// SPDX-License-Identifier: MIT
//
// Runs of the lab that leave a replay bundle when the test they belong to fails. Include in one file of a program.
#pragma once

#include <catch2/catch_test_case_info.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>

#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "duality/lab/bundle.hpp"
#include "support/bundle_folder.hpp"

namespace duality::test {

/// The last run of the test case, until it has been written.
inline std::optional<lab::run_bundle>& last_run() {
    static std::optional<lab::run_bundle> last;
    return last;
}

[[nodiscard]] inline lab::run_result run_recipe(const lab::recipe& what) {
    auto done = lab::run(what);
    REQUIRE(done.has_value());
    last_run() =
        lab::run_bundle{.what = what, .expected = {}, .broken = "a test's expectation", .event_hash = done->event_hash};
    return std::move(done).value();
}

class bundle_writer : public Catch::EventListenerBase {
public:
    using Catch::EventListenerBase::EventListenerBase;

    void testCaseStarting(Catch::TestCaseInfo const&) override { last_run().reset(); }
    void assertionEnded(Catch::AssertionStats const& stats) override {
        if (stats.assertionResult.isOk() || !last_run()) return;
        std::fprintf(stderr, "run it again: %s\n", keep_bundle(*last_run()).c_str());
        last_run().reset();
    }
};
CATCH_REGISTER_LISTENER(bundle_writer)

}  // namespace duality::test
