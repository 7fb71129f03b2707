// SPDX-License-Identifier: MIT
//
// The golden vectors through C. See golden.cpp for what the table is.
//
//   golden_c vectors.txt
//
// With GOLDEN_WITHOUT_LAB for a library that has no lab in it.
#include <duality/duality.h>
#include <stdio.h>
#include <string.h>

static const int64_t ms = 1000000;

static int fail(const char* what, const char* line) {
    fprintf(stderr, "golden: %s: %s\n", what, line);
    return 1;
}

static duality_parity_encoder* open_encoder(void) {
    duality_parity_encoder* encoder = NULL;
    uint8_t data[16];
    if (duality_parity_encoder_create(NULL, NULL, NULL, &encoder) != DUALITY_OK) return NULL;
    for (uint32_t e = 0; e < 24; ++e) {
        const size_t size = 5 + 3 * (e % 4);
        for (size_t k = 0; k < size; ++k) data[k] = (uint8_t)(17 * e + 7 * k + 3);
        if (duality_parity_encoder_push(encoder, e, e, data, size) != DUALITY_OK) return NULL;
    }
    return encoder;
}

static int check_repair(duality_parity_encoder* encoder, const char* line) {
    unsigned code = 0, first = 0, window = 0, key = 0;
    char hex[3001] = "";
    char made[3001] = "";
    uint8_t symbol[1500];
    size_t size = 0;
    duality_repair repair = {sizeof repair, 0, 0, 0, 0, 0};
    if (sscanf(line, "repair %u %u %u %u %3000s", &code, &first, &window, &key, hex) != 5)
        return fail("cannot be read", line);
    if (duality_parity_encoder_use(encoder, (int32_t)code) != DUALITY_OK ||
        duality_parity_encoder_repair(encoder, first, window, &repair, symbol, sizeof symbol, &size) != DUALITY_OK)
        return fail("no repair", line);
    for (size_t i = 0; i < size; ++i) sprintf(made + 2 * i, "%02x", symbol[i]);
    return repair.repair_key == key && strcmp(made, hex) == 0 ? 0 : fail("another repair", made);
}

/// The next packet out of the hold, which is fed as the table says.
struct flow {
    duality_jitter_hold* hold;
    int64_t now;
    int64_t next;
};

static int check_hold(struct flow* flow, const char* line) {
    unsigned long long sequence = 0;
    long long due = 0, lateness = 0;
    duality_released_packet out;
    memset(&out, 0, sizeof out);
    out.struct_size = sizeof out;
    if (sscanf(line, "hold %llu %lld %lld", &sequence, &due, &lateness) != 3) return fail("cannot be read", line);
    while (duality_jitter_hold_poll(flow->hold, flow->now, &out) == DUALITY_NEED_MORE) {
        const int64_t i = flow->next++;
        const int64_t at = (5 * i + 20 + 7919 * i % 23) * ms;
        if (i > 60) return fail("nothing comes", line);
        if (i == 60) {
            flow->now += 1000 * ms;
            continue;
        }
        if (at > flow->now) flow->now = at;
        if (duality_jitter_hold_push(flow->hold, flow->now, (uint64_t)i, 5 * i * ms, (uint64_t)i, 0) < 0)
            return fail("refused", line);
    }
    return out.sequence == sequence && out.due_ns == due && out.lateness_ns == lateness ? 0 : fail("differs", line);
}

#if !defined(GOLDEN_WITHOUT_LAB)
static int check_lab(const char* line) {
    int family = 0, variant = 0;
    unsigned long long seed = 0, hash = 0, delivered = 0;
    long long length = 0;
    duality_lab_config config;
    duality_lab_result result;
    config.struct_size = sizeof config;
    result.struct_size = sizeof result;
    if (sscanf(line, "lab %d %d %llu %lld %llx %llu", &family, &variant, &seed, &length, &hash, &delivered) != 6)
        return fail("cannot be read", line);
    if (duality_lab_config_default(&config) != DUALITY_OK) return 1;
    config.family = family;
    config.variant = variant;
    config.seed = seed;
    config.length_ns = length * ms;
    if (duality_lab_run(&config, NULL, &result) != DUALITY_OK) return fail("no run", line);
    return result.event_hash == hash && result.delivered == delivered ? 0 : fail("another run", line);
}
#else
static int check_lab(const char* line) {
    (void)line;
    return 0;
}
#endif

int main(int argc, char** argv) {
    char line[4096];
    int checked = 0;
    struct flow flow = {NULL, 0, 0};
    duality_parity_encoder* encoder = open_encoder();
    FILE* file = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (encoder == NULL || file == NULL || duality_jitter_hold_create(NULL, NULL, NULL, &flow.hold) != DUALITY_OK)
        return fail("cannot begin", "");
    while (fgets(line, sizeof line, file) != NULL) {
        int wrong = 0;
        if (line[0] == '#') continue;
        if (strncmp(line, "repair ", 7) == 0)
            wrong = check_repair(encoder, line);
        else if (strncmp(line, "hold ", 5) == 0)
            wrong = check_hold(&flow, line);
        else if (strncmp(line, "lab ", 4) == 0)
            wrong = check_lab(line);
        else
            wrong = fail("unknown line", line);
        if (wrong != 0) return wrong;
        ++checked;
    }
    fclose(file);
    if (duality_parity_encoder_destroy(encoder) != DUALITY_OK || duality_jitter_hold_destroy(flow.hold) != DUALITY_OK)
        return 1;
    printf("golden: C agrees with the table, %d lines\n", checked);
    return checked > 60 ? 0 : 1;
}
