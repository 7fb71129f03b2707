// SPDX-License-Identifier: MIT
#include "live/topology.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <optional>
#include <system_error>

namespace duality {
inline namespace v0 {
namespace live {
namespace {

constexpr int start_patience_ms = 10'000;
constexpr int stop_patience_ms = 5'000;

struct pipe_ends {
    io::owned_file read;
    io::owned_file write;
};

[[nodiscard]] std::optional<pipe_ends> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
    return pipe_ends{io::owned_file{ends[0]}, io::owned_file{ends[1]}};
}

struct launch {
    int network_namespace = -1;
    bool real_time = false;
    int input = -1;  ///< -1: as this program's
    int output = -1;
    int messages = -1;
};

/// Only calls that are allowed between fork and exec. Never returns.
[[noreturn]] void become(const launch& how, pid_t parent, char* const* arguments) noexcept {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    if (how.network_namespace >= 0 && ::setns(how.network_namespace, CLONE_NEWNET) != 0) ::_exit(126);
    sched_param lowest{};
    lowest.sched_priority = ::sched_get_priority_min(SCHED_RR);
    if (how.real_time) (void)::sched_setscheduler(0, SCHED_RR, &lowest);
    if (how.input >= 0) (void)::dup2(how.input, STDIN_FILENO);
    if (how.output >= 0) (void)::dup2(how.output, STDOUT_FILENO);
    if (how.messages >= 0) (void)::dup2(how.messages, STDERR_FILENO);
    (void)::execvp(arguments[0], arguments);
    ::_exit(127);
}

[[nodiscard]] pid_t start_program(const launch& how, const std::vector<std::string>& arguments) {
    std::vector<char*> pointers;
    pointers.reserve(arguments.size() + 1);
    for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
    pointers.push_back(nullptr);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) become(how, parent, pointers.data());
    return pid;
}

/// Exit status, or -1.
[[nodiscard]] int wait_for(pid_t pid) noexcept {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

[[nodiscard]] std::string space_file(const io::owned_file& space) {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(space.get());
}

}  // namespace

std::unique_ptr<child_process> child_process::start(int network_namespace, const std::vector<std::string>& arguments,
                                                    const std::string& output, std::string& error) {
    const io::owned_file out{::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    std::optional<pipe_ends> pipe = make_pipe();
    if (out.get() < 0 || !pipe) {
        error = output + ": " + std::system_category().message(errno);
        return nullptr;
    }
    std::unique_ptr<child_process> made{new child_process};
    made->pid_ = start_program({network_namespace, true, -1, out.get(), pipe->write.get()}, arguments);
    pipe->write = io::owned_file{};
    made->messages_ = std::move(pipe->read);

    std::string said;
    while (said.find('\n') == std::string::npos) {
        pollfd waiting{made->messages_.get(), POLLIN, 0};
        std::array<char, 256> text{};
        const ssize_t got =
            ::poll(&waiting, 1, start_patience_ms) > 0 ? ::read(waiting.fd, text.data(), text.size()) : 0;
        if (got <= 0) {
            error = arguments[0] + " did not start: " + (said.empty() ? "it said nothing" : said);
            return nullptr;
        }
        said.append(text.data(), static_cast<std::size_t>(got));
    }
    return made;
}

bool child_process::stop() noexcept {
    if (pid_ < 0) return false;
    (void)::kill(pid_, SIGTERM);
    const timespec pause{0, 5'000'000};
    for (int waited = 0; waited < stop_patience_ms; waited += 5) {
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            pid_ = -1;
            return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        }
        (void)::nanosleep(&pause, nullptr);
    }
    (void)::kill(pid_, SIGKILL);
    (void)wait_for(pid_);
    pid_ = -1;
    return false;
}

child_process::~child_process() {
    (void)stop();
}

bool topology::run(int network_namespace, const std::vector<std::string>& arguments) {
    const pid_t pid = start_program({.network_namespace = network_namespace}, arguments);
    return pid > 0 && wait_for(pid) == 0;
}

bool topology::configure(int network_namespace, const std::string& commands, std::string& error) {
    std::optional<pipe_ends> input = make_pipe();
    std::optional<pipe_ends> messages = make_pipe();
    if (!input || !messages) {
        error = "no pipe: " + std::system_category().message(errno);
        return false;
    }
    const pid_t pid =
        start_program({network_namespace, false, input->read.get(), -1, messages->write.get()}, {"ip", "-batch", "-"});
    messages->write = io::owned_file{};
    const bool wrote = ::write(input->write.get(), commands.data(), commands.size()) ==
                       static_cast<ssize_t>(commands.size());  // far below what a pipe holds
    input->write = io::owned_file{};
    std::array<char, 256> said{};
    const ssize_t got = ::read(messages->read.get(), said.data(), said.size());
    if (pid > 0 && wait_for(pid) == 0 && wrote) return true;
    error = "ip: " + (got > 0 ? std::string{said.data(), static_cast<std::size_t>(got)} : "is not there");
    return false;
}

std::unique_ptr<topology> topology::make(std::string& error) {
    std::unique_ptr<topology> made{new topology};
    for (int i = 0; i < 4; ++i) {
        std::optional<io::owned_file> space = io::make_network_namespace(error);
        if (!space) return nullptr;
        made->spaces_.push_back(std::move(*space));
    }
    const auto& spaces = made->spaces_;
    const std::string in_network =
        "link set lo up\n"
        "link add near type veth peer name uplink netns " +
        space_file(spaces[0]) + "\nlink add far type veth peer name downlink netns " + space_file(spaces[2]) +
        "\naddr add 10.77.1.1/24 dev near\naddr add 10.77.2.1/24 dev far\n"
        "link set near up\nlink set far up\n";
    const std::string in_peer =
        "link set lo up\naddr add 10.77.2.2/24 dev downlink\nlink set dev downlink up\n"
        "link add serve type veth peer name app netns " +
        space_file(spaces[3]) + "\naddr add 10.77.3.1/24 dev serve\nlink set serve up\n";
    const bool ok = configure(spaces[1].get(), in_network, error) &&
                    configure(spaces[0].get(),
                              "link set lo up\naddr add 10.77.1.2/24 dev uplink\nlink set dev uplink up\n", error) &&
                    configure(spaces[2].get(), in_peer, error) &&
                    configure(spaces[3].get(),
                              "link set lo up\naddr add 10.77.3.2/24 dev app\nlink set app up\n"
                              "route add 10.77.2.0/24 via 10.77.3.1\n",
                              error);
    return ok ? std::move(made) : nullptr;
}

std::vector<std::string> topology::leaks() const {
    const std::array<std::vector<std::string_view>, 4> known = {
        {{"lo", "uplink"}, {"lo", "near", "far"}, {"lo", "downlink", "serve"}, {"lo", "app"}}};
    constexpr std::array<std::string_view, 4> names = {"client", "network", "peer", "origin"};
    std::vector<std::string> out;
    for (std::size_t i = 0; i < known.size(); ++i)
        for (const io::interface_count& one : io::count_interfaces(spaces_[i].get()))
            if (one.sent + one.received > 0 && std::ranges::find(known[i], one.name) == known[i].end())
                out.push_back(one.name + " of the " + std::string{names[i]});
    return out;
}

}  // namespace live
}  // namespace v0
}  // namespace duality
