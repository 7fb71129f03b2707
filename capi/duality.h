// SPDX-License-Identifier: MIT
//
// DUALITY in C: real-time traffic over connections that glitch. C99 and C++, nothing but two standard headers.
//
// Handles. An object is a handle: opaque, made by `…_create`, ended by `…_destroy`, which takes NULL too. A handle that
// was destroyed, is of another type or never was one is answered by DUALITY_INVALID_HANDLE, by every function, always.
//
// Structs. Each begins with `struct_size`: set it to sizeof before every call. The library reads and writes the smaller
// of that size and its own, so a program and a library of different age get along: fields the caller does not know keep
// their defaults, fields the library does not know stay untouched. Fields that are there for alignment are `reserved`.
// What the library lends (a pointer inside of a struct it filled) carries the library's size.
//
// Answers. Every function that can fail returns a `duality_status`; negative is a failure and changes nothing but
// counters. NULL where something is needed is DUALITY_INVALID_ARGUMENT. Output buffers come as (buffer, capacity,
// *needed): with DUALITY_BUFFER_TOO_SMALL, and with a NULL buffer of capacity 0, `*needed` says what it takes.
//
// Time. Nanoseconds as int64_t. The library never reads a clock: `now_ns` is the caller's, monotonic, of any origin. One
// that goes backwards counts as the time before. DUALITY_NEVER is the timeout of an idle object.
//
// Threads. One object belongs to one thread at a time; different objects are independent. There are no threads, locks or
// global settings in the library. Callbacks (memory and log) run inside the call that causes them; a callback must not
// call functions of the object it is called for, which answers DUALITY_WRONG_STATE.
//
// Memory. Everything is taken in `…_create` from the host's allocator, given back in `…_destroy`; in between nothing is
// allocated. Only the lab uses the global heap.
#ifndef DUALITY_DUALITY_H
#define DUALITY_DUALITY_H

#include <stddef.h>
#include <stdint.h>

#if defined(DUALITY_STATIC)
#define DUALITY_API
#elif defined(_WIN32) && defined(DUALITY_BUILD)
#define DUALITY_API __declspec(dllexport)
#elif defined(_WIN32)
#define DUALITY_API __declspec(dllimport)
#else
#define DUALITY_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/// Later than every other time: nothing is due.
#define DUALITY_NEVER INT64_MAX
/// Of a byte budget: no limit.
#define DUALITY_UNLIMITED UINT64_MAX
/// What this header speaks: 65536 * major + minor. `duality_abi_version` says what the library speaks.
#define DUALITY_ABI_VERSION 1u

/// One of the constants DUALITY_OK, DUALITY_NEED_MORE, …, DUALITY_INVALID_HANDLE.
typedef int32_t duality_status;

// Values, from capi/values.txt.

/// How a call answers: 0 is ok, a positive value is not a failure, a negative one is.
enum {
    /// done
    DUALITY_OK = 0,
    /// nothing to give yet; call again later or with more
    DUALITY_NEED_MORE = 1,
    /// already had it; counted, nothing changed
    DUALITY_DUPLICATE = 2,
    /// came after it could be of use; counted
    DUALITY_LATE = 3,
    /// accepted, and brought nothing new
    DUALITY_NO_CHANGE = 4,
    /// the call itself makes no sense: a NULL, a struct without its size, a value out of its range
    DUALITY_INVALID_ARGUMENT = -1,
    /// a configuration field is out of range; `duality_failure` names it
    DUALITY_INVALID_CONFIG = -2,
    /// the allocator returned nothing; only creation can say this
    DUALITY_OUT_OF_MEMORY = -3,
    /// outputs were not drained; nothing accepted earlier is lost
    DUALITY_QUEUE_FULL = -4,
    /// the caller's output buffer is too short; `needed` says what it takes
    DUALITY_BUFFER_TOO_SMALL = -5,
    /// bytes that no peer of ours would send
    DUALITY_MALFORMED = -6,
    /// a wire version this build does not speak
    DUALITY_UNSUPPORTED_VERSION = -7,
    /// the object was closed
    DUALITY_CLOSED = -8,
    /// no such path
    DUALITY_UNKNOWN_PATH = -9,
    /// no such stream
    DUALITY_UNKNOWN_STREAM = -10,
    /// more bytes than the configured maximum
    DUALITY_TOO_LARGE = -11,
    /// a byte or rate budget forbids it
    DUALITY_OVER_BUDGET = -12,
    /// refers to something outside the bounded window
    DUALITY_OUT_OF_WINDOW = -13,
    /// contradicts something accepted earlier
    DUALITY_INCONSISTENT = -14,
    /// not allowed at this point of the life cycle, or from inside a callback
    DUALITY_WRONG_STATE = -15,
    /// this build or this machine cannot do it
    DUALITY_UNSUPPORTED = -16,
    /// NULL, destroyed, of another type, or never a handle at all
    DUALITY_INVALID_HANDLE = -17
};

/// What a user is told; the same numbers as E001 … E007.
enum {
    DUALITY_ERROR_INVALID_CONFIG = 1,       ///< E001, HTTP 400: fix the named field
    DUALITY_ERROR_RELAY_UNREACHABLE = 2,    ///< E002, HTTP 503: wait, or turn the relay off
    DUALITY_ERROR_LTE_BUDGET_EXCEEDED = 3,  ///< E003, HTTP 429: raise the cap
    DUALITY_ERROR_PARITY_OVER_BUDGET = 4,   ///< E004, HTTP 409: lower the parity rate
    DUALITY_ERROR_VPN_CONFLICT = 5,         ///< E005, HTTP 412: switch between direct and tunnel
    DUALITY_ERROR_CPU_CAP_EXCEEDED = 6,     ///< E006, HTTP 503: lower parity or hold
    DUALITY_ERROR_POLICY_VIOLATION = 7      ///< E007, HTTP 403: review the policy
};

/// Can trying again by itself help?.
enum {
    DUALITY_RETRY_NO = 0,            ///< it cannot
    DUALITY_RETRY_WITH_BACK_OFF = 1  ///< yes, less and less often
};

/// How much a log message matters.
enum {
    /// nothing is logged
    DUALITY_LOG_NONE = 0,
    /// an object could not be made, or something the user should know from the catalogue of errors
    DUALITY_LOG_ERROR = 1,
    /// a path is suspect, dead or out of budget
    DUALITY_LOG_WARNING = 2,
    /// the session and its paths change state
    DUALITY_LOG_INFO = 3,
    /// every decision of the controller
    DUALITY_LOG_DEBUG = 4
};

/// Whose fields `duality_bounds_at` and `duality_bounds_find` tell about.
enum {
    DUALITY_CONFIG_SESSION = 0,           ///< duality_session_config
    DUALITY_CONFIG_JITTER_HOLD = 1,       ///< duality_jitter_hold_config
    DUALITY_CONFIG_REGIME = 2,            ///< duality_regime_config
    DUALITY_CONFIG_CONTROLLER = 3,        ///< duality_controller_config
    DUALITY_CONFIG_SCHEDULER = 4,         ///< duality_scheduler_config
    DUALITY_CONFIG_RLC = 5,               ///< duality_parity_config, the window and the main code
    DUALITY_CONFIG_RS = 6,                ///< duality_parity_config, the Reed–Solomon code
    DUALITY_CONFIG_BLOCK = 7,             ///< duality_block_config
    DUALITY_CONFIG_PARITY_POLICY = 8,     ///< duality_parity_policy_config
    DUALITY_CONFIG_REPAIR_GENERATOR = 9,  ///< duality_repair_generator_config
    DUALITY_CONFIG_AGGREGATOR = 10,       ///< duality_aggregator_config
    DUALITY_CONFIG_CLOCK_SYNC = 11,       ///< duality_clock_sync_config
    DUALITY_CONFIG_SERVICE_LEVEL = 12     ///< duality_service_level_config
};

/// What brought a packet here.
enum {
    DUALITY_RECOVERY_NONE = 0,        ///< arrived on its own
    DUALITY_RECOVERY_PARITY = 1,      ///< rebuilt from proactive parity
    DUALITY_RECOVERY_REACTIVE = 2,    ///< rebuilt from repairs the receiver asked for
    DUALITY_RECOVERY_DUPLICATE = 3,   ///< an early duplicate on the same path came first
    DUALITY_RECOVERY_SECOND_PATH = 4  ///< came over another path first
};

/// When a packet is released.
enum {
    DUALITY_PLAYOUT_LIVE = 0,     ///< at baseline + hold
    DUALITY_PLAYOUT_DEADLINE = 1  ///< at origin + lead, on a clock shared with the sender
};

/// What happens to a packet past its deadline.
enum {
    DUALITY_LATE_POLICY_DROP = 0,    ///< it is dropped
    DUALITY_LATE_POLICY_DELIVER = 1  ///< it is delivered with a flag
};

/// The weather of a path; the last one that applies wins.
enum {
    DUALITY_REGIME_CALM = 0,       ///< nothing of note
    DUALITY_REGIME_JITTERY = 1,    ///< inter-arrival deviation is high
    DUALITY_REGIME_LOSSY = 2,      ///< packets are missing among the last 20
    DUALITY_REGIME_CONGESTED = 3,  ///< every recent packet is delayed well above the baseline: a queue has built up
    DUALITY_REGIME_OUTAGE = 4      ///< silence longer than this flow's own inter-arrival times explain
};

/// What the detector tells.
enum {
    DUALITY_REGIME_EVENT_CHANGED = 0,      ///< another regime
    DUALITY_REGIME_EVENT_LEVEL_STEP = 1,   ///< the baseline moved
    DUALITY_REGIME_EVENT_DELAY_WORSE = 2,  ///< alarm: delays are worse than what was learned
    DUALITY_REGIME_EVENT_LOSS_WORSE = 3,   ///< alarm: losses are more frequent than what was learned
    DUALITY_REGIME_EVENT_RESTARTED = 4     ///< the sender restarted; everything was learned afresh
};

/// How the controller decides.
enum {
    DUALITY_LAW_REFERENCE = 0,  ///< the plain threshold law every other one is compared with
    DUALITY_LAW_ADAPTIVE = 1    ///< the tool is chosen by what the round trip allows
};

/// What the controller sets.
enum {
    DUALITY_CONTROL_HOLD = 0,        ///< depth of the jitter hold, ns
    DUALITY_CONTROL_PARITY = 1,      ///< rate of proactive parity, basis points
    DUALITY_CONTROL_REACTIVE = 2,    ///< repair on request, 0 or 1
    DUALITY_CONTROL_SECOND_PATH = 3  ///< use of the second path, 0 or 1
};

/// The rule that moved an output, and the unit of the threshold.
enum {
    /// j_fast above the threshold (ns)
    DUALITY_REASON_JITTER_HIGH = 0,
    /// j_fast below the threshold (ns)
    DUALITY_REASON_JITTER_LOW = 1,
    /// reference law: loss20 at or above it (packets); adaptive law: loss_ppm above it (ppm)
    DUALITY_REASON_LOSS_HIGH = 2,
    /// reference law: no loss and j_slow low (ns) for 2 s; adaptive law: loss_ppm at or below it (ppm)
    DUALITY_REASON_QUIET = 3,
    /// the round trip is at most the threshold (ns): a repair on request makes the deadline
    DUALITY_REASON_RTT_FITS = 4,
    /// the round trip is above the threshold (ns), or unknown
    DUALITY_REASON_RTT_TOO_LONG = 5,
    /// reported from above, or by the regime; threshold 0
    DUALITY_REASON_CONGESTION = 6,
    /// the overhead headroom (bp) is the cap
    DUALITY_REASON_HEADROOM = 7,
    /// silence reached the threshold (ns)
    DUALITY_REASON_GAP_OPEN = 8,
    /// the silence is over and the linger (ns) has passed
    DUALITY_REASON_GAP_CLOSED = 9,
    /// the mean burst is above what parity can cover (1/16 packets)
    DUALITY_REASON_LONG_BURSTS = 10,
    /// a deeper hold saves enough misses (ppm per ms)
    DUALITY_REASON_MISSES_SAVED = 11,
    /// it no longer does (ppm per ms)
    DUALITY_REASON_MISSES_GONE = 12,
    /// the share of time above hold_budget is used up; the credit that was needed (ns)
    DUALITY_REASON_DELAY_BUDGET = 13,
    /// CPU share above the threshold (permille)
    DUALITY_REASON_CPU = 14,
    /// no metered bytes left, or no second path; threshold 0
    DUALITY_REASON_BUDGET = 15
};

/// The code of a repair.
enum {
    DUALITY_PARITY_RLC = 0,    ///< sliding-window random linear code, RFC 8681
    DUALITY_PARITY_BLOCK = 1,  ///< Cauchy Reed–Solomon
    DUALITY_PARITY_RS = 2      ///< Reed–Solomon as libfec has it
};

/// What a path costs.
enum {
    DUALITY_COST_FREE = 0,    ///< nothing
    DUALITY_COST_METERED = 1  ///< by the byte
};

/// What the scheduler thinks of a path.
enum {
    DUALITY_PATH_STANDBY = 0,  ///< never answered yet
    DUALITY_PATH_WARM = 1,     ///< answered; can carry traffic at once
    DUALITY_PATH_ACTIVE = 2,   ///< carries source packets
    DUALITY_PATH_SUSPECT = 3,  ///< owes a report for longer than usual
    DUALITY_PATH_DEAD = 4      ///< silent, or too late to be of use; probed until it answers in time again
};

/// What happened to a path.
enum {
    /// another state
    DUALITY_PATH_EVENT_STATE_CHANGED = 0,
    /// its byte budget refused a datagram; the path rests until there is room again
    DUALITY_PATH_EVENT_BUDGET_EXHAUSTED = 1,
    /// a new day or month, or the pace of the day, has made room
    DUALITY_PATH_EVENT_BUDGET_RENEWED = 2,
    /// it stalls, spreads far and costs packets: for a while the flow goes elsewhere, if it may
    DUALITY_PATH_EVENT_UNSTEADY = 3
};

/// How a stream uses the second path.
enum {
    DUALITY_STREAM_ON_DEMAND = 0,  ///< it helps when the first one fails
    DUALITY_STREAM_HOT = 1,        ///< every packet goes over two paths, within the budget of the metered one
    DUALITY_STREAM_SPREAD = 2      ///< packets take turns on two free paths of about the same length
};

/// What a datagram was sent for.
enum {
    DUALITY_TRANSMIT_SOURCE = 0,           ///< it carries a packet of the application
    DUALITY_TRANSMIT_COPY = 1,             ///< an early duplicate
    DUALITY_TRANSMIT_PARITY = 2,           ///< proactive parity
    DUALITY_TRANSMIT_REACTIVE_REPAIR = 3,  ///< parity on request
    DUALITY_TRANSMIT_FEEDBACK = 4,         ///< a report to the peer
    DUALITY_TRANSMIT_PROBE = 5,            ///< is the path alive?
    DUALITY_TRANSMIT_CLOCK = 6,            ///< clock synchronisation
    DUALITY_TRANSMIT_CLOSE = 7,            ///< the session ends
    DUALITY_TRANSMIT_EVENT = 8             ///< events of the lane
};

/// What the caller is to do.
enum {
    DUALITY_OUTPUT_NONE = 0,      ///< nothing
    DUALITY_OUTPUT_TRANSMIT = 1,  ///< put a datagram on a path
    DUALITY_OUTPUT_DELIVER = 2,   ///< give a packet to the application
    DUALITY_OUTPUT_EVENT = 3,     ///< take note
    DUALITY_OUTPUT_LANE = 4       ///< give an event of the lane to the application
};

/// What a session tells.
enum {
    /// a path changed its state or used up its budget
    DUALITY_EVENT_PATH = 0,
    /// the controller changed an output
    DUALITY_EVENT_DECISION = 1,
    /// something the user should know, from the catalogue
    DUALITY_EVENT_ERROR = 2,
    /// the peer ends the session; nothing more will come
    DUALITY_EVENT_PEER_CLOSED = 3,
    /// this end is done: every accepted packet was delivered or dropped
    DUALITY_EVENT_CLOSED = 4,
    /// what comes in became better or worse, moved to another level, or raised an alarm
    DUALITY_EVENT_REGIME = 5,
    /// another epoch of the peer: what comes now has other numbers, by another clock
    DUALITY_EVENT_PEER_RESTARTED = 6
};

/// Why a session ends.
enum {
    DUALITY_CLOSE_NORMAL = 0,          ///< it is over
    DUALITY_CLOSE_GOING_AWAY = 1,      ///< the program ends
    DUALITY_CLOSE_PROTOCOL_ERROR = 2,  ///< the peer sent what cannot be
    DUALITY_CLOSE_BUDGET = 3,          ///< no bytes are left
    DUALITY_CLOSE_IDLE = 4             ///< nothing happened for too long
};

/// How much is known of the peer's clock.
enum {
    DUALITY_CLOCK_ACQUIRING = 0,  ///< too few exchanges: the offset is the best guess and may still jump
    DUALITY_CLOCK_LOCKED = 1,     ///< within the error bound
    DUALITY_CLOCK_HOLDOVER = 2    ///< locked before, but nothing was heard for long: the bound grows
};

/// The networks of the lab.
enum {
    DUALITY_LAB_REFERENCE = 0,        ///< the plain model
    DUALITY_LAB_CABLE_FTTH = 1,       ///< cable or fibre at home
    DUALITY_LAB_RURAL_DSL = 2,        ///< a long copper line
    DUALITY_LAB_WIFI_CONTENTION = 3,  ///< a crowded wireless channel
    DUALITY_LAB_LEO_SATELLITE = 4,    ///< a low-orbit satellite
    DUALITY_LAB_MOBILE_HOTSPOT = 5,   ///< a mobile phone's hotspot
    DUALITY_LAB_VPN_ON_PATH = 6       ///< cable or fibre through a VPN
};

/// What a service-level monitor promises of its false alarms.
enum {
    DUALITY_ALARM_MEAN_TIME = 0,   ///< they are so far apart in the mean, or further
    DUALITY_ALARM_PROBABILITY = 1  ///< so great is the chance that there is ever one, or smaller
};

/// What protects a flow in the lab.
enum {
    DUALITY_VARIANT_BASELINE = 0,  ///< nothing
    DUALITY_VARIANT_HOLD = 1,      ///< jitter hold only
    DUALITY_VARIANT_PARITY = 2,    ///< proactive parity only
    DUALITY_VARIANT_SINGLE = 3,    ///< hold, parity and repair on request on one path
    DUALITY_VARIANT_DUAL = 4,      ///< and a second, metered path on demand
    DUALITY_VARIANT_HOT = 5        ///< every packet on both paths, within the metered budget
};

/// How fast a QUIC connection sends.
enum {
    DUALITY_CONGESTION_CUBIC = 0,  ///< RFC 9438
    DUALITY_CONGESTION_BBR = 1     ///< by the bottleneck's rate and the round trip
};

/// The two bits of an IP header that tell of congestion.
enum {
    DUALITY_ECN_NOT_ECT = 0,  ///< this end does not speak it
    DUALITY_ECN_ECT1 = 1,     ///< it does
    DUALITY_ECN_ECT0 = 2,     ///< it does
    DUALITY_ECN_CE = 3        ///< congestion was experienced
};

/// What the owner of a tunnel is to do.
enum {
    DUALITY_TUNNEL_NONE = 0,      ///< nothing
    DUALITY_TUNNEL_TRANSMIT = 1,  ///< send a QUIC packet to the relay
    DUALITY_TUNNEL_DELIVER = 2,   ///< give a payload to the application
    DUALITY_TUNNEL_EVENT = 3      ///< take note
};

/// What a tunnel tells.
enum {
    DUALITY_TUNNEL_EVENT_CONNECTED = 0,     ///< the relay is there and may be used
    DUALITY_TUNNEL_EVENT_FLOW_OPEN = 1,     ///< the relay has accepted the flow
    DUALITY_TUNNEL_EVENT_FLOW_REFUSED = 2,  ///< it has not; the flow is gone
    DUALITY_TUNNEL_EVENT_FLOW_CLOSED = 3,   ///< the relay, or this end, has closed the flow; it is gone
    DUALITY_TUNNEL_EVENT_CLOSED = 4         ///< the connection is over, and every flow with it
};

/// Why a relay refused, in the words of RFC 9209.
enum {
    DUALITY_PROXY_NONE = 0,                        ///< it did not say, or did not refuse
    DUALITY_PROXY_DNS_TIMEOUT = 1,                 ///< nobody answered for the target's name
    DUALITY_PROXY_DNS_ERROR = 2,                   ///< the target's name could not be looked up
    DUALITY_PROXY_DESTINATION_NOT_FOUND = 3,       ///< the target's name has no address
    DUALITY_PROXY_DESTINATION_UNAVAILABLE = 4,     ///< the target cannot be used now
    DUALITY_PROXY_DESTINATION_IP_PROHIBITED = 5,   ///< the target's address is not allowed
    DUALITY_PROXY_DESTINATION_IP_UNROUTABLE = 6,   ///< there is no route to the target
    DUALITY_PROXY_CONNECTION_REFUSED = 7,          ///< the target refused
    DUALITY_PROXY_CONNECTION_LIMIT_REACHED = 8,    ///< the relay has as many tunnels as it wants
    DUALITY_PROXY_HTTP_REQUEST_ERROR = 9,          ///< the request is not what the relay expects
    DUALITY_PROXY_HTTP_REQUEST_DENIED = 10,        ///< the relay does not do this for this client
    DUALITY_PROXY_PROXY_CONFIGURATION_ERROR = 11,  ///< the relay is not set up for it
    DUALITY_PROXY_PROXY_INTERNAL_ERROR = 12,       ///< something went wrong inside of the relay
    DUALITY_PROXY_OTHER = 13                       ///< a reason that is not in this list
};

/// Why a connection is over.
enum {
    DUALITY_CLOSED_NONE = 0,               ///< it is not
    DUALITY_CLOSED_LOCAL = 1,              ///< this end closed it
    DUALITY_CLOSED_PEER = 2,               ///< the peer closed it
    DUALITY_CLOSED_IDLE = 3,               ///< nothing came for too long
    DUALITY_CLOSED_HANDSHAKE_TIMEOUT = 4,  ///< no answer, or none in time
    DUALITY_CLOSED_LIFETIME = 5,           ///< it had lived as long as it may
    DUALITY_CLOSED_RESET = 6,              ///< the peer does not know the connection any more, as after its restart
    DUALITY_CLOSED_UNTRUSTED = 7,          ///< the relay's certificate was refused
    DUALITY_CLOSED_NO_MASQUE = 8,          ///< the peer speaks HTTP/3 but not extended CONNECT
    DUALITY_CLOSED_PROTOCOL_ERROR = 9,     ///< somebody broke a rule of QUIC, TLS or HTTP/3
    DUALITY_CLOSED_OUT_OF_MEMORY = 10,     ///< the allocator returned nothing
    DUALITY_CLOSED_NOT_ADMITTED = 11       ///< the relay wants a certificate, or another one than it was shown
};

// End of the values.

// ---------------------------------------------------------------------------------------------------------------------
// The library

/// What the library speaks. The same major number (upper 16 bits) as DUALITY_ABI_VERSION: it can be used.
DUALITY_API uint32_t duality_abi_version(void);
/// "0.1.0"; static.
DUALITY_API const char* duality_version(void);
/// "invalid_config"; static, "unknown" for a number that is none.
DUALITY_API const char* duality_status_name(duality_status status);

/// What a user is told about one error of the catalogue. Strings are static.
typedef struct duality_error_info {
    uint32_t struct_size;
    int32_t code;        ///< DUALITY_ERROR_…
    const char* id;      ///< "E001"
    const char* name;    ///< "INVALID_CONFIG"
    const char* advice;  ///< what the user should do
    uint32_t http;       ///< status of a REST answer
    int32_t retry;       ///< DUALITY_RETRY_…
} duality_error_info;

/// The catalogue's row for DUALITY_ERROR_…; DUALITY_INVALID_ARGUMENT for a code that is none.
DUALITY_API duality_status duality_error_find(int32_t code, duality_error_info* info);

/// Legal range of one configuration field, inclusive, in `unit`. `field` is the name of the C++ field, which is that of
/// the C field without its unit; "baseline.window" is `baseline_window_ns` here. Strings are static.
typedef struct duality_bounds {
    uint32_t struct_size;
    uint32_t reserved;
    const char* field;
    const char* unit;
    int64_t low;
    int64_t high;
} duality_bounds;

/// Row `index` of the table of DUALITY_CONFIG_…, counted from 0; DUALITY_NEED_MORE behind the last one.
DUALITY_API duality_status duality_bounds_at(int32_t config, uint32_t index, duality_bounds* bounds);
/// The row of one field; DUALITY_INVALID_ARGUMENT when there is none.
DUALITY_API duality_status duality_bounds_find(int32_t config, const char* field, duality_bounds* bounds);

/// Why something could not be made. With DUALITY_INVALID_CONFIG, which field and its legal range; else they are NULL and 0.
typedef struct duality_failure {
    uint32_t struct_size;
    duality_status code;
    const char* field;
    const char* unit;
    int64_t low;
    int64_t high;
} duality_failure;

/// What the library asks of the program it runs in. Copied by `…_create`; what `memory_user` and `log_user` point to must
/// outlive every object made with them.
typedef struct duality_host {
    uint32_t struct_size;
    int32_t log_level;  ///< DUALITY_LOG_…: this and what matters more is logged
    void* memory_user;
    /// NULL when there is none. `alignment` is a power of two, at most 64. Both functions or none: the global heap.
    void* (*allocate)(void* user, size_t bytes, size_t alignment);
    void (*release)(void* user, void* memory, size_t bytes, size_t alignment);
    void* log_user;
    /// One line without an end of line; valid during the call. Never a payload, an address or a key. May be NULL.
    void (*log)(void* user, int32_t level, const char* message);
} duality_host;

/// The 64-bit number nearest to `reference` whose low `bits` bits (1 … 63) are `truncated`.
DUALITY_API duality_status duality_unwrap_nearest(int64_t reference, uint64_t truncated, uint32_t bits,
                                                  int64_t* number);

// ---------------------------------------------------------------------------------------------------------------------
// Jitter hold: keeps the packets of one stream until their slot, in order, each once

typedef struct duality_jitter_hold duality_jitter_hold;

typedef struct duality_jitter_hold_config {
    uint32_t struct_size;
    uint32_t capacity;        ///< packets held at once, rounded up to a power of two, 8 … 16384; 72 bytes each
    int64_t hold_min_ns;      ///< 0 … 1 s; 0 allows pass-through
    int64_t hold_max_ns;      ///< hold_min … 1 s; the most delay the hold may add
    int64_t hold_initial_ns;  ///< hold_min … hold_max
    int64_t deadline_ns;      ///< after origin + baseline a packet is worthless; 1 ms … 10 s
    int64_t
        early_slack_ns;  ///< how much longer a packet that beat the baseline may be kept for an even pace; 0 … 100 ms
    int32_t late;        ///< DUALITY_LATE_POLICY_…
    int32_t mode;        ///< DUALITY_PLAYOUT_…
    int64_t lead_ns;     ///< deadline mode: 0 … 10 s
    int64_t media_offset_ns;         ///< deadline mode: now − origin on an idle shared clock; any
    int64_t origin_ahead_max_ns;     ///< an origin further ahead of the baseline is refused; 10 ms … 60 s
    int64_t origin_behind_max_ns;    ///< and one further behind it; 100 ms … 1 h
    uint32_t sequence_jump_max;      ///< a number further ahead is refused; 64 … 2^31
    uint32_t restart_packets;        ///< refusals in a row that prove that the sender restarted; 2 … 64
    int64_t baseline_window_ns;      ///< samples of relative delay considered; 500 ms … 30 s
    int64_t baseline_step_min_ns;    ///< smallest rise taken for a new level; 0.5 … 1000 ms
    int64_t baseline_step_time_ns;   ///< how long a rise must last; 10 … 2000 ms
    uint32_t baseline_low_permille;  ///< which quantile is the baseline; 0 … 500
    uint32_t baseline_capacity;      ///< samples kept, 24 bytes each; 64 … 32768
    uint32_t baseline_step_packets;  ///< for how many packets in a row a rise must last; 2 … 1000
    uint32_t reserved;
} duality_jitter_hold_config;

/// A packet whose slot has come.
typedef struct duality_released_packet {
    uint32_t struct_size;
    int32_t recovered_by;  ///< DUALITY_RECOVERY_…, as pushed
    uint64_t sequence;
    uint64_t token;
    int64_t origin_ns;
    int64_t due_ns;          ///< its slot; in the past for a packet that came late
    int64_t lateness_ns;     ///< how long after its slot it came; 0 when in time
    int64_t held_ns;         ///< between push and this release
    uint32_t past_deadline;  ///< 1: released after origin + baseline + deadline
    uint32_t reserved;
} duality_released_packet;

typedef struct duality_jitter_hold_statistics {
    uint32_t struct_size;
    uint32_t size;              ///< packets held now
    int64_t hold_ns;            ///< as now set
    int64_t baseline_ns;        ///< arrival − origin on the idle path, as now estimated
    uint64_t accepted;          ///< pushes answered ok
    uint64_t duplicates;        ///< the sequence number was seen before
    uint64_t dropped_late;      ///< past the deadline, dropped by policy
    uint64_t dropped_stale;     ///< too old for the duplicate window to know
    uint64_t refused_origin;    ///< origin absurdly far from the baseline
    uint64_t refused_sequence;  ///< sequence number absurdly far ahead
    uint64_t queue_full;
    uint64_t released;
    uint64_t released_late;  ///< after their slot
    uint64_t released_past_deadline;
    uint64_t released_by[5];  ///< by DUALITY_RECOVERY_…
    uint64_t reordered;       ///< accepted behind a higher sequence number
    uint64_t level_steps_up;
    uint64_t level_steps_down;
    uint64_t restarts;  ///< sender restarts recognised
    uint64_t clock_backwards;
} duality_jitter_hold_statistics;

DUALITY_API duality_status duality_jitter_hold_config_default(duality_jitter_hold_config* config);
/// `config`, `host` and `failure` may be NULL.
DUALITY_API duality_status duality_jitter_hold_create(const duality_jitter_hold_config* config,
                                                      const duality_host* host, duality_failure* failure,
                                                      duality_jitter_hold** hold);
DUALITY_API duality_status duality_jitter_hold_destroy(duality_jitter_hold* hold);
/// Offers a packet; `token` is the caller's and comes out of `poll` exactly once when the answer is DUALITY_OK.
/// DUALITY_DUPLICATE, DUALITY_LATE, DUALITY_OUT_OF_WINDOW: not taken. DUALITY_QUEUE_FULL: poll first, push again.
DUALITY_API duality_status duality_jitter_hold_push(duality_jitter_hold* hold, int64_t now_ns, uint64_t sequence,
                                                    int64_t origin_ns, uint64_t token, int32_t recovered_by);
/// The next packet whose slot has come; DUALITY_NEED_MORE: none before the next timeout.
DUALITY_API duality_status duality_jitter_hold_poll(duality_jitter_hold* hold, int64_t now_ns,
                                                    duality_released_packet* packet);
DUALITY_API duality_status duality_jitter_hold_next_timeout(const duality_jitter_hold* hold, int64_t* at_ns);
/// For packets pushed from now on, clamped to the configured range; 0 also releases what is held.
DUALITY_API duality_status duality_jitter_hold_set_hold(duality_jitter_hold* hold, int64_t now_ns, int64_t hold_ns);
DUALITY_API duality_status duality_jitter_hold_set_deadline(duality_jitter_hold* hold, int64_t deadline_ns);
DUALITY_API duality_status duality_jitter_hold_set_lead(duality_jitter_hold* hold, int64_t lead_ns);
DUALITY_API duality_status duality_jitter_hold_set_media_offset(duality_jitter_hold* hold, int64_t offset_ns);
/// Starts a new stream: what is held becomes due now. Counters stay.
DUALITY_API duality_status duality_jitter_hold_reset(duality_jitter_hold* hold, int64_t now_ns);
DUALITY_API duality_status duality_jitter_hold_get_statistics(const duality_jitter_hold* hold,
                                                              duality_jitter_hold_statistics* statistics);

// ---------------------------------------------------------------------------------------------------------------------
// Regime detector: what kind of weather a path has, from the arrivals of one flow

typedef struct duality_regime_detector duality_regime_detector;

typedef struct duality_regime_config {
    uint32_t struct_size;
    uint32_t gap_permyriad;      ///< inter-arrival quantile that silence is measured by; 5000 … 9999
    int64_t gap_floor_ns;        ///< least gap limit; 1 ms … 1 s
    int64_t gap_ceiling_ns;      ///< greatest, unless two packet intervals are longer; … 10 s
    int64_t gap_margin_ns;       ///< above the quantile; 0 … 1 s
    int64_t burst_max_ns;        ///< a longer run of missing packets is an outage; 1 ms … 10 s
    int64_t jittery_above_ns;    ///< j_fast that makes a path jittery; 0.1 … 1000 ms
    int64_t jittery_below_ns;    ///< and under which it stops; 0.1 ms … jittery_above
    int64_t congested_above_ns;  ///< queue delay that makes a path congested; 1 … 1000 ms
    int64_t congested_below_ns;  ///< and under which it stops; 1 ms … congested_above
    int64_t congested_time_ns;   ///< how long it must last; 0 … 10 s
    int64_t linger_ns;  ///< a calmer regime begins only this long after the last sign of the present one; 0 … 60 s
    int64_t delay_jump_max_ns;   ///< a relative delay further off the baseline is refused; 100 ms … 1 h
    uint32_t lossy_from;         ///< loss20 that makes a path lossy; 1 … 20
    uint32_t sequence_jump_max;  ///< a number further ahead is refused; 64 … 2^31
    uint32_t restart_packets;    ///< refusals in a row that prove a restart of the sender; 2 … 64
    uint32_t change_enabled;     ///< 0: no alarms
    int64_t change_margin_ns;    ///< a delay must exceed a quantile by this much; 0 … 100 ms
    uint32_t change_false_alarms_per_1000_hours;  ///< wanted; 1 … 1000000
    uint32_t baseline_low_permille;               ///< these six as in duality_jitter_hold_config
    int64_t baseline_window_ns;
    int64_t baseline_step_min_ns;
    int64_t baseline_step_time_ns;
    uint32_t baseline_capacity;
    uint32_t baseline_step_packets;
} duality_regime_config;

typedef struct duality_regime_features {
    uint32_t struct_size;
    int32_t current;                  ///< DUALITY_REGIME_…
    int64_t j_fast_ns;                ///< EWMA 0.2 of the inter-arrival deviation
    int64_t j_slow_ns;                ///< EWMA 0.05 of the same
    uint32_t loss20;                  ///< packets missing among the last 20 expected
    uint32_t loss_ppm;                ///< loss share over about 128 packets, outages left out
    uint32_t loss_slow_ppm;           ///< the same over about 1024 packets
    uint32_t mean_burst_x16;          ///< mean length of a loss burst in 1/16 packets; 0: no loss seen
    int64_t gap_ns;                   ///< length of the present silence
    int64_t gap_limit_ns;             ///< silence from which on this flow is in an outage
    int64_t interval_ns;              ///< mean spacing of packets at the sender
    int64_t delay_above_baseline_ns;  ///< of the latest packet; negative when it beat the baseline
    int64_t queue_delay_ns;           ///< least delay above the baseline of the last 8 packets
    int64_t delay_p50_ns;             ///< quantiles of the delay above the baseline over about 512 packets
    int64_t delay_p95_ns;
    int64_t delay_p99_ns;
    uint32_t miss_ppm[8];  ///< share of packets later than a hold of 0, 5, 10, 15, 20, 25, 30 and 40 ms
    uint64_t packets;      ///< arrivals behind all this
} duality_regime_features;

typedef struct duality_regime_event {
    uint32_t struct_size;
    int32_t kind;  ///< DUALITY_REGIME_EVENT_…
    int64_t at_ns;
    int32_t from;  ///< DUALITY_REGIME_…
    int32_t to;
    int64_t baseline_before_ns;
    int64_t baseline_after_ns;
} duality_regime_event;

typedef struct duality_regime_statistics {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t arrivals;
    uint64_t duplicates;
    uint64_t reordered;
    uint64_t refused;  ///< sequence number or delay absurdly far off
    uint64_t restarts;
    uint64_t expected;     ///< packets whose fate is settled
    uint64_t lost;         ///< of those, missing
    uint64_t loss_bursts;  ///< runs of missing packets, outages included
    uint64_t outages;      ///< silences that reached the gap limit
    uint64_t level_steps;
    uint64_t delay_alarms;
    uint64_t loss_alarms;
    uint64_t events_dropped;  ///< `poll_event` was not called
    uint64_t clock_backwards;
} duality_regime_statistics;

DUALITY_API duality_status duality_regime_config_default(duality_regime_config* config);
DUALITY_API duality_status duality_regime_detector_create(const duality_regime_config* config, const duality_host* host,
                                                          duality_failure* failure, duality_regime_detector** detector);
DUALITY_API duality_status duality_regime_detector_destroy(duality_regime_detector* detector);
/// A packet that arrived on its own, never a rebuilt one. DUALITY_DUPLICATE, DUALITY_LATE, DUALITY_OUT_OF_WINDOW: counted.
DUALITY_API duality_status duality_regime_detector_on_arrival(duality_regime_detector* detector, int64_t now_ns,
                                                              uint64_t sequence, int64_t origin_ns);
/// Lets time pass: silence becomes an outage.
DUALITY_API duality_status duality_regime_detector_handle_timeout(duality_regime_detector* detector, int64_t now_ns);
DUALITY_API duality_status duality_regime_detector_next_timeout(const duality_regime_detector* detector,
                                                                int64_t* at_ns);
DUALITY_API duality_status duality_regime_detector_get_features(const duality_regime_detector* detector, int64_t now_ns,
                                                                duality_regime_features* features);
/// DUALITY_NEED_MORE: nothing happened.
DUALITY_API duality_status duality_regime_detector_poll_event(duality_regime_detector* detector,
                                                              duality_regime_event* event);
DUALITY_API duality_status duality_regime_detector_get_statistics(const duality_regime_detector* detector,
                                                                  duality_regime_statistics* statistics);

// ---------------------------------------------------------------------------------------------------------------------
// Controller: hold depth, parity rate, repair on request and second-path use, from what is known about a path

typedef struct duality_controller duality_controller;

typedef struct duality_controller_config {
    uint32_t struct_size;
    int32_t law;                    ///< DUALITY_LAW_…
    int64_t hold_min_ns;            ///< 0 … 1 s; also the hold at start
    int64_t hold_max_ns;            ///< hold_min … 1 s
    uint32_t parity_max_bp;         ///< 0 … 10000 basis points
    uint32_t hold_enabled;          ///< 0: the hold stays at hold_min
    uint32_t reactive_enabled;      ///< 0: repair on request stays off
    uint32_t second_path_enabled;   ///< 0: the second path stays off
    int64_t hold_budget_ns;         ///< added delay to keep at p95; 0 … 1 s. This and what follows: adaptive law only
    int64_t hold_up_per_second_ns;  ///< 4 … 1000 ms
    int64_t hold_down_per_second_ns;     ///< 4 … 1000 ms
    int64_t second_path_linger_ns;       ///< stays on this long after its reason; 0 … 60 s
    uint32_t hold_over_permille;         ///< share of the time that a deeper hold is allowed; 0 … 1000
    uint32_t hold_gain_ppm;              ///< misses that 1 ms more of hold must save; 1 … 1000000
    uint32_t clean_ppm;                  ///< loss up to this is a clean path: no parity; 0 … 1000000
    uint32_t parity_per_loss_x16;        ///< proactive parity = loss × this / 16; 0 … 256
    uint32_t parity_up_bp_per_second;    ///< 200 … 100000
    uint32_t parity_down_bp_per_second;  ///< 200 … 100000
    uint32_t reactive_permille;  ///< repair on request up to a round trip of this share of the deadline; 0 … 1000
    uint32_t reserved;
} duality_controller_config;

typedef struct duality_control_inputs {
    uint32_t struct_size;
    int32_t current;                          ///< DUALITY_REGIME_…
    const duality_regime_features* features;  ///< NULL: nothing is known
    int64_t rtt_ns;                           ///< 0: unknown
    int64_t deadline_ns;
    uint32_t second_path_available;
    uint32_t congestion;            ///< somebody above knows that the losses are congestion
    uint32_t overhead_headroom_bp;  ///< parity that the overhead budget still allows
    uint32_t cpu_share_permille;
    uint32_t cpu_cap_permille;
    uint32_t metered_budget_left;
} duality_control_inputs;

typedef struct duality_control_outputs {
    uint32_t struct_size;
    uint32_t parity_bp;
    int64_t hold_ns;
    uint32_t reactive;
    uint32_t second_path;
} duality_control_outputs;

/// One change of one output, with everything that entered the decision.
typedef struct duality_decision {
    uint32_t struct_size;
    int32_t output;  ///< DUALITY_CONTROL_…
    int32_t reason;  ///< DUALITY_REASON_…, which also says the unit of `threshold`
    uint32_t reserved;
    int64_t at_ns;
    int64_t threshold;
    int64_t old_value;  ///< ns (hold), basis points (parity), 0 or 1
    int64_t new_value;
    int64_t since_change_ns;               ///< since this output changed last; DUALITY_NEVER when it never did
    int64_t quiet_for_ns;                  ///< reference law: how long there was no loss and j_slow below 6 ms
    int64_t hold_credit_ns;                ///< adaptive law: time that the hold may still spend above hold_budget
    const duality_control_inputs* inputs;  ///< lent until the next call on the object that told of it
} duality_decision;

typedef struct duality_controller_statistics {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t updates;
    uint64_t hold_changes;
    uint64_t parity_changes;
    uint64_t reactive_changes;
    uint64_t second_path_changes;
    uint64_t events_dropped;  ///< `poll_event` was not called
    uint64_t clock_backwards;
} duality_controller_statistics;

DUALITY_API duality_status duality_controller_config_default(duality_controller_config* config);
DUALITY_API duality_status duality_control_inputs_default(duality_control_inputs* inputs);
DUALITY_API duality_status duality_controller_create(const duality_controller_config* config, const duality_host* host,
                                                     duality_failure* failure, duality_controller** controller);
DUALITY_API duality_status duality_controller_destroy(duality_controller* controller);
/// Takes the state of things at `now_ns`, once per packet or every 10–20 ms. `outputs` may be NULL.
DUALITY_API duality_status duality_controller_update(duality_controller* controller, int64_t now_ns,
                                                     const duality_control_inputs* inputs,
                                                     duality_control_outputs* outputs);
DUALITY_API duality_status duality_controller_get_outputs(const duality_controller* controller,
                                                          duality_control_outputs* outputs);
/// DUALITY_NEED_MORE: nothing was decided.
DUALITY_API duality_status duality_controller_poll_event(duality_controller* controller, duality_decision* decision);
DUALITY_API duality_status duality_controller_get_statistics(const duality_controller* controller,
                                                             duality_controller_statistics* statistics);

// ---------------------------------------------------------------------------------------------------------------------
// Parity: erasure codes over GF(2^8)

typedef struct duality_parity_encoder duality_parity_encoder;
typedef struct duality_parity_decoder duality_parity_decoder;
typedef struct duality_block_code duality_block_code;

/// The same for both ends, except where a field says so.
typedef struct duality_parity_config {
    uint32_t struct_size;
    int32_t code;             ///< encoder: DUALITY_PARITY_…, until `use`
    uint32_t max_window;      ///< packets a repair may cover, 1 … 4095
    uint32_t max_symbol;      ///< largest packet and 3 bytes, 8 … 65535
    uint32_t symbol_size;     ///< fixed symbol size of RFC 8681, at most max_symbol; 0: as long as the longest packet
    uint32_t decoder_window;  ///< decoder: packets remembered, max_window … 16384; 0: twice max_window
    uint32_t max_equations;   ///< decoder: repairs that can wait for the missing rest, … 4095; 0: max_window
    uint32_t max_jump;        ///< decoder: a number further ahead needs a second one to be believed; 64 … 1000000
    uint32_t cached_rows;     ///< coefficient rows kept, a power of two, 16 … 65536
    uint32_t density_threshold;  ///< encoder: DT of its repairs, 0 … 15
    uint32_t rs_roots;           ///< DUALITY_PARITY_RS: repairs per block, 1 … 128
    uint32_t rs_first_root;      ///< 0 … 254
    uint32_t rs_primitive;       ///< 1 … 254, coprime to 255
    uint32_t repairs_ahead;      ///< encoder: repairs of an announced pace that are made ahead of time, 1 … 64
} duality_parity_config;

/// Which repair: its code and its payload ID (RFC 8681, section 4.1.3).
typedef struct duality_repair {
    uint32_t struct_size;
    int32_t code;                ///< DUALITY_PARITY_…; travels outside of the payload ID
    uint32_t repair_key;         ///< 16 bits: seed of the coefficients, or index of the repair in its block
    uint32_t density_threshold;  ///< DT, 0 … 15
    uint32_t window_size;        ///< NSS, 1 … 4095: consecutive packets covered
    uint32_t first_esi;          ///< the oldest of them
} duality_repair;

typedef struct duality_parity_encoder_statistics {
    uint32_t struct_size;
    uint32_t size;           ///< packets in the window
    uint32_t first_esi;      ///< the oldest of them; meaningful once one was pushed
    uint32_t next_esi;       ///< the one to be pushed next
    uint64_t sources;        ///< packets accepted
    uint64_t source_bytes;   ///< of application data in them
    uint64_t repairs;        ///< made
    uint64_t repair_bytes;   ///< of repair symbols
    uint64_t repairs_ahead;  ///< of the repairs: expected, and made ahead of time
} duality_parity_encoder_statistics;

/// A packet the decoder rebuilt.
typedef struct duality_recovered {
    uint32_t struct_size;
    uint32_t esi;
    uint32_t flow;
    uint32_t expired;     ///< 1: older than what `forget` said is wanted
    const uint8_t* data;  ///< lent until the next call on the decoder that is not const
    size_t size;
} duality_recovered;

/// What is missing now.
typedef struct duality_deficit {
    uint32_t struct_size;
    uint32_t first_missing;   ///< oldest wanted packet that is not there
    uint32_t last_missing;    ///< the newest one
    uint32_t missing;         ///< how many; 0: the other fields mean nothing
    uint32_t symbols_needed;  ///< independent repairs over first … last that would bring all
    uint32_t reserved;
} duality_deficit;

typedef struct duality_parity_decoder_statistics {
    uint32_t struct_size;
    uint32_t newest_esi;          ///< newest packet known to exist, once anything came
    uint64_t received;            ///< packets that came by themselves and were new
    uint64_t recovered;           ///< packets rebuilt from repairs
    uint64_t expired;             ///< of those, older than what was wanted
    uint64_t duplicates;          ///< packets that were there already
    uint64_t late;                ///< packets and repairs older than the window
    uint64_t refused;             ///< packets too large, or too far ahead and not confirmed
    uint64_t unpolled;            ///< recovered packets that fell out of the window before they were polled
    uint64_t repairs_used;        ///< repairs that added an equation
    uint64_t repairs_unneeded;    ///< nothing was missing in their window
    uint64_t repairs_dependent;   ///< they said nothing new about what is missing
    uint64_t repairs_malformed;   ///< fields or sizes that no repair has
    uint64_t repairs_outside;     ///< windows outside of what this decoder knows
    uint64_t inconsistent;        ///< contradicts a packet or the symbol size
    uint64_t equations_dropped;   ///< given up because too many were waiting
    uint64_t equations_outdated;  ///< given up because their packets left the window
} duality_parity_decoder_statistics;

DUALITY_API duality_status duality_parity_config_default(duality_parity_config* config);

DUALITY_API duality_status duality_parity_encoder_create(const duality_parity_config* config, const duality_host* host,
                                                         duality_failure* failure, duality_parity_encoder** encoder);
DUALITY_API duality_status duality_parity_encoder_destroy(duality_parity_encoder* encoder);
/// Adds a packet under the next number (the first one is free). `flow` has 8 bits. DUALITY_INVALID_ARGUMENT: not the next
/// number; DUALITY_TOO_LARGE: nothing was added.
DUALITY_API duality_status duality_parity_encoder_push(duality_parity_encoder* encoder, uint32_t esi, uint32_t flow,
                                                       const uint8_t* data, size_t size);
/// The code of the repairs from now on.
DUALITY_API duality_status duality_parity_encoder_use(duality_parity_encoder* encoder, int32_t code);
/// Makes a repair over `window_size` packets from `first_esi` on. DUALITY_OUT_OF_WINDOW: they are not there, or the block
/// has all the repairs there are.
DUALITY_API duality_status duality_parity_encoder_repair(duality_parity_encoder* encoder, uint32_t first_esi,
                                                         uint32_t window_size, duality_repair* repair, uint8_t* symbol,
                                                         size_t capacity, size_t* needed);
/// Over the newest `window_size` packets, or all there are. DUALITY_NEED_MORE: there are none.
DUALITY_API duality_status duality_parity_encoder_repair_newest(duality_parity_encoder* encoder, uint32_t window_size,
                                                                duality_repair* repair, uint8_t* symbol,
                                                                size_t capacity, size_t* needed);
/// From now on `repair_newest` over `window_size` packets is expected after every `every` of them: such repairs are made a
/// little with each packet. 0: no pace any more. DUALITY_INVALID_ARGUMENT: no window, or more than every × repairs_ahead.
DUALITY_API duality_status duality_parity_encoder_expect_repairs(duality_parity_encoder* encoder, uint32_t window_size,
                                                                 uint32_t every);
/// The data of a packet still in the window; lent until the next call that is not const. DUALITY_OUT_OF_WINDOW otherwise.
DUALITY_API duality_status duality_parity_encoder_source(const duality_parity_encoder* encoder, uint32_t esi,
                                                         const uint8_t** data, size_t* size);
/// Forgets all packets; the next one may have any number.
DUALITY_API duality_status duality_parity_encoder_reset(duality_parity_encoder* encoder);
DUALITY_API duality_status duality_parity_encoder_get_statistics(const duality_parity_encoder* encoder,
                                                                 duality_parity_encoder_statistics* statistics);

DUALITY_API duality_status duality_parity_decoder_create(const duality_parity_config* config, const duality_host* host,
                                                         duality_failure* failure, duality_parity_decoder** decoder);
DUALITY_API duality_status duality_parity_decoder_destroy(duality_parity_decoder* decoder);
/// Says with which number the packets begin, before anything has come. DUALITY_WRONG_STATE afterwards.
DUALITY_API duality_status duality_parity_decoder_begin(duality_parity_decoder* decoder, uint32_t first_esi);
/// A packet that arrived. DUALITY_DUPLICATE, DUALITY_LATE, DUALITY_TOO_LARGE, DUALITY_OUT_OF_WINDOW, DUALITY_INCONSISTENT.
DUALITY_API duality_status duality_parity_decoder_push_source(duality_parity_decoder* decoder, uint32_t esi,
                                                              uint32_t flow, const uint8_t* data, size_t size);
/// A repair that arrived. DUALITY_NO_CHANGE: brought nothing new; DUALITY_LATE, DUALITY_OUT_OF_WINDOW: its window is not
/// known here; DUALITY_MALFORMED, DUALITY_TOO_LARGE, DUALITY_INCONSISTENT: refused.
DUALITY_API duality_status duality_parity_decoder_push_repair(duality_parity_decoder* decoder,
                                                              const duality_repair* repair, const uint8_t* symbol,
                                                              size_t size);
/// Takes one rebuilt packet; DUALITY_NEED_MORE: there is none.
DUALITY_API duality_status duality_parity_decoder_poll(duality_parity_decoder* decoder, duality_recovered* recovered);
/// Packets before `before_esi` are no longer wanted.
DUALITY_API duality_status duality_parity_decoder_forget(duality_parity_decoder* decoder, uint32_t before_esi);
DUALITY_API duality_status duality_parity_decoder_get_deficit(const duality_parity_decoder* decoder,
                                                              duality_deficit* deficit);
/// Is this packet there, received or rebuilt? 0 or 1.
DUALITY_API duality_status duality_parity_decoder_has(const duality_parity_decoder* decoder, uint32_t esi,
                                                      uint32_t* has);
DUALITY_API duality_status duality_parity_decoder_get_statistics(const duality_parity_decoder* decoder,
                                                                 duality_parity_decoder_statistics* statistics);

/// The payload ID as 8 bytes on the wire, and back (`code` stays as it is).
DUALITY_API duality_status duality_repair_write(const duality_repair* repair, uint8_t* bytes, size_t capacity,
                                                size_t* needed);
DUALITY_API duality_status duality_repair_parse(const uint8_t* bytes, size_t size, duality_repair* repair);

typedef struct duality_block_config {
    uint32_t struct_size;
    uint32_t max_sources;  ///< largest block, 1 … 255; with max_repairs at most 256
    uint32_t max_repairs;  ///< repairs per block, 1 … 255
    uint32_t reserved;
} duality_block_config;

DUALITY_API duality_status duality_block_config_default(duality_block_config* config);
DUALITY_API duality_status duality_block_code_create(const duality_block_config* config, const duality_host* host,
                                                     duality_failure* failure, duality_block_code** code);
DUALITY_API duality_status duality_block_code_destroy(duality_block_code* code);
/// Makes repairs `first_index`, `first_index + 1`, … of a block of symbols of `size` bytes each.
DUALITY_API duality_status duality_block_code_encode(duality_block_code* code, const uint8_t* const* sources,
                                                     uint32_t source_count, uint8_t* const* repairs,
                                                     uint32_t repair_count, uint32_t first_index, size_t size);
/// Writes the missing symbols of a block: `sources[i]` is read where `present[i]` is not 0 and written where it is.
/// `repairs[i]` is the repair with number `indices[i]`. DUALITY_NEED_MORE: fewer repairs than missing symbols, nothing
/// was written; DUALITY_MALFORMED: an index is out of range or comes twice.
DUALITY_API duality_status duality_block_code_decode(duality_block_code* code, uint8_t* const* sources,
                                                     const uint8_t* present, uint32_t source_count,
                                                     const uint8_t* const* repairs, const uint32_t* indices,
                                                     uint32_t repair_count, size_t size);

/// When to send how much parity.
typedef struct duality_parity_policy_config {
    uint32_t struct_size;
    uint32_t max_rate_bp;     ///< hard cap in basis points of the packets, 0 … 10000
    uint32_t per_loss_x16;    ///< parity = loss × this / 16; 0 … 256
    uint32_t clean_loss_ppm;  ///< up to this loss there is no parity; 0 … 1000000
    uint32_t max_window;      ///< widest window in packets, 1 … 4095
    uint32_t max_burst_x100;  ///< longest burst, packets × 100, that parity is tried against; 100 … 100000
} duality_parity_policy_config;

typedef struct duality_parity_conditions {
    uint32_t struct_size;
    uint32_t loss_ppm;    ///< of packets, losses repaired not counted as arrivals
    int64_t deadline_ns;  ///< within which a rebuilt packet is of use
    int64_t interval_ns;  ///< mean time between packets; above zero
    uint32_t burst_x100;  ///< mean length of a loss burst, packets × 100; 100: independent
    uint32_t congestion;  ///< 1: the losses come from a full queue
} duality_parity_conditions;

typedef struct duality_parity_plan {
    uint32_t struct_size;
    uint32_t rate_bp;  ///< repairs per 10000 packets; 0: none
    uint32_t window;   ///< packets a repair covers; 0: none
    uint32_t reserved;
} duality_parity_plan;

DUALITY_API duality_status duality_parity_policy_config_default(duality_parity_policy_config* config);
/// Rate and window. Nothing on a clean path, under congestion, and against bursts longer than configured. `config` may be
/// NULL. DUALITY_INVALID_CONFIG: a field is out of range.
DUALITY_API duality_status duality_parity_make_plan(const duality_parity_policy_config* config,
                                                    const duality_parity_conditions* conditions,
                                                    duality_parity_plan* plan);

/// Sender side of repair on request: answers reports of what is missing without answering the same one twice.
typedef struct duality_repair_generator duality_repair_generator;

typedef struct duality_repair_generator_config {
    uint32_t struct_size;
    uint32_t max_repairs;       ///< per report, 1 … 255
    uint32_t margin_loss_x16;   ///< last round: extra = needed × loss × this / 16, rounded up; 0 … 1024
    uint32_t last_round_extra;  ///< and at least this many, 0 … 16
} duality_repair_generator_config;

/// What a receiver reports: its deficit, and by when it is needed.
typedef struct duality_deficit_report {
    uint32_t struct_size;
    uint32_t first_missing;
    uint32_t last_missing;
    uint32_t symbols_needed;  ///< 0: nothing is missing
    int64_t time_left_ns;     ///< from writing the report until `first_missing` is worthless
    int64_t round_trip_ns;    ///< from a repair leaving to its absence being known at the sender
    uint32_t loss_ppm;
    uint32_t reserved;
} duality_deficit_report;

/// Repairs to make now: `count` of them over [first_esi, first_esi + window).
typedef struct duality_repair_order {
    uint32_t struct_size;
    uint32_t first_esi;
    uint32_t window;
    uint32_t count;  ///< 0: none
} duality_repair_order;

typedef struct duality_repair_generator_statistics {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t reports;    ///< with something missing
    uint64_t repairs;    ///< ordered
    uint64_t in_flight;  ///< reports answered by repairs already under way
    uint64_t hopeless;   ///< reports whose repair could not arrive in time
    uint64_t outside;    ///< reports about packets that are not in the encoder's window
} duality_repair_generator_statistics;

DUALITY_API duality_status duality_repair_generator_config_default(duality_repair_generator_config* config);
DUALITY_API duality_status duality_repair_generator_create(const duality_repair_generator_config* config,
                                                           const duality_host* host, duality_failure* failure,
                                                           duality_repair_generator** generator);
DUALITY_API duality_status duality_repair_generator_destroy(duality_repair_generator* generator);
/// What to send for a report that arrived at `now_ns`; the window of the encoder is [first_esi, next_esi).
DUALITY_API duality_status duality_repair_generator_answer(duality_repair_generator* generator, int64_t now_ns,
                                                           const duality_deficit_report* report, uint32_t first_esi,
                                                           uint32_t next_esi, duality_repair_order* order);
DUALITY_API duality_status duality_repair_generator_get_statistics(const duality_repair_generator* generator,
                                                                   duality_repair_generator_statistics* statistics);

// ---------------------------------------------------------------------------------------------------------------------
// Statistics: what reports are made of

/// Packet delay variation (RFC 5481, section 4.2): each delay less the least one.
typedef struct duality_delay_variation duality_delay_variation;

DUALITY_API duality_status duality_delay_variation_create(const duality_host* host,
                                                          duality_delay_variation** variation);
DUALITY_API duality_status duality_delay_variation_destroy(duality_delay_variation* variation);
DUALITY_API duality_status duality_delay_variation_add(duality_delay_variation* variation, int64_t delay_ns);
/// What a share of `permyriad` / 10000 of the packets does not exceed; 0 while empty. `samples` may be NULL.
DUALITY_API duality_status duality_delay_variation_quantile(const duality_delay_variation* variation,
                                                            uint32_t permyriad, int64_t* quantile_ns,
                                                            uint64_t* samples);
DUALITY_API duality_status duality_delay_variation_clear(duality_delay_variation* variation);

/// Interarrival jitter (RFC 3550, section 6.4.1) of relative delays (arrival − origin), in order of arrival.
typedef struct duality_interarrival_jitter duality_interarrival_jitter;

DUALITY_API duality_status duality_interarrival_jitter_create(const duality_host* host,
                                                              duality_interarrival_jitter** jitter);
DUALITY_API duality_status duality_interarrival_jitter_destroy(duality_interarrival_jitter* jitter);
DUALITY_API duality_status duality_interarrival_jitter_add(duality_interarrival_jitter* jitter, int64_t delay_ns);
DUALITY_API duality_status duality_interarrival_jitter_value(const duality_interarrival_jitter* jitter,
                                                             int64_t* jitter_ns);
DUALITY_API duality_status duality_interarrival_jitter_clear(duality_interarrival_jitter* jitter);

/// Burst and gap metrics (RFC 3611, section 4.7.2) of packets' fates in order of sequence.
typedef struct duality_burst_gap duality_burst_gap;

typedef struct duality_burst_gap_metrics {
    uint32_t struct_size;
    uint32_t burst_density_ppm;  ///< share of lost packets inside bursts
    uint32_t gap_density_ppm;    ///< and inside gaps
    uint32_t reserved;
    uint64_t packets;
    uint64_t lost;
    uint64_t bursts;
    uint64_t mean_burst_packets;
    uint64_t mean_gap_packets;
} duality_burst_gap_metrics;

/// `gmin` received packets in a row end a burst, 1 … 255; RFC 3611 recommends 16.
DUALITY_API duality_status duality_burst_gap_create(uint32_t gmin, const duality_host* host,
                                                    duality_burst_gap** metrics);
DUALITY_API duality_status duality_burst_gap_destroy(duality_burst_gap* metrics);
DUALITY_API duality_status duality_burst_gap_add(duality_burst_gap* metrics, uint32_t lost);
DUALITY_API duality_status duality_burst_gap_get_metrics(const duality_burst_gap* metrics,
                                                         duality_burst_gap_metrics* out);
DUALITY_API duality_status duality_burst_gap_clear(duality_burst_gap* metrics);

/// Silences by length.
typedef struct duality_outage_ledger duality_outage_ledger;

typedef struct duality_outages {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t at_least[4];  ///< how many lasted 40, 80, 120 and 300 ms or longer
    int64_t longest_ns;
    int64_t total_ns;  ///< of those from 40 ms on
} duality_outages;

DUALITY_API duality_status duality_outage_ledger_create(const duality_host* host, duality_outage_ledger** ledger);
DUALITY_API duality_status duality_outage_ledger_destroy(duality_outage_ledger* ledger);
/// The time between one arrival and the next.
DUALITY_API duality_status duality_outage_ledger_add(duality_outage_ledger* ledger, int64_t silence_ns);
DUALITY_API duality_status duality_outage_ledger_get_outages(const duality_outage_ledger* ledger,
                                                             duality_outages* outages);
DUALITY_API duality_status duality_outage_ledger_clear(duality_outage_ledger* ledger);

/// Service-level monitor: an alarm when more packets miss their deadline than was agreed. It may be asked after every
/// packet; false alarms come no more often than promised all the same.
typedef struct duality_service_level duality_service_level;

typedef struct duality_service_level_config {
    uint32_t struct_size;
    int32_t promise;                  ///< DUALITY_ALARM_…
    int64_t block_ns;                 ///< an alarm comes at the end of one; long against bursts; 10 ms … 1 h
    int64_t between_false_alarms_ns;  ///< with DUALITY_ALARM_MEAN_TIME; 1 min … 10 years
    uint32_t miss_max_ppm;            ///< agreed share of packets that miss the deadline; 1 … 500000
    uint32_t false_alarm_ppm;         ///< with DUALITY_ALARM_PROBABILITY; 1 … 500000
} duality_service_level_config;

typedef struct duality_service_level_statistics {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t packets;
    uint64_t missed;  ///< of them, their deadline
    uint64_t blocks;  ///< ended, with packets in them
    uint64_t alarms;
    int64_t last_alarm_ns;     ///< DUALITY_NEVER: none yet
    uint64_t clock_backwards;  ///< calls with a time before the last one; it was clamped
    double evidence;           ///< what the bets against the agreed share have come to
    double threshold;          ///< an alarm is raised when the evidence reaches it
} duality_service_level_statistics;

DUALITY_API duality_status duality_service_level_config_default(duality_service_level_config* config);
DUALITY_API duality_status duality_service_level_create(const duality_service_level_config* config,
                                                        const duality_host* host, duality_failure* failure,
                                                        duality_service_level** monitor);
DUALITY_API duality_status duality_service_level_destroy(duality_service_level* monitor);
/// A packet's fate became known: it was there by its deadline (1) or not (0). `alarm` (may be NULL): 1 when an alarm was
/// raised, for the blocks that ended before `at_ns`.
DUALITY_API duality_status duality_service_level_observe(duality_service_level* monitor, int64_t at_ns,
                                                         uint32_t in_time, uint32_t* alarm);
/// Lets time pass without a packet. `alarm` as above.
DUALITY_API duality_status duality_service_level_advance(duality_service_level* monitor, int64_t at_ns,
                                                         uint32_t* alarm);
DUALITY_API duality_status duality_service_level_get_statistics(const duality_service_level* monitor,
                                                                duality_service_level_statistics* statistics);

// ---------------------------------------------------------------------------------------------------------------------
// Several paths

/// Exactly-once acceptance of numbered packets that come over any path, and the record of what is missing.
typedef struct duality_aggregator duality_aggregator;

typedef struct duality_aggregator_config {
    uint32_t struct_size;
    uint32_t window;  ///< packets remembered, 24 bytes each; 64 … 65536
} duality_aggregator_config;

typedef struct duality_aggregator_statistics {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t newest;  ///< number, once anything came
    uint64_t accepted;
    uint64_t duplicates;   ///< further copies of a packet already known
    uint64_t outdated;     ///< below the window
    uint64_t implausible;  ///< further ahead than the window is long, and not confirmed by a second packet
    uint64_t restarts;     ///< the peer's numbering began anew
} duality_aggregator_statistics;

DUALITY_API duality_status duality_aggregator_config_default(duality_aggregator_config* config);
DUALITY_API duality_status duality_aggregator_create(const duality_aggregator_config* config, const duality_host* host,
                                                     duality_failure* failure, duality_aggregator** aggregator);
DUALITY_API duality_status duality_aggregator_destroy(duality_aggregator* aggregator);
/// The 64-bit number that a 32-bit one on the wire stands for.
DUALITY_API duality_status duality_aggregator_unwrap(const duality_aggregator* aggregator, uint32_t esi,
                                                     uint64_t* number);
/// Offers a packet. DUALITY_DUPLICATE, DUALITY_LATE (below the window), DUALITY_OUT_OF_WINDOW (far ahead, not confirmed):
/// not accepted. `newly_missing` (may be NULL): packets that this one shows to be missing.
DUALITY_API duality_status duality_aggregator_accept(duality_aggregator* aggregator, int64_t now_ns, uint64_t number,
                                                     int64_t origin_ns, uint32_t* newly_missing);
/// Was this packet accepted? 0 or 1.
DUALITY_API duality_status duality_aggregator_known(const duality_aggregator* aggregator, uint64_t number,
                                                    uint32_t* known);
DUALITY_API duality_status duality_aggregator_get_statistics(const duality_aggregator* aggregator,
                                                             duality_aggregator_statistics* statistics);

/// How the paths of a session are judged.
typedef struct duality_scheduler_config {
    uint32_t struct_size;
    uint32_t max_paths;           ///< 1 … 16
    uint32_t report_worth;        ///< bytes received that make a peer not in funds report; a session sets its own
    uint32_t leave_suspects;      ///< 1: new packets leave a suspect path at once; a session sets its own
    int64_t report_interval_ns;   ///< how often a receiving peer reports; 1 ms … 1 s
    int64_t suspicion_margin_ns;  ///< silence beyond the habit of the path that is normal; 1 ms … 1 s
    int64_t dead_after_ns;        ///< suspicion this long means dead; 1 ms … 10 s
    int64_t late_after_ns;        ///< a round trip this much beyond the shortest also does; a spread of half as much
                                  ///< makes a path that stalls unsteady; a session sets its own
    int64_t probe_interval_ns;    ///< of a path just found dead; 5 ms … 10 s
    int64_t keep_alive_ns;        ///< of an idle path; 100 ms … 300 s
    int64_t recovery_time_ns;     ///< one that failed again must answer for half this, then twice as long; 0 … 10 s
} duality_scheduler_config;

DUALITY_API duality_status duality_scheduler_config_default(duality_scheduler_config* config);

// ---------------------------------------------------------------------------------------------------------------------
// Clock sync: what the peer's clock shows now, and how wrong that may be

typedef struct duality_clock_sync duality_clock_sync;

typedef struct duality_clock_sync_config {
    uint32_t struct_size;
    uint32_t fast_requests;     ///< so many with the fast interval; 4 … 1000
    int64_t fast_interval_ns;   ///< between the first requests; 10 ms … 10 s
    int64_t slow_interval_ns;   ///< the interval doubles up to this; fast_interval … 1 h
    int64_t round_trip_max_ns;  ///< an exchange that took longer is refused; 1 ms … 1 min
    int64_t holdover_after_ns;  ///< silence that ends DUALITY_CLOCK_LOCKED; 100 ms … 1 h
    uint32_t octave_requests;   ///< the interval doubles after every so many; 1 … 1000
    uint32_t lock_samples;      ///< exchanges that make it locked; 2 … 64
    uint32_t restart_samples;   ///< contradictions in a row that prove another clock; 2 … 8
    uint32_t skew_max_ppm;      ///< most the clocks can drift apart; 1 … 1000
    uint32_t holdover_ppm;      ///< the bound never grows more slowly than this; 1 … 1000
    uint32_t slew_max_ppm;      ///< the offset shown is corrected no faster than this; 10 … 100000
} duality_clock_sync_config;

typedef struct duality_clock_estimate {
    uint32_t struct_size;
    int32_t state;              ///< DUALITY_CLOCK_…
    int64_t offset_ns;          ///< the peer's clock − ours
    int64_t error_bound_ns;     ///< the true offset is within offset ± this; DUALITY_NEVER: nothing is known
    int64_t skew_ppb;           ///< how fast the offset grows, ns per second
    int64_t skew_error_ppb;     ///< how fast the bound grows
    int64_t round_trip_min_ns;  ///< of the exchanges in use; 0 without one
    uint32_t samples;           ///< exchanges in use
    uint32_t epoch;             ///< counts the peer's clocks: the offset of another epoch means nothing now
} duality_clock_estimate;

typedef struct duality_clock_sync_statistics {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t requests;
    uint64_t accepted;
    uint64_t duplicates;      ///< answered before
    uint64_t unknown;         ///< answers to nothing that was asked lately
    uint64_t absurd;          ///< timestamps that no two clocks can have
    uint64_t too_slow;        ///< beyond round_trip_max
    uint64_t contradictions;  ///< outside of what the others allow
    uint64_t restarts;        ///< of the peer's clock
    uint64_t clock_backwards;
} duality_clock_sync_statistics;

DUALITY_API duality_status duality_clock_sync_config_default(duality_clock_sync_config* config);
DUALITY_API duality_status duality_clock_sync_create(const duality_clock_sync_config* config, const duality_host* host,
                                                     duality_failure* failure, duality_clock_sync** clock);
DUALITY_API duality_status duality_clock_sync_destroy(duality_clock_sync* clock);
/// When to send the next request.
DUALITY_API duality_status duality_clock_sync_next_request(const duality_clock_sync* clock, int64_t* at_ns);
/// A request leaves now; the peer sends `*t1_ns` back.
DUALITY_API duality_status duality_clock_sync_on_request(duality_clock_sync* clock, int64_t now_ns, int64_t* t1_ns);
/// It was due and could not leave.
DUALITY_API duality_status duality_clock_sync_on_request_refused(duality_clock_sync* clock, int64_t now_ns);
/// An answer: the request of `t1_ns` came to the peer at `t2_ns` and its answer left at `t3_ns`, by the peer's clock.
/// DUALITY_DUPLICATE, DUALITY_OUT_OF_WINDOW, DUALITY_MALFORMED, DUALITY_LATE, DUALITY_INCONSISTENT: not used.
DUALITY_API duality_status duality_clock_sync_on_response(duality_clock_sync* clock, int64_t now_ns, int64_t t1_ns,
                                                          int64_t t2_ns, int64_t t3_ns);
/// The peer is known to be another one.
DUALITY_API duality_status duality_clock_sync_reset(duality_clock_sync* clock, int64_t now_ns);
DUALITY_API duality_status duality_clock_sync_get_estimate(const duality_clock_sync* clock, int64_t now_ns,
                                                           duality_clock_estimate* estimate);
/// What the peer's clock shows at `now_ns`.
DUALITY_API duality_status duality_clock_sync_to_peer(const duality_clock_sync* clock, int64_t now_ns,
                                                      int64_t* peer_ns);
/// When the peer's clock shows or showed `peer_ns`.
DUALITY_API duality_status duality_clock_sync_from_peer(const duality_clock_sync* clock, int64_t peer_ns,
                                                        int64_t* at_ns);
DUALITY_API duality_status duality_clock_sync_get_statistics(const duality_clock_sync* clock,
                                                             duality_clock_sync_statistics* statistics);

// ---------------------------------------------------------------------------------------------------------------------
// Session: everything above as one object, the same at both ends
//
//     duality_session_send(session, now, stream, bytes, size);           the application has a packet
//     duality_session_handle_datagram(session, now, path, bytes, size);  a path brought one
//     duality_session_handle_timeout(session, now);                      the next timeout has come
//     while (duality_session_poll_output(session, now, &output) == DUALITY_OK) …

typedef struct duality_session duality_session;

/// Both ends use the same `max_payload` and `max_streams`; everything else is each end's own.
typedef struct duality_session_config {
    uint32_t struct_size;
    uint32_t max_payload;        ///< largest application packet in bytes; memory grows with it. 2 … 16384
    uint32_t max_streams;        ///< 1 … 64
    uint32_t protected_packets;  ///< newest packets that can be repaired or sent again. 16 … 1024
    uint32_t receive_packets;    ///< packets waiting for their slot, all streams together. 32 … 4096
    uint32_t queue;              ///< datagrams waiting for `poll_output`. 16 … 4096
    uint32_t overhead_cap_bp;    ///< extra bytes per bytes of the application, basis points
    uint32_t control_share_bp;   ///< of the cap, kept for the receiving end's feedback
    int64_t reorder_delay_ns;    ///< a hole is a loss when it is this old, where packets overtake others
    int64_t path_skew_ns;        ///< the same while packets come over several paths
    uint32_t parity;             ///< 0: no proactive parity
    uint32_t reactive;           ///< 0: no repair on request
    uint32_t second_path;        ///< 0: only the best path is used
    int32_t stream_mode;         ///< DUALITY_STREAM_…; this and the next two: of every stream until `set_stream`
    int64_t stream_deadline_ns;  ///< after it would have arrived on an idle path a packet is worthless; 1 ms … 10 s
    int32_t stream_late;         ///< DUALITY_LATE_POLICY_…
    uint32_t sync_clock;         ///< 1: ask for the peer's clock; deadline playout always does
    const duality_jitter_hold_config* hold;  ///< NULL: what duality_session_hold_config_default says
    const duality_regime_config* regime;     ///< NULL: defaults; so for those that follow
    const duality_controller_config* control;
    const duality_scheduler_config* paths;
    const duality_clock_sync_config* clock;
    int64_t close_timeout_ns;  ///< how long an end that closes says so until it is answered; 0 … 1 min
    uint32_t epoch;          ///< a number that no earlier life of this end had: the peer tells a restart by it; 0: none
    uint32_t stream_weight;  ///< of every stream until `set_stream`
    uint32_t events;         ///< 1: an event lane in both directions
    uint32_t lane_carry;     ///< events in a message, the newest among them; 1 … 16
    uint32_t lane_queue;     ///< events that wait for `poll_output`; 16 … 4096
    uint32_t lane_window;    ///< an event further back is too old; 64 … 65536
    int64_t lane_repeat_interval_ns;  ///< between repetitions; 1 ms … 10 s
} duality_session_config;

typedef struct duality_path_config {
    uint32_t struct_size;
    int32_t cost;                ///< DUALITY_COST_…
    uint64_t day_bytes;          ///< budget per UTC day, datagram_overhead included; 0 forbids the path
    uint64_t month_bytes;        ///< per UTC month; DUALITY_UNLIMITED by default, both
    int64_t initial_rtt_ns;      ///< assumed until measured
    uint32_t datagram_overhead;  ///< bytes around each datagram that the network carries: 28 for IPv4 + UDP
    uint32_t max_datagram;       ///< largest datagram in bytes
    uint32_t ahead_bp;           ///< of day_bytes, what may be spent ahead of an even pace; 10,000: no pace
    uint32_t seal_overhead;  ///< bytes that sealing adds to each datagram, beside max_datagram; not the application's
    uint32_t carry_bp;       ///< of both, 1/10,000, what carrying the flow of an unsteady path may use up
    uint32_t reserved;
} duality_path_config;

typedef struct duality_stream_config {
    uint32_t struct_size;
    int32_t mode;         ///< DUALITY_STREAM_…
    int64_t deadline_ns;  ///< 1 ms … 10 s
    int32_t late;         ///< DUALITY_LATE_POLICY_…
    uint32_t weight;      ///< what a packet is worth where not all can be protected, percent of a usual one; 0 … 1000
} duality_stream_config;

/// What a session tells.
typedef struct duality_session_event {
    uint32_t struct_size;
    int32_t kind;  ///< DUALITY_EVENT_…
    int64_t at_ns;
    int32_t error;         ///< DUALITY_ERROR_…, when kind is DUALITY_EVENT_ERROR
    int32_t close_reason;  ///< DUALITY_CLOSE_…, of DUALITY_EVENT_PEER_CLOSED and DUALITY_EVENT_CLOSED
    uint32_t path;         ///< this and what follows: when kind is DUALITY_EVENT_PATH
    int32_t path_event;    ///< DUALITY_PATH_EVENT_…
    int32_t path_from;     ///< DUALITY_PATH_…
    int32_t path_to;
    int64_t silence_ns;                  ///< the input of the decision
    int64_t threshold_ns;                ///< the limit that it crossed
    const duality_decision* decision;    ///< when kind is DUALITY_EVENT_DECISION, else NULL
    const duality_regime_event* regime;  ///< when kind is DUALITY_EVENT_REGIME, else NULL
} duality_session_event;

/// One thing for the caller to do. What is lent (`bytes`, `event`) is valid until the next call on the session.
typedef struct duality_session_output {
    uint32_t struct_size;
    int32_t kind;          ///< DUALITY_OUTPUT_…; only what belongs to it is set
    const uint8_t* bytes;  ///< transmit: the datagram; deliver: the packet; lane: the event
    size_t size;
    const duality_session_event* event;  ///< event
    uint32_t path;                       ///< transmit: the path to put it on
    int32_t transmit;                    ///< transmit: DUALITY_TRANSMIT_…, what it is sent for
    uint32_t stream;                     ///< deliver, as all that follows
    int32_t recovered_by;                ///< DUALITY_RECOVERY_…
    uint64_t number;         ///< counts the peer's packets over all its streams; a jump is a loss. lane: events
    int64_t origin_ns;       ///< when the peer sent it, on the peer's clock; also lane
    int64_t due_ns;          ///< its slot
    int64_t lateness_ns;     ///< after its slot; 0 when in time
    int64_t held_ns;         ///< time in the jitter hold
    uint32_t past_deadline;  ///< 1: delivered although past it
    uint32_t reserved;
} duality_session_output;

/// Bytes include the paths' `datagram_overhead`.
typedef struct duality_session_statistics {
    uint32_t struct_size;
    uint32_t closed;          ///< 1: this end is done
    uint64_t source_packets;  ///< sending: what the application would have sent without us
    uint64_t source_bytes;
    uint64_t framing_bytes;  ///< our header on those packets
    uint64_t parity_packets;
    uint64_t parity_bytes;
    uint64_t reactive_packets;
    uint64_t reactive_bytes;
    uint64_t copies_packets;  ///< on suspicion and failover
    uint64_t copies_bytes;
    uint64_t hot_copies_packets;  ///< of hot streams; paid from the path's budget, not from the overhead cap
    uint64_t hot_copies_bytes;
    uint64_t control_packets;  ///< feedback, probes, clock, close
    uint64_t control_bytes;
    uint64_t refused_by_cap;        ///< extra packets not sent because of the overhead cap
    uint64_t refused_by_budget;     ///< packets not sent because of a path's budget
    uint64_t source_refused;        ///< packets of the application among them
    uint64_t deficits;              ///< reports of missing packets that were answered
    uint64_t expired_deficits;      ///< that no answer could have reached in time
    uint64_t implausible_feedback;  ///< acknowledges what was never sent
    uint64_t accepted;              ///< receiving: packets new to us, received or rebuilt
    uint64_t duplicates;
    uint64_t outdated;         ///< below the window or past the deadline when they came
    uint64_t refused;          ///< implausible, or no room because outputs were not drained
    uint64_t rebuilt;          ///< by the erasure code
    uint64_t repairs;          ///< repair packets received
    uint64_t repairs_refused;  ///< of those, without sense
    uint64_t delivered;
    uint64_t datagrams_received;
    uint64_t malformed;  ///< datagrams that broke off at a byte nobody can read
    uint64_t unsupported_version;
    uint64_t unknown_frames;
    uint64_t repeated_datagrams;  ///< the same datagram twice on one path
    uint64_t clock_backwards;
    uint64_t last_error_offset;      ///< byte of the last malformed datagram that could not be read
    uint64_t events_lost;            ///< because `poll_output` was not called
    uint64_t peer_restarts;          ///< epochs of the peer after the first one
    uint64_t stale_datagrams;        ///< of a life that the peer has left
    uint64_t event_repeats_packets;  ///< events said again: messages with nothing new
    uint64_t event_repeats_bytes;    ///< and bytes of all, from the overhead cap
} duality_session_statistics;

typedef struct duality_path_statistics {
    uint32_t struct_size;
    int32_t state;  ///< DUALITY_PATH_…
    int32_t cost;   ///< DUALITY_COST_…
    uint32_t budget_exhausted;
    int64_t rtt_min_ns;  ///< over the last 5 to 10 s; 0 until measured
    int64_t rtt_smoothed_ns;
    int64_t rtt_deviation_ns;
    int64_t silence_ns;  ///< since the last report, while one is owed
    uint64_t packets_sent;
    uint64_t bytes_sent;
    uint64_t packets_received;
    uint64_t bytes_received;
    uint64_t packets_lost;        ///< holes in the peer's numbers, as seen here
    uint64_t packets_duplicated;  ///< the network's doing
    uint64_t suspicions;
    uint64_t deaths;
} duality_path_statistics;

DUALITY_API duality_status duality_session_config_default(duality_session_config* config);
/// The jitter hold of a session's streams: without the early slack that a hold of its own has.
DUALITY_API duality_status duality_session_hold_config_default(duality_jitter_hold_config* config);
DUALITY_API duality_status duality_path_config_default(duality_path_config* config);
DUALITY_API duality_status duality_stream_config_default(duality_stream_config* config);
/// `config`, `host` and `failure` may be NULL. The host's log gets what the session tells in events.
DUALITY_API duality_status duality_session_create(const duality_session_config* config, const duality_host* host,
                                                  duality_failure* failure, duality_session** session);
DUALITY_API duality_status duality_session_destroy(duality_session* session);

/// A path (0 … 255, the same number at both ends) can now carry datagrams. `config` may be NULL.
/// DUALITY_INVALID_ARGUMENT: the number is in use; DUALITY_QUEUE_FULL: too many paths.
DUALITY_API duality_status duality_session_add_path(duality_session* session, int64_t now_ns, uint32_t path,
                                                    const duality_path_config* config);
DUALITY_API duality_status duality_session_remove_path(duality_session* session, int64_t now_ns, uint32_t path);

/// Sends one packet. Only DUALITY_OK means accepted. DUALITY_QUEUE_FULL: drain `poll_output` first; DUALITY_TOO_LARGE;
/// DUALITY_OVER_BUDGET: no path is left; DUALITY_UNKNOWN_STREAM; DUALITY_CLOSED.
DUALITY_API duality_status duality_session_send(duality_session* session, int64_t now_ns, uint32_t stream,
                                                const uint8_t* bytes, size_t size);
/// Sends one event of at most 100 bytes over the event lane, again with each of the next events, and by itself until
/// `repeat_until_ns` (a time that has passed: not). DUALITY_TOO_LARGE, DUALITY_QUEUE_FULL, DUALITY_WRONG_STATE: no lane;
/// DUALITY_CLOSED.
DUALITY_API duality_status duality_session_send_event(duality_session* session, int64_t now_ns, const uint8_t* bytes,
                                                      size_t size, int64_t repeat_until_ns);
/// A datagram that arrived. DUALITY_MALFORMED, DUALITY_UNSUPPORTED_VERSION: not ours, counted; DUALITY_DUPLICATE: the
/// network delivered it twice; DUALITY_UNKNOWN_PATH; DUALITY_CLOSED.
DUALITY_API duality_status duality_session_handle_datagram(duality_session* session, int64_t now_ns, uint32_t path,
                                                           const uint8_t* bytes, size_t size);
/// Lets time pass. When the next timeout has come; more often does no harm.
DUALITY_API duality_status duality_session_handle_timeout(duality_session* session, int64_t now_ns);
/// The next thing to do; DUALITY_NEED_MORE: nothing until the next timeout.
DUALITY_API duality_status duality_session_poll_output(duality_session* session, int64_t now_ns,
                                                       duality_session_output* output);
/// When to call `handle_timeout` and `poll_output` again if nothing else happens; DUALITY_NEVER when idle.
DUALITY_API duality_status duality_session_next_timeout(const duality_session* session, int64_t* at_ns);

/// From now on. DUALITY_UNKNOWN_STREAM; DUALITY_INVALID_CONFIG: the deadline is out of range.
DUALITY_API duality_status duality_session_set_stream(duality_session* session, int64_t now_ns, uint32_t stream,
                                                      const duality_stream_config* config);
/// Calendar time (ns since 1970, UTC) of an instant, so that daily and monthly budgets renew.
DUALITY_API duality_status duality_session_set_wall_clock(duality_session* session, int64_t now_ns, int64_t wall_ns);
/// Ends the session with DUALITY_CLOSE_…; what is held is still delivered, then DUALITY_EVENT_CLOSED comes.
DUALITY_API duality_status duality_session_close(duality_session* session, int64_t now_ns, int32_t reason);

DUALITY_API duality_status duality_session_get_statistics(const duality_session* session,
                                                          duality_session_statistics* statistics);
DUALITY_API duality_status duality_session_get_path(const duality_session* session, int64_t now_ns, uint32_t path,
                                                    duality_path_statistics* statistics);
/// The jitter hold of a stream.
DUALITY_API duality_status duality_session_get_hold(const duality_session* session, uint32_t stream,
                                                    duality_jitter_hold_statistics* statistics);
/// What the session's detector knows of the peer's packets.
DUALITY_API duality_status duality_session_get_features(const duality_session* session, int64_t now_ns,
                                                        duality_regime_features* features);

/// What is known of the peer's clock (with `sync_clock`, or playout by deadline), and what it shows now.
/// DUALITY_NEED_MORE: nothing yet. `peer_ns` may be NULL.
DUALITY_API duality_status duality_session_get_clock(const duality_session* session, int64_t now_ns,
                                                     duality_clock_estimate* estimate, int64_t* peer_ns);

// ---------------------------------------------------------------------------------------------------------------------
// Lab: whole runs in virtual time. The only functions that use the global heap, and the only ones that take long

typedef struct duality_lab_config {
    uint32_t struct_size;
    int32_t family;   ///< DUALITY_LAB_…; not for a replay
    int32_t variant;  ///< DUALITY_VARIANT_…
    int32_t law;      ///< DUALITY_LAW_…
    uint64_t seed;
    int64_t length_ns;            ///< 1 s … 1 hour; not for a replay
    int64_t hold_ns;              ///< slot after the idle path's arrival, and the least hold
    int64_t deadline_ns;          ///< after the idle path's arrival
    uint32_t packets_per_second;  ///< 1 … 1000; a replay sends when the trace did
    uint32_t payload;             ///< bytes of each packet, 16 … 1200
    uint32_t overhead_cap_bp;     ///< basis points
    uint32_t reserved;
    uint64_t metered_day_bytes;  ///< budget of the second path
    uint64_t metered_month_bytes;
} duality_lab_config;

/// The figures of one run. Percentages are of all packets.
typedef struct duality_lab_result {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t event_hash;  ///< equal hashes: the same run, event by event, on any machine
    uint64_t events;
    uint64_t packets;    ///< each has one of the fates that follow
    uint64_t delivered;  ///< released by its deadline
    uint64_t late;
    uint64_t unrecoverable;
    uint64_t rejected;
    uint64_t cancelled;
    double jitter_p50_ms;  ///< RFC 5481 packet delay variation of released packets
    double jitter_p95_ms;
    double playout_miss_pct;    ///< available after their slot, or never
    double apparent_loss_pct;   ///< released after their deadline, or never
    double eventual_loss_pct;   ///< never released
    double longest_gap_ms;      ///< longest time without a release in time
    double overhead_pct;        ///< extra bytes in percent of useful ones
    double framing_pct;         ///< our header on packets of the application
    double hot_duplicate_pct;   ///< copies of hot streams
    double added_delay_p50_ms;  ///< release − arrival
    double added_delay_p95_ms;
    double added_delay_p99_ms;
    uint64_t metered_bytes;
    uint64_t repaired_parity;  ///< released by their deadline thanks to each mechanism
    uint64_t repaired_reactive;
    uint64_t repaired_duplicate;
    uint64_t repaired_second_path;
    uint64_t suspicions;  ///< how often the sending end thought the primary path was failing
    uint64_t failovers;
    uint64_t false_alarms;  ///< failovers while the primary path had no outage
} duality_lab_result;

/// "cable_ftth", "dual"; static, NULL for a number that is none.
DUALITY_API const char* duality_lab_family_name(int32_t family);
DUALITY_API const char* duality_lab_variant_name(int32_t variant);
DUALITY_API duality_status duality_lab_config_default(duality_lab_config* config);
/// Runs one scenario: milliseconds for a minute of traffic. `failure` may be NULL.
DUALITY_API duality_status duality_lab_run(const duality_lab_config* config, duality_failure* failure,
                                           duality_lab_result* result);
/// Runs a flow over a recorded path: CSV text of `send_ms,delay_ms`, an empty delay being a loss; `round_trip` not 0:
/// each direction gets half of a delay. DUALITY_MALFORMED: line `*bad_line` (may be NULL) cannot be read.
DUALITY_API duality_status duality_lab_replay(const duality_lab_config* config, const char* csv, size_t size,
                                              uint32_t round_trip, size_t* bad_line, duality_failure* failure,
                                              duality_lab_result* result);

#ifdef __cplusplus
}
#endif

#endif
