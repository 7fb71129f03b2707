// SPDX-License-Identifier: MIT
//
// Two sessions in plain C, joined by a path that loses one datagram in 25: 900 packets go in, 900 come out. Time is
// virtual, as everywhere in the library: a game passes the time of its frame.
#include <duality/duality.h>
#include <stdio.h>
#include <string.h>

static void on_log(void* user, int32_t level, const char* message) {
    (void)user;
    (void)level;
    printf("%s\n", message);
}

static duality_session* open_session(void) {
    duality_session* session = NULL;
    duality_failure why;
    duality_host host;
    memset(&host, 0, sizeof host);
    host.struct_size = sizeof host;
    host.log_level = DUALITY_LOG_ERROR;  // DUALITY_LOG_DEBUG tells every decision
    host.log = on_log;
    why.struct_size = sizeof why;
    if (duality_session_create(NULL, &host, &why, &session) != DUALITY_OK ||
        duality_session_add_path(session, 0, 0, NULL) != DUALITY_OK) {
        fprintf(stderr, "no session: %s\n", duality_status_name(why.code));
        return NULL;
    }
    return session;
}

// Puts what one end wants to send before the other one; returns how many packets the application got.
static int carry(duality_session* from, duality_session* to, int64_t now, int* datagrams) {
    int delivered = 0;
    duality_session_output out;
    out.struct_size = sizeof out;
    while (duality_session_poll_output(from, now, &out) == DUALITY_OK) {
        if (out.kind == DUALITY_OUTPUT_TRANSMIT && ++*datagrams % 25 != 0)
            (void)duality_session_handle_datagram(to, now, out.path, out.bytes, out.size);
        if (out.kind == DUALITY_OUTPUT_DELIVER) ++delivered;  // out.bytes, out.lateness_ns, out.recovered_by
    }
    return delivered;
}

int main(void) {
    duality_session* client = open_session();
    duality_session* server = open_session();
    uint8_t state[400];
    int delivered = 0, datagrams = 0;
    int64_t now = 0;
    if (client == NULL || server == NULL) return 1;
    for (int frame = 0; frame < 1000; ++frame, now += 5000000) {
        memset(state, frame & 0xFF, sizeof state);
        if (frame < 900 && duality_session_send(client, now, 0, state, sizeof state) != DUALITY_OK) return 1;
        (void)duality_session_handle_timeout(client, now);
        (void)duality_session_handle_timeout(server, now);
        delivered += carry(client, server, now, &datagrams);
        delivered += carry(server, client, now, &datagrams);
    }
    printf("900 packets sent, %d of %d datagrams lost, %d packets delivered\n", datagrams / 25, datagrams, delivered);
    (void)duality_session_destroy(client);
    (void)duality_session_destroy(server);
    return delivered == 900 ? 0 : 1;
}
