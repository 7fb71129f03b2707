#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Does the symbols gate catch what it is there to catch? One bad object per kind of offence, and good ones it must pass.
#
#   symbols-self-test.sh <compiler> <include folder>
set -euo pipefail

compiler=$1
include=$2
gate=$(dirname "$0")/symbols.sh
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
wrong=0

# judge <pass|fail> "<layer>…" "<headers>" <body of a function>
judge() {
    local expected=$1 layers=$2 headers=$3 body=$4 layer verdict exceptions=-fno-exceptions
    [[ $body != *throw* ]] || exceptions=-fexceptions
    {
        for header in $headers; do echo "#include <$header>"; done
        echo "long probe(long x); long probe(long x) { $body return x; }"
    } >"$folder/probe.cpp"
    "$compiler" -std=c++20 -O1 -w $exceptions -I "$include" -c "$folder/probe.cpp" -o "$folder/probe.o"
    for layer in $layers; do
        verdict=pass
        "$gate" "$layer" "$folder/probe.o" >"$folder/verdict" || verdict=fail
        if [ $verdict != "$expected" ]; then
            echo "symbols self-test: $layer should $expected: $body"
            sed 's/^/  /' "$folder/verdict"
            wrong=1
        fi
    done
}

judge fail 'core lab' time.h 'timespec t; clock_gettime(CLOCK_MONOTONIC, &t); x += t.tv_nsec;'
judge fail 'core lab' time.h 'x += time(nullptr);'
judge fail 'core lab' sys/time.h 'timeval t; gettimeofday(&t, nullptr); x += t.tv_usec;'
judge fail 'core lab' chrono 'x += std::chrono::steady_clock::now().time_since_epoch().count();'
judge fail 'core lab' chrono 'x += std::chrono::system_clock::now().time_since_epoch().count();'
judge fail 'core lab' sys/socket.h 'x += socket(AF_INET, SOCK_DGRAM, 0);'
judge fail 'core lab' sys/socket.h 'char b[8]; x += recv(int(x), b, 8, 0);'
judge fail 'core lab' sys/socket.h 'msghdr m{}; x += sendmsg(int(x), &m, 0);'
judge fail 'core lab' unistd.h 'char b[8]; x += read(int(x), b, 8);'
judge fail 'core lab' thread 'std::thread t{[] {}}; t.join();'
judge fail 'core lab' pthread.h 'pthread_t t; x += pthread_create(&t, nullptr, nullptr, nullptr);'
judge fail 'core lab' mutex 'static std::mutex m; std::lock_guard lock{m}; ++x;'
judge fail 'core lab' stdlib.h 'x += getenv("HOME") != nullptr;'
judge fail 'core lab' stdio.h 'printf("%ld", x);'
judge fail 'core lab' stdio.h 'char b[32]; x += snprintf(b, sizeof b, "%ld", x);'
judge fail 'core lab' iostream 'std::cout << x;'
judge fail 'core lab' sstream 'std::ostringstream s; s << x; x += long(s.str().size());'
judge fail 'core lab' fstream 'std::ifstream f{"x"}; x += f.get();'
judge fail 'core lab' assert.h 'assert(x > 3);'
judge fail 'core lab' stdlib.h 'if (x > 3) abort();'
judge fail 'core lab' exception 'if (x > 3) std::terminate();'
judge fail 'core lab' exception 'if (x > 3) throw 1;'
judge fail 'core lab' random 'std::random_device d; x += d();'
judge fail 'core lab' cmath 'x += long(std::log(double(x)));'
judge fail 'core lab' cmath 'x += long(std::sin(double(x)));'
judge pass 'core lab' 'cstring cmath' 'char b[64]; std::memset(b, int(x), 64); x += b[x & 63] + long(std::sqrt(double(x)));'
judge pass 'core lab' 'cstdint' '__extension__ using wide = __int128; x = long(wide{x} * x / 1000003 % (x + 7));'
judge fail core new 'x += long(new int[std::size_t(x)]);'
judge fail core 'new cstddef' 'x += long(::operator new(std::size_t(x), std::align_val_t{64}, std::nothrow));'
judge fail core stdlib.h 'x += long(malloc(std::size_t(x)));'
judge fail core vector 'std::vector<int> v(static_cast<std::size_t>(x)); x += v[0];'
judge fail core duality/memory.hpp \
    'duality::buffer<long> b; if (b.create(std::size_t(x), duality::allocator::system())) x += b[0];'
judge pass core duality/ring.hpp \
    'static duality::allocator given; duality::ring<long> r; if (r.create(7, given) && r.push(x)) x += r.front();'
judge pass lab 'vector map unordered_map string charconv' \
    'std::vector<int> v(static_cast<std::size_t>(x)); std::map<int, int> m; m[v[0]] = 1; std::unordered_map<int, std::string> u;
     char b[32]; u[1].append(b, std::to_chars(b, b + 32, 1.0 / double(x)).ptr); x += long(u[1].size() + m.size());'

[ $wrong -eq 0 ] && echo "symbols self-test: every offence caught, every good object passed"
exit $wrong
