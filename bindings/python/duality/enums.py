# SPDX-License-Identifier: MIT
#
# Written by `scripts/values.py --write` from capi/values.txt.
"""Enumerations; the same numbers in C++, C and the REST API, which never change once released."""

import enum


class Status(enum.IntEnum):
    """How a call answers: 0 is ok, a positive value is not a failure, a negative one is."""

    OK = 0
    """done"""
    NEED_MORE = 1
    """nothing to give yet; call again later or with more"""
    DUPLICATE = 2
    """already had it; counted, nothing changed"""
    LATE = 3
    """came after it could be of use; counted"""
    NO_CHANGE = 4
    """accepted, and brought nothing new"""
    INVALID_ARGUMENT = -1
    """the call itself makes no sense: a NULL, a struct without its size, a value out of its range"""
    INVALID_CONFIG = -2
    """a configuration field is out of range; `duality_failure` names it"""
    OUT_OF_MEMORY = -3
    """the allocator returned nothing; only creation can say this"""
    QUEUE_FULL = -4
    """outputs were not drained; nothing accepted earlier is lost"""
    BUFFER_TOO_SMALL = -5
    """the caller's output buffer is too short; `needed` says what it takes"""
    MALFORMED = -6
    """bytes that no peer of ours would send"""
    UNSUPPORTED_VERSION = -7
    """a wire version this build does not speak"""
    CLOSED = -8
    """the object was closed"""
    UNKNOWN_PATH = -9
    """no such path"""
    UNKNOWN_STREAM = -10
    """no such stream"""
    TOO_LARGE = -11
    """more bytes than the configured maximum"""
    OVER_BUDGET = -12
    """a byte or rate budget forbids it"""
    OUT_OF_WINDOW = -13
    """refers to something outside the bounded window"""
    INCONSISTENT = -14
    """contradicts something accepted earlier"""
    WRONG_STATE = -15
    """not allowed at this point of the life cycle, or from inside a callback"""
    UNSUPPORTED = -16
    """this build or this machine cannot do it"""
    INVALID_HANDLE = -17
    """NULL, destroyed, of another type, or never a handle at all"""


class ErrorCode(enum.IntEnum):
    """What a user is told; the same numbers as E001 … E007."""

    INVALID_CONFIG = 1
    """E001, HTTP 400: fix the named field"""
    RELAY_UNREACHABLE = 2
    """E002, HTTP 503: wait, or turn the relay off"""
    LTE_BUDGET_EXCEEDED = 3
    """E003, HTTP 429: raise the cap"""
    PARITY_OVER_BUDGET = 4
    """E004, HTTP 409: lower the parity rate"""
    VPN_CONFLICT = 5
    """E005, HTTP 412: switch between direct and tunnel"""
    CPU_CAP_EXCEEDED = 6
    """E006, HTTP 503: lower parity or hold"""
    POLICY_VIOLATION = 7
    """E007, HTTP 403: review the policy"""


class RetryAdvice(enum.IntEnum):
    """Can trying again by itself help?."""

    NO = 0
    """it cannot"""
    WITH_BACK_OFF = 1
    """yes, less and less often"""


class LogLevel(enum.IntEnum):
    """How much a log message matters."""

    NONE = 0
    """nothing is logged"""
    ERROR = 1
    """an object could not be made, or something the user should know from the catalogue of errors"""
    WARNING = 2
    """a path is suspect, dead or out of budget"""
    INFO = 3
    """the session and its paths change state"""
    DEBUG = 4
    """every decision of the controller"""


class ConfigKind(enum.IntEnum):
    """Whose fields `duality_bounds_at` and `duality_bounds_find` tell about."""

    SESSION = 0
    """duality_session_config"""
    JITTER_HOLD = 1
    """duality_jitter_hold_config"""
    REGIME = 2
    """duality_regime_config"""
    CONTROLLER = 3
    """duality_controller_config"""
    SCHEDULER = 4
    """duality_scheduler_config"""
    RLC = 5
    """duality_parity_config, the window and the main code"""
    RS = 6
    """duality_parity_config, the Reed–Solomon code"""
    BLOCK = 7
    """duality_block_config"""
    PARITY_POLICY = 8
    """duality_parity_policy_config"""
    REPAIR_GENERATOR = 9
    """duality_repair_generator_config"""
    AGGREGATOR = 10
    """duality_aggregator_config"""
    CLOCK_SYNC = 11
    """duality_clock_sync_config"""
    SERVICE_LEVEL = 12
    """duality_service_level_config"""


class Recovery(enum.IntEnum):
    """What brought a packet here."""

    NONE = 0
    """arrived on its own"""
    PARITY = 1
    """rebuilt from proactive parity"""
    REACTIVE = 2
    """rebuilt from repairs the receiver asked for"""
    DUPLICATE = 3
    """an early duplicate on the same path came first"""
    SECOND_PATH = 4
    """came over another path first"""


class PlayoutMode(enum.IntEnum):
    """When a packet is released."""

    LIVE = 0
    """at baseline + hold"""
    DEADLINE = 1
    """at origin + lead, on a clock shared with the sender"""


class LatePolicy(enum.IntEnum):
    """What happens to a packet past its deadline."""

    DROP = 0
    """it is dropped"""
    DELIVER = 1
    """it is delivered with a flag"""


class Regime(enum.IntEnum):
    """The weather of a path; the last one that applies wins."""

    CALM = 0
    """nothing of note"""
    JITTERY = 1
    """inter-arrival deviation is high"""
    LOSSY = 2
    """packets are missing among the last 20"""
    CONGESTED = 3
    """every recent packet is delayed well above the baseline: a queue has built up"""
    OUTAGE = 4
    """silence longer than this flow's own inter-arrival times explain"""


class RegimeEventKind(enum.IntEnum):
    """What the detector tells."""

    CHANGED = 0
    """another regime"""
    LEVEL_STEP = 1
    """the baseline moved"""
    DELAY_WORSE = 2
    """alarm: delays are worse than what was learned"""
    LOSS_WORSE = 3
    """alarm: losses are more frequent than what was learned"""
    RESTARTED = 4
    """the sender restarted; everything was learned afresh"""


class ControlLaw(enum.IntEnum):
    """How the controller decides."""

    REFERENCE = 0
    """the plain threshold law every other one is compared with"""
    ADAPTIVE = 1
    """the tool is chosen by what the round trip allows"""


class ControlOutput(enum.IntEnum):
    """What the controller sets."""

    HOLD = 0
    """depth of the jitter hold, ns"""
    PARITY = 1
    """rate of proactive parity, basis points"""
    REACTIVE = 2
    """repair on request, 0 or 1"""
    SECOND_PATH = 3
    """use of the second path, 0 or 1"""


class ControlReason(enum.IntEnum):
    """The rule that moved an output, and the unit of the threshold."""

    JITTER_HIGH = 0
    """j_fast above the threshold (ns)"""
    JITTER_LOW = 1
    """j_fast below the threshold (ns)"""
    LOSS_HIGH = 2
    """reference law: loss20 at or above it (packets); adaptive law: loss_ppm above it (ppm)"""
    QUIET = 3
    """reference law: no loss and j_slow low (ns) for 2 s; adaptive law: loss_ppm at or below it (ppm)"""
    RTT_FITS = 4
    """the round trip is at most the threshold (ns): a repair on request makes the deadline"""
    RTT_TOO_LONG = 5
    """the round trip is above the threshold (ns), or unknown"""
    CONGESTION = 6
    """reported from above, or by the regime; threshold 0"""
    HEADROOM = 7
    """the overhead headroom (bp) is the cap"""
    GAP_OPEN = 8
    """silence reached the threshold (ns)"""
    GAP_CLOSED = 9
    """the silence is over and the linger (ns) has passed"""
    LONG_BURSTS = 10
    """the mean burst is above what parity can cover (1/16 packets)"""
    MISSES_SAVED = 11
    """a deeper hold saves enough misses (ppm per ms)"""
    MISSES_GONE = 12
    """it no longer does (ppm per ms)"""
    DELAY_BUDGET = 13
    """the share of time above hold_budget is used up; the credit that was needed (ns)"""
    CPU = 14
    """CPU share above the threshold (permille)"""
    BUDGET = 15
    """no metered bytes left, or no second path; threshold 0"""


class ParityCode(enum.IntEnum):
    """The code of a repair."""

    RLC = 0
    """sliding-window random linear code, RFC 8681"""
    BLOCK = 1
    """Cauchy Reed–Solomon"""
    RS = 2
    """Reed–Solomon as libfec has it"""


class CostClass(enum.IntEnum):
    """What a path costs."""

    FREE = 0
    """nothing"""
    METERED = 1
    """by the byte"""


class PathState(enum.IntEnum):
    """What the scheduler thinks of a path."""

    STANDBY = 0
    """never answered yet"""
    WARM = 1
    """answered; can carry traffic at once"""
    ACTIVE = 2
    """carries source packets"""
    SUSPECT = 3
    """owes a report for longer than usual"""
    DEAD = 4
    """silent, or too late to be of use; probed until it answers in time again"""


class PathEventKind(enum.IntEnum):
    """What happened to a path."""

    STATE_CHANGED = 0
    """another state"""
    BUDGET_EXHAUSTED = 1
    """its byte budget refused a datagram; the path rests until there is room again"""
    BUDGET_RENEWED = 2
    """a new day or month, or the pace of the day, has made room"""
    UNSTEADY = 3
    """it stalls, spreads far and costs packets: for a while the flow goes elsewhere, if it may"""


class StreamMode(enum.IntEnum):
    """How a stream uses the second path."""

    ON_DEMAND = 0
    """it helps when the first one fails"""
    HOT = 1
    """every packet goes over two paths, within the budget of the metered one"""
    SPREAD = 2
    """packets take turns on two free paths of about the same length"""


class TransmitKind(enum.IntEnum):
    """What a datagram was sent for."""

    SOURCE = 0
    """it carries a packet of the application"""
    COPY = 1
    """an early duplicate"""
    PARITY = 2
    """proactive parity"""
    REACTIVE_REPAIR = 3
    """parity on request"""
    FEEDBACK = 4
    """a report to the peer"""
    PROBE = 5
    """is the path alive?"""
    CLOCK = 6
    """clock synchronisation"""
    CLOSE = 7
    """the session ends"""
    EVENT = 8
    """events of the lane"""


class OutputKind(enum.IntEnum):
    """What the caller is to do."""

    NONE = 0
    """nothing"""
    TRANSMIT = 1
    """put a datagram on a path"""
    DELIVER = 2
    """give a packet to the application"""
    EVENT = 3
    """take note"""
    LANE = 4
    """give an event of the lane to the application"""


class SessionEventKind(enum.IntEnum):
    """What a session tells."""

    PATH = 0
    """a path changed its state or used up its budget"""
    DECISION = 1
    """the controller changed an output"""
    ERROR = 2
    """something the user should know, from the catalogue"""
    PEER_CLOSED = 3
    """the peer ends the session; nothing more will come"""
    CLOSED = 4
    """this end is done: every accepted packet was delivered or dropped"""
    REGIME = 5
    """what comes in became better or worse, moved to another level, or raised an alarm"""
    PEER_RESTARTED = 6
    """another epoch of the peer: what comes now has other numbers, by another clock"""


class CloseReason(enum.IntEnum):
    """Why a session ends."""

    NORMAL = 0
    """it is over"""
    GOING_AWAY = 1
    """the program ends"""
    PROTOCOL_ERROR = 2
    """the peer sent what cannot be"""
    BUDGET = 3
    """no bytes are left"""
    IDLE = 4
    """nothing happened for too long"""


class ClockState(enum.IntEnum):
    """How much is known of the peer's clock."""

    ACQUIRING = 0
    """too few exchanges: the offset is the best guess and may still jump"""
    LOCKED = 1
    """within the error bound"""
    HOLDOVER = 2
    """locked before, but nothing was heard for long: the bound grows"""


class Family(enum.IntEnum):
    """The networks of the lab."""

    REFERENCE = 0
    """the plain model"""
    CABLE_FTTH = 1
    """cable or fibre at home"""
    RURAL_DSL = 2
    """a long copper line"""
    WIFI_CONTENTION = 3
    """a crowded wireless channel"""
    LEO_SATELLITE = 4
    """a low-orbit satellite"""
    MOBILE_HOTSPOT = 5
    """a mobile phone's hotspot"""
    VPN_ON_PATH = 6
    """cable or fibre through a VPN"""


class AlarmPromise(enum.IntEnum):
    """What a service-level monitor promises of its false alarms."""

    MEAN_TIME = 0
    """they are so far apart in the mean, or further"""
    PROBABILITY = 1
    """so great is the chance that there is ever one, or smaller"""


class Variant(enum.IntEnum):
    """What protects a flow in the lab."""

    BASELINE = 0
    """nothing"""
    HOLD = 1
    """jitter hold only"""
    PARITY = 2
    """proactive parity only"""
    SINGLE = 3
    """hold, parity and repair on request on one path"""
    DUAL = 4
    """and a second, metered path on demand"""
    HOT = 5
    """every packet on both paths, within the metered budget"""


class Congestion(enum.IntEnum):
    """How fast a QUIC connection sends."""

    CUBIC = 0
    """RFC 9438"""
    BBR = 1
    """by the bottleneck's rate and the round trip"""


class Ecn(enum.IntEnum):
    """The two bits of an IP header that tell of congestion."""

    NOT_ECT = 0
    """this end does not speak it"""
    ECT1 = 1
    """it does"""
    ECT0 = 2
    """it does"""
    CE = 3
    """congestion was experienced"""


class TunnelOutput(enum.IntEnum):
    """What the owner of a tunnel is to do."""

    NONE = 0
    """nothing"""
    TRANSMIT = 1
    """send a QUIC packet to the relay"""
    DELIVER = 2
    """give a payload to the application"""
    EVENT = 3
    """take note"""


class TunnelEvent(enum.IntEnum):
    """What a tunnel tells."""

    CONNECTED = 0
    """the relay is there and may be used"""
    FLOW_OPEN = 1
    """the relay has accepted the flow"""
    FLOW_REFUSED = 2
    """it has not; the flow is gone"""
    FLOW_CLOSED = 3
    """the relay, or this end, has closed the flow; it is gone"""
    CLOSED = 4
    """the connection is over, and every flow with it"""


class ProxyError(enum.IntEnum):
    """Why a relay refused, in the words of RFC 9209."""

    NONE = 0
    """it did not say, or did not refuse"""
    DNS_TIMEOUT = 1
    """nobody answered for the target's name"""
    DNS_ERROR = 2
    """the target's name could not be looked up"""
    DESTINATION_NOT_FOUND = 3
    """the target's name has no address"""
    DESTINATION_UNAVAILABLE = 4
    """the target cannot be used now"""
    DESTINATION_IP_PROHIBITED = 5
    """the target's address is not allowed"""
    DESTINATION_IP_UNROUTABLE = 6
    """there is no route to the target"""
    CONNECTION_REFUSED = 7
    """the target refused"""
    CONNECTION_LIMIT_REACHED = 8
    """the relay has as many tunnels as it wants"""
    HTTP_REQUEST_ERROR = 9
    """the request is not what the relay expects"""
    HTTP_REQUEST_DENIED = 10
    """the relay does not do this for this client"""
    PROXY_CONFIGURATION_ERROR = 11
    """the relay is not set up for it"""
    PROXY_INTERNAL_ERROR = 12
    """something went wrong inside of the relay"""
    OTHER = 13
    """a reason that is not in this list"""


class CloseCause(enum.IntEnum):
    """Why a connection is over."""

    NONE = 0
    """it is not"""
    LOCAL = 1
    """this end closed it"""
    PEER = 2
    """the peer closed it"""
    IDLE = 3
    """nothing came for too long"""
    HANDSHAKE_TIMEOUT = 4
    """no answer, or none in time"""
    LIFETIME = 5
    """it had lived as long as it may"""
    RESET = 6
    """the peer does not know the connection any more, as after its restart"""
    UNTRUSTED = 7
    """the relay's certificate was refused"""
    NO_MASQUE = 8
    """the peer speaks HTTP/3 but not extended CONNECT"""
    PROTOCOL_ERROR = 9
    """somebody broke a rule of QUIC, TLS or HTTP/3"""
    OUT_OF_MEMORY = 10
    """the allocator returned nothing"""
    NOT_ADMITTED = 11
    """the relay wants a certificate, or another one than it was shown"""
