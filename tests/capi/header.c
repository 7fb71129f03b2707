// SPDX-License-Identifier: MIT
//
// The header in strict C99, twice, and every struct begins with its size.
#include <duality/duality.h>

#define BEGINS_WITH_SIZE(type) typedef char type##_begins[offsetof(type, struct_size) == 0 ? 1 : -1]

BEGINS_WITH_SIZE(duality_bounds);
BEGINS_WITH_SIZE(duality_failure);
BEGINS_WITH_SIZE(duality_host);
BEGINS_WITH_SIZE(duality_jitter_hold_config);

int main(void) {
    duality_jitter_hold* hold = NULL;
    int64_t at = 0;
    if (duality_abi_version() >> 16 != DUALITY_ABI_VERSION >> 16) return 1;
    if (duality_jitter_hold_create(NULL, NULL, NULL, &hold) != DUALITY_OK) return 2;
    if (duality_jitter_hold_next_timeout(hold, &at) != DUALITY_OK || at != DUALITY_NEVER) return 3;
    if (duality_jitter_hold_destroy(hold) != DUALITY_OK) return 4;
    return duality_jitter_hold_destroy(hold) == DUALITY_INVALID_HANDLE ? 0 : 5;
}
