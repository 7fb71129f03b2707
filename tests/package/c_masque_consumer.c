// SPDX-License-Identifier: MIT
//
// A tunnel in C from the installed library begins its handshake. Exits with 0 when the first packet goes to the relay.
#include <duality/masque.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    duality_udp_path path;
    duality_tunnel_config config;
    duality_tunnel_output out;
    duality_tunnel* tunnel = NULL;
    int found = 0;
    path.struct_size = sizeof path;
    config.struct_size = sizeof config;
    memset(&out, 0, sizeof out);
    out.struct_size = sizeof out;
    if (duality_udp_path_parse("192.0.2.1", 1000, "192.0.2.2", 4433, &path) != DUALITY_OK ||
        duality_tunnel_config_default(&config) != DUALITY_OK)
        return 1;
    config.relay = "relay.example:4433";
    config.path = &path;
    config.pins = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    if (duality_tunnel_create(0, &config, NULL, NULL, &tunnel) != DUALITY_OK) return 1;
    while (duality_tunnel_poll_output(tunnel, 0, &out) == DUALITY_OK)
        if (out.kind == DUALITY_TUNNEL_TRANSMIT && out.path.remote_port == 4433 && out.size >= 1200) found = 1;
    (void)duality_tunnel_destroy(tunnel);
    if (found) puts("c_masque_consumer: the handshake has begun");
    return found ? 0 : 1;
}
