// SPDX-License-Identifier: MIT
//
// The tables of functions that ngtcp2 and nghttp3 call, and which members of a connection they lead to.
#pragma once

#include <nghttp3/nghttp3.h>
#include <ngtcp2/ngtcp2.h>

namespace duality {
inline namespace v0 {
namespace masque {

class connection;

struct connection_callbacks {
    [[nodiscard]] static ngtcp2_callbacks client() noexcept;
    [[nodiscard]] static ngtcp2_callbacks server() noexcept;
    [[nodiscard]] static nghttp3_callbacks http() noexcept;
    /// The source of what a request sends: its capsules or its body.
    [[nodiscard]] static nghttp3_data_reader data_reader() noexcept;

private:
    [[nodiscard]] static ngtcp2_callbacks common() noexcept;
    /// HTTP/3 begins with the keys for it.
    static int begin_http(ngtcp2_conn*, ngtcp2_encryption_level level, void* user) noexcept;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
