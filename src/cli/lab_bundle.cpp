// SPDX-License-Identifier: MIT
//
// `duality lab replay-bundle`, `shrink` and `chaos`: runs that went wrong, again and smaller; and looking for them.
#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "campaign/bundle_file.hpp"
#include "cli/commands.hpp"
#include "cli/lab_support.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

namespace {

struct bundle_options {
    std::string file;
    std::string out = ".";
    std::size_t tries = 500;
};

struct chaos_options {
    std::uint64_t seeds = 1'000;
    lab::chaos_recipe what;
    unsigned threads = 0;
    std::string bundles = "bundles";
};

[[nodiscard]] campaign::any_bundle loaded(const std::string& file) {
    campaign::loaded_bundle given = campaign::load_bundle(file);
    if (!given.ok()) fail_lab(file + ": " + given.error);
    return std::move(given.bundle);
}

template <class Bundle>
void replay_one(const Bundle& bundle) {
    const campaign::replay_verdict verdict = campaign::replay(bundle);
    if (!verdict.error.empty()) fail_lab("the bundle cannot be run: " + verdict.error);
    const bool same = verdict.same(bundle.event_hash);
    std::printf("%s: event hash %s, recorded %s\n", same ? "pass" : "mismatch",
                lab::hash_text(verdict.event_hash).c_str(), lab::hash_text(bundle.event_hash).c_str());
    std::printf("recorded as broken: %s; broken now: %s\n", bundle.broken.empty() ? "nothing" : bundle.broken.c_str(),
                verdict.broken.empty() ? "nothing the lab knows of" : verdict.broken.c_str());
    if (!same) throw CLI::RuntimeError{1};
}

void shrink(const bundle_options& options) {
    const campaign::shrunk_bundle found = campaign::shrink_bundle(loaded(options.file), options.tries);
    if (!found.error.empty()) fail_lab(options.file + ": " + found.error);
    const std::string file = campaign::save_bundle(found.bundle, options.out);
    if (file.empty()) fail_lab("cannot write into " + options.out);
    std::printf("%zu runs tried, %zu steps simpler: duality lab replay-bundle %s\n", found.tried, found.taken,
                file.c_str());
}

/// Seeds are shared out to threads; what is found is told in the order of the seeds.
class chaos_search {
public:
    explicit chaos_search(const chaos_options& options) : options_{options}, found_(options.seeds) {}

    void run() {
        const auto work = [&] {
            for (std::uint64_t i = next_++; i < options_.seeds; i = next_++) look_at(i);
        };
        const unsigned wanted =
            options_.threads > 0 ? options_.threads : std::max(1u, std::thread::hardware_concurrency());
        std::vector<std::thread> helpers;
        for (unsigned i = 1; i < wanted; ++i) helpers.emplace_back(work);
        const auto begin = std::chrono::steady_clock::now();
        work();
        for (std::thread& helper : helpers) helper.join();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        tell(took.count());
    }

private:
    void look_at(std::uint64_t i) {
        lab::chaos_recipe what = options_.what;
        what.seed += i;
        const result<lab::chaos_result> run = lab::run_chaos(what);
        const std::lock_guard lock{mutex_};
        if (!run) {
            refused_ = run.error();
            return;
        }
        const lab::chaos_result& r = run.value();
        events_ += r.events;
        checks_ += r.checks;
        for (const lab::chaos_fates& f : r.packets) {
            sent_ += f.sent;
            delivered_ += f.delivered;
        }
        found_[i] = {what, std::string{r.broken}, r.event_hash};
    }

    void tell(double seconds) const {
        if (refused_.code != status::ok) fail_lab(refused_);
        std::size_t broken = 0;
        for (const lab::chaos_bundle& b : found_) {
            if (b.broken.empty()) continue;
            ++broken;
            std::printf("seed %llu breaks %s: duality lab replay-bundle %s\n",
                        static_cast<unsigned long long>(b.what.seed), b.broken.c_str(),
                        campaign::save_bundle(b, options_.bundles).c_str());
        }
        std::printf(
            "%llu seeds, %llu checks, %llu events, %llu packets sent, %llu delivered in time: %zu seeds broke a "
            "promise\n",
            static_cast<unsigned long long>(options_.seeds), static_cast<unsigned long long>(checks_),
            static_cast<unsigned long long>(events_), static_cast<unsigned long long>(sent_),
            static_cast<unsigned long long>(delivered_), broken);
        std::printf("%.1f s, %.0f seeds a minute\n", seconds, static_cast<double>(options_.seeds) / seconds * 60);
        if (broken > 0) throw CLI::RuntimeError{1};
    }

    const chaos_options& options_;
    std::vector<lab::chaos_bundle> found_;
    std::atomic<std::uint64_t> next_{0};
    std::mutex mutex_;
    failure refused_{.code = status::ok};
    std::uint64_t events_ = 0;
    std::uint64_t checks_ = 0;
    std::uint64_t sent_ = 0;
    std::uint64_t delivered_ = 0;
};

[[nodiscard]] std::vector<std::string> trouble_names() {
    std::vector<std::string> out;
    for (std::size_t t = 0; t < lab::trouble_count; ++t) out.emplace_back(to_string(static_cast<lab::trouble>(t)));
    return out;
}

void add_chaos_command(CLI::App& lab) {
    const auto options = std::make_shared<chaos_options>();
    const auto without = std::make_shared<std::vector<std::string>>();
    CLI::App* command =
        lab.add_subcommand("chaos", "Let everything go wrong at random and check every promise at every step");
    command->add_option("--seeds", options->seeds, "Number of seeds")
        ->check(CLI::Range(1, 100'000'000))
        ->capture_default_str();
    command->add_option("--first-seed", options->what.seed, "First of them")->capture_default_str();
    command->add_option("--steps", options->what.steps, "Steps of each run")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    command->add_option("--without", *without, "Troubles left out")
        ->check(CLI::IsMember(trouble_names()))
        ->delimiter(',');
    command->add_option("--threads", options->threads, "Threads; 0: one per core")
        ->check(CLI::Range(0, 256))
        ->capture_default_str();
    command->add_option("--bundles", options->bundles, "Folder for replay bundles")
        ->type_name("FOLDER")
        ->capture_default_str();
    command->callback([options, without] {
        for (const std::string& name : *without) options->what.leave_out(*lab::find_trouble(name));
        chaos_search{*options}.run();
    });
}

}  // namespace

void add_lab_bundle_commands(CLI::App& lab) {
    const auto options = std::make_shared<bundle_options>();
    CLI::App* replay = lab.add_subcommand("replay-bundle", "Run a replay bundle again and compare its event hash");
    replay->add_option("file", options->file, "The bundle")->required();
    replay->callback([options] { std::visit([](const auto& b) { replay_one(b); }, loaded(options->file)); });

    CLI::App* smaller =
        lab.add_subcommand("shrink", "Make a bundle that fails shorter and simpler while it still does");
    smaller->add_option("file", options->file, "The bundle")->required();
    smaller->add_option("--out", options->out, "Folder for the smaller bundle")
        ->type_name("FOLDER")
        ->capture_default_str();
    smaller->add_option("--tries", options->tries, "Runs at most")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    smaller->callback([options] { shrink(*options); });

    add_chaos_command(lab);
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
