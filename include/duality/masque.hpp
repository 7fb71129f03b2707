// SPDX-License-Identifier: MIT
//
// MASQUE: UDP through an HTTP/3 relay (RFC 9298), both ends of it.
#pragma once

#include "duality/masque/bonded_tunnel.hpp"
#include "duality/masque/certificate.hpp"
#include "duality/masque/relay.hpp"
#include "duality/masque/tunnel.hpp"
