# SPDX-License-Identifier: MIT
#
# Written by bindings/python/tools/stubs.py --write.
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from . import enums

__version__: str
Buffer = Union[bytes, bytearray, memoryview, npt.NDArray[np.uint8]]

class BaselineConfig:
    """How the baseline of relative delay is tracked."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    window_ns: int
    """samples considered; 500 ms to 30 s"""
    low_permille: int
    """which quantile is the baseline; 0 to 500"""
    capacity: int
    """samples kept, 24 bytes each; 64 to 32768"""
    step_min_ns: int
    """smallest rise taken for a new level; 0.5 to 1000 ms"""
    step_time_ns: int
    """how long a rise must last; 10 to 2000 ms"""
    step_packets: int
    """and for how many packets in a row; 2 to 1000"""
    def __init__(self, *, window_ns: int = ..., low_permille: int = ..., capacity: int = ..., step_min_ns: int = ..., step_time_ns: int = ..., step_packets: int = ...) -> None: ...

class BlockCodec:
    """Cauchy Reed-Solomon blocks: any k of the k sources and their repairs give the sources back."""
    def __init__(self, config: BlockConfig = ...) -> None: ...
    def encode(self, sources: npt.NDArray[np.uint8], repairs: int, first_index: int = 0) -> npt.NDArray[np.uint8]:
        """Repairs first_index, first_index + 1, ... of the block whose sources are the rows of a 2-D uint8 array;
        one row each. Without the GIL.
        """
    def decode(self, sources: npt.NDArray[np.uint8], present: npt.NDArray[np.bool_], repairs: npt.NDArray[np.uint8], indices: npt.NDArray[np.uint32]) -> enums.Status:
        """Writes the missing rows of `sources` in place. `present` (bool) says which rows are there, `indices` (uint32)
        which repairs the rows of `repairs` are. NEED_MORE: too few repairs, nothing was written. MALFORMED: an index
        is out of range or comes twice. Without the GIL.
        """

class BlockConfig:
    """Configuration of a BlockCodec."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    max_sources: int
    """largest block, 1 to 255; with max_repairs at most 256"""
    max_repairs: int
    """largest number of repairs per block, 1 to 255"""
    def __init__(self, *, max_sources: int = ..., max_repairs: int = ...) -> None: ...

class BurstGap:
    """Burst and gap metrics of RFC 3611, section 4.7.2."""
    @property
    def packets(self) -> int: ...
    @property
    def lost(self) -> int: ...
    @property
    def bursts(self) -> int: ...
    @property
    def burst_density_ppm(self) -> int: ...
    @property
    def gap_density_ppm(self) -> int: ...
    @property
    def mean_burst_packets(self) -> int: ...
    @property
    def mean_gap_packets(self) -> int: ...
    def __init__(self, gmin: int = 16) -> None: ...
    def add(self, lost: bool) -> None:
        """The fate of the next packet in order of sequence."""
    def add_all(self, lost: npt.NDArray[np.bool_]) -> None:
        """Every element of a bool array, in one call without the GIL."""
    def clear(self) -> None: ...

class ByteBudget:
    """Byte caps of a metered path; 2**64 - 1 is unlimited, 0 forbids the path."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    day_bytes: int
    """per UTC day"""
    month_bytes: int
    """per UTC month"""
    ahead_bp: int
    """of day_bytes, in 1/10,000, what may be spent ahead of an even pace; 10,000: no pace"""
    carry_bp: int
    """of both, in 1/10,000, what carrying the flow of an unsteady path may use up; 0: nothing"""
    def __init__(self, *, day_bytes: int = ..., month_bytes: int = ..., ahead_bp: int = ..., carry_bp: int = ...) -> None: ...

class ChangeConfig:
    """Configuration of the change detector inside a RegimeDetector."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    enabled: bool
    false_alarms_per_1000_hours: int
    """wanted false alarms, delay and loss together; 1 to 1000000"""
    margin_ns: int
    """a delay must exceed a quantile by this much; 0 to 100 ms"""
    def __init__(self, *, enabled: bool = ..., false_alarms_per_1000_hours: int = ..., margin_ns: int = ...) -> None: ...

class ClockEstimate:
    """What is known of the peer's clock."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def state(self) -> enums.ClockState: ...
    @property
    def offset_ns(self) -> int:
        """the peer's clock - ours"""
    @property
    def error_bound_ns(self) -> int:
        """the true offset is within offset_ns +- this"""
    @property
    def skew_ppb(self) -> int:
        """how fast the offset grows, in ns per second"""
    @property
    def skew_error_ppb(self) -> int:
        """how fast the bound grows"""
    @property
    def round_trip_min_ns(self) -> int: ...
    @property
    def samples(self) -> int:
        """exchanges in use"""
    @property
    def epoch(self) -> int:
        """counts the peer's clocks"""

class ClockSync:
    """What the peer's monotonic clock shows now, with a bound on the error, from four timestamps."""
    @property
    def known(self) -> bool: ...
    @property
    def statistics(self) -> ClockSyncStatistics: ...
    def __init__(self, config: ClockSyncConfig = ...) -> None: ...
    def next_request(self) -> int:
        """When to send the next request, ns."""
    def on_request(self, now_ns: int) -> int:
        """A request leaves now; returns t1, which the peer sends back."""
    def on_request_refused(self, now_ns: int) -> None:
        """It was due and could not leave."""
    def on_response(self, now_ns: int, t1_ns: int, t2_ns: int, t3_ns: int) -> enums.Status:
        """The answer to the request of t1: it arrived at the peer at t2 and the answer left at t3, on the peer's clock.
        The status says what became of it; nothing a peer can send raises.
        """
    def reset(self, now_ns: int) -> None:
        """The peer is another one: asks anew."""
    def estimate(self, now_ns: int) -> ClockEstimate: ...
    def to_peer(self, now_ns: int) -> int:
        """What the peer's clock shows."""
    def from_peer(self, peer_ns: int) -> int:
        """When the peer's clock shows that."""

class ClockSyncConfig:
    """Configuration of a ClockSync."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    fast_interval_ns: int
    """between the first requests; 10 ms to 10 s"""
    fast_requests: int
    """so many of them; 4 to 1000"""
    octave_requests: int
    """then the interval doubles after every so many; 1 to 1000"""
    slow_interval_ns: int
    """up to this; fast_interval_ns to 1 h"""
    lock_samples: int
    """exchanges that make it locked; 2 to 64"""
    restart_samples: int
    """contradictions in a row that prove another clock; 2 to 8"""
    round_trip_max_ns: int
    """an exchange that took longer is refused"""
    holdover_after_ns: int
    """silence that ends LOCKED; 100 ms to 1 h"""
    skew_max_ppm: int
    """most the clocks can drift apart; 1 to 1000"""
    holdover_ppm: int
    """the bound never grows more slowly; 1 to 1000"""
    slew_max_ppm: int
    """10 to 100000"""
    def __init__(self, *, fast_interval_ns: int = ..., fast_requests: int = ..., octave_requests: int = ..., slow_interval_ns: int = ..., lock_samples: int = ..., restart_samples: int = ..., round_trip_max_ns: int = ..., holdover_after_ns: int = ..., skew_max_ppm: int = ..., holdover_ppm: int = ..., slew_max_ppm: int = ...) -> None: ...

class ClockSyncStatistics:
    """Exchanges since creation."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def requests(self) -> int: ...
    @property
    def accepted(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def unknown(self) -> int: ...
    @property
    def absurd(self) -> int: ...
    @property
    def too_slow(self) -> int: ...
    @property
    def contradictions(self) -> int: ...
    @property
    def restarts(self) -> int: ...
    @property
    def clock_backwards(self) -> int: ...

class ControlInputs:
    """What a Controller decides by."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    features: RegimeFeatures
    current: enums.Regime
    rtt_ns: int
    """0: unknown"""
    deadline_ns: int
    second_path_available: bool
    congestion: bool
    """somebody above knows that the losses are congestion"""
    overhead_headroom_bp: int
    """parity the overhead budget still allows"""
    cpu_share_permille: int
    cpu_cap_permille: int
    metered_budget_left: bool
    def __init__(self, *, features: RegimeFeatures = ..., current: enums.Regime = ..., rtt_ns: int = ..., deadline_ns: int = ..., second_path_available: bool = ..., congestion: bool = ..., overhead_headroom_bp: int = ..., cpu_share_permille: int = ..., cpu_cap_permille: int = ..., metered_budget_left: bool = ...) -> None: ...

class ControlOutputs:
    """What a Controller decided."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def hold_ns(self) -> int: ...
    @property
    def parity_bp(self) -> int: ...
    @property
    def reactive(self) -> bool: ...
    @property
    def second_path(self) -> bool: ...

class Controller:
    """Turns what is known of a path into hold depth, parity rate, repair on request and second-path use."""
    @property
    def outputs(self) -> ControlOutputs: ...
    @property
    def statistics(self) -> ControllerStatistics: ...
    def __init__(self, config: ControllerConfig = ...) -> None: ...
    def update(self, now_ns: int, inputs: ControlInputs) -> ControlOutputs:
        """The outputs to use until the next call; call it every 10 to 20 ms or once per packet."""
    def poll_event(self) -> Optional[DecisionEvent]:
        """The next decision, or None."""

class ControllerConfig:
    """Configuration of a Controller."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    law: enums.ControlLaw
    hold_min_ns: int
    """0 to 1 s; also the hold at start"""
    hold_max_ns: int
    """hold_min_ns to 1 s"""
    parity_max_bp: int
    """0 to 10000 basis points"""
    hold_enabled: bool
    reactive_enabled: bool
    second_path_enabled: bool
    hold_budget_ns: int
    """added delay to keep at p95; 0 to 1 s"""
    hold_over_permille: int
    """share of time that the hold may be deeper; 0 to 1000"""
    hold_gain_ppm: int
    """misses that 1 ms more of hold must save"""
    hold_up_per_second_ns: int
    """4 to 1000 ms"""
    hold_down_per_second_ns: int
    """4 to 1000 ms"""
    clean_ppm: int
    """loss up to this is a clean path: no parity"""
    parity_per_loss_x16: int
    """parity = loss * this / 16; 0 to 256"""
    parity_up_bp_per_second: int
    """200 to 100000"""
    parity_down_bp_per_second: int
    """200 to 100000"""
    reactive_permille: int
    """repair on request while the round trip is at most this share of the deadline"""
    second_path_linger_ns: int
    """0 to 60 s"""
    def __init__(self, *, law: enums.ControlLaw = ..., hold_min_ns: int = ..., hold_max_ns: int = ..., parity_max_bp: int = ..., hold_enabled: bool = ..., reactive_enabled: bool = ..., second_path_enabled: bool = ..., hold_budget_ns: int = ..., hold_over_permille: int = ..., hold_gain_ppm: int = ..., hold_up_per_second_ns: int = ..., hold_down_per_second_ns: int = ..., clean_ppm: int = ..., parity_per_loss_x16: int = ..., parity_up_bp_per_second: int = ..., parity_down_bp_per_second: int = ..., reactive_permille: int = ..., second_path_linger_ns: int = ...) -> None: ...

class ControllerStatistics:
    """Updates and changes since creation."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def updates(self) -> int: ...
    @property
    def hold_changes(self) -> int: ...
    @property
    def parity_changes(self) -> int: ...
    @property
    def reactive_changes(self) -> int: ...
    @property
    def second_path_changes(self) -> int: ...
    @property
    def events_dropped(self) -> int:
        """poll_event() was not called"""
    @property
    def clock_backwards(self) -> int: ...

class DecisionEvent:
    """One change of one output, with everything that entered the decision."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def output(self) -> enums.ControlOutput: ...
    @property
    def reason(self) -> enums.ControlReason: ...
    @property
    def at_ns(self) -> int: ...
    @property
    def threshold(self) -> int:
        """its unit follows from the reason"""
    @property
    def old_value(self) -> int:
        """ns (hold), basis points (parity) or 0 and 1"""
    @property
    def new_value(self) -> int: ...
    @property
    def inputs(self) -> ControlInputs: ...
    @property
    def since_change_ns(self) -> int:
        """2**63 - 1 when it never changed"""
    @property
    def quiet_for_ns(self) -> int: ...
    @property
    def hold_credit_ns(self) -> int: ...

class Deficit:
    """What is missing now, for repair on request."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def first_missing(self) -> int: ...
    @property
    def last_missing(self) -> int: ...
    @property
    def missing(self) -> int:
        """how many are not there; 0: the other fields mean nothing"""
    @property
    def symbols_needed(self) -> int:
        """repairs that would bring all"""

class DelayHistogram:
    """Histogram of delays; about the last 2**forget_shift samples count, all with shift 0."""
    def __init__(self, forget_shift: int = 0) -> None: ...
    def add(self, delay_ns: int) -> None: ...
    def add_all(self, delay_ns: npt.NDArray[np.int64]) -> None:
        """Every element of an int64 array, in one call without the GIL."""
    def clear(self) -> None: ...
    def quantile_ns(self, permyriad: int) -> int: ...
    def above_ppm(self, limit_ns: int) -> int:
        """Share above a limit."""
    def __len__(self) -> int: ...

class DelayVariation:
    """Packet delay variation (RFC 5481, section 4.2): each delay less the least one."""
    def __init__(self) -> None: ...
    def add(self, delay_ns: int) -> None: ...
    def add_all(self, delay_ns: npt.NDArray[np.int64]) -> None:
        """Every element of an int64 array, in one call without the GIL."""
    def clear(self) -> None: ...
    def quantile_ns(self, permyriad: int) -> int:
        """The variation that a share of permyriad / 10000 of the packets does not exceed."""
    def __len__(self) -> int: ...

class Deliver:
    """Give a packet to the application."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def stream(self) -> int: ...
    @property
    def number(self) -> int:
        """counts the peer's packets; a jump is a loss"""
    @property
    def origin_ns(self) -> int:
        """when the peer sent it, on the peer's clock"""
    @property
    def data(self) -> bytes: ...
    @property
    def due_ns(self) -> int:
        """its slot"""
    @property
    def lateness_ns(self) -> int:
        """after its slot; 0 in time"""
    @property
    def held_ns(self) -> int:
        """time in the jitter hold"""
    @property
    def recovered_by(self) -> enums.Recovery: ...
    @property
    def past_deadline(self) -> bool: ...

class Event:
    """Take note."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def kind(self) -> enums.SessionEventKind: ...
    @property
    def at_ns(self) -> int: ...
    @property
    def path(self) -> Optional[PathEvent]:
        """of PATH"""
    @property
    def decision(self) -> Optional[DecisionEvent]:
        """of DECISION"""
    @property
    def regime(self) -> Optional[RegimeEvent]:
        """of REGIME"""
    @property
    def error(self) -> Optional[enums.ErrorCode]:
        """of ERROR"""
    @property
    def reason(self) -> Optional[enums.CloseReason]:
        """of PEER_CLOSED and CLOSED"""

class EventLaneConfig:
    """Configuration of an event lane."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    carry: int
    """events in a message, the newest among them; 1 to 16"""
    repeat_interval_ns: int
    """between repetitions"""
    queue: int
    """events that wait for poll(); 16 to 4096"""
    window: int
    """an event further back is too old; 64 to 65536"""
    def __init__(self, *, carry: int = ..., repeat_interval_ns: int = ..., queue: int = ..., window: int = ...) -> None: ...

class InterarrivalJitter:
    """Interarrival jitter of RFC 3550, section 6.4.1, of relative delays."""
    @property
    def value_ns(self) -> int: ...
    def __init__(self) -> None: ...
    def add(self, delay_ns: int) -> None: ...
    def add_all(self, delay_ns: npt.NDArray[np.int64]) -> None:
        """Every element of an int64 array, in one call without the GIL."""
    def clear(self) -> None: ...

class JitterHold:
    """Keeps the packets of one stream until their playout slot, in order, without duplicates.

    A packet is a number (token) of the caller, who keeps the bytes.
    """
    @property
    def hold_ns(self) -> int: ...
    @property
    def deadline_ns(self) -> int: ...
    @property
    def baseline_ns(self) -> int:
        """Relative delay (arrival - origin) of the idle path as now estimated."""
    @property
    def capacity(self) -> int: ...
    @property
    def statistics(self) -> JitterHoldStatistics: ...
    def __init__(self, config: JitterHoldConfig = ...) -> None: ...
    def push(self, now_ns: int, sequence: int, origin_ns: int, token: int, recovered_by: enums.Recovery = enums.Recovery.NONE) -> enums.Status:
        """Offers a packet; the token comes out of poll() only when the answer is OK. DUPLICATE, LATE, OUT_OF_WINDOW
        and QUEUE_FULL say why not.
        """
    def poll(self, now_ns: int) -> Optional[ReleasedPacket]:
        """The next packet whose slot has come, or None."""
    def next_timeout(self) -> Optional[int]:
        """When poll() will have something if nothing else is pushed; None when empty."""
    def play(self, now_ns: npt.NDArray[np.int64], sequence: npt.NDArray[np.uint64], origin_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.void]:
        """Plays a whole flow in one call, without the GIL: arrival times, sequence numbers (uint64) and origins of
        its packets. Returns a structured array, one row per released packet in order of release: index (into the
        arguments), released_ns, due_ns, lateness_ns, held_ns, past_deadline.
        """
    def set_hold(self, now_ns: int, hold_ns: int) -> None:
        """The hold of packets from now on, clamped to the configured range."""
    def set_deadline(self, deadline_ns: int) -> None: ...
    def set_lead(self, lead_ns: int) -> None: ...
    def set_media_offset(self, offset_ns: int) -> None:
        """Deadline mode: own clock - sender's clock, as clock synchronisation has it now."""
    def reset(self, now_ns: int) -> None:
        """Starts a new stream; what is held becomes due now."""
    def __len__(self) -> int: ...

class JitterHoldConfig:
    """Configuration of a JitterHold."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    hold_min_ns: int
    """0 to 1 s; 0 allows pass-through"""
    hold_max_ns: int
    """hold_min_ns to 1 s; the most delay the hold may add"""
    hold_initial_ns: int
    """hold_min_ns to hold_max_ns"""
    deadline_ns: int
    """after origin + baseline; 1 ms to 10 s"""
    early_slack_ns: int
    """how much longer than the hold an early packet may be kept for an even pace; 0 to 100 ms"""
    late: enums.LatePolicy
    """what happens to a packet past its deadline"""
    mode: enums.PlayoutMode
    """live, or deadline on a shared clock"""
    lead_ns: int
    """deadline mode: 0 to 10 s"""
    media_offset_ns: int
    """deadline mode: own clock - sender's clock"""
    capacity: int
    """packets held at once; 8 to 16384"""
    origin_ahead_max_ns: int
    """an origin further ahead of the baseline is refused; 10 ms to 60 s"""
    origin_behind_max_ns: int
    """and one further behind it; 100 ms to 1 h"""
    sequence_jump_max: int
    """a number further ahead is refused; 64 to 2**31"""
    restart_packets: int
    """refused packets in a row that prove that the sender restarted; 2 to 64"""
    baseline: BaselineConfig
    def __init__(self, *, hold_min_ns: int = ..., hold_max_ns: int = ..., hold_initial_ns: int = ..., deadline_ns: int = ..., early_slack_ns: int = ..., late: enums.LatePolicy = ..., mode: enums.PlayoutMode = ..., lead_ns: int = ..., media_offset_ns: int = ..., capacity: int = ..., origin_ahead_max_ns: int = ..., origin_behind_max_ns: int = ..., sequence_jump_max: int = ..., restart_packets: int = ..., baseline: BaselineConfig = ...) -> None: ...

class JitterHoldStatistics:
    """Packets since creation."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def accepted(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def dropped_late(self) -> int:
        """past the deadline, dropped by policy"""
    @property
    def dropped_stale(self) -> int:
        """too old for the duplicate window to know"""
    @property
    def refused_origin(self) -> int:
        """origin absurdly far from the baseline"""
    @property
    def refused_sequence(self) -> int:
        """sequence number absurdly far ahead"""
    @property
    def queue_full(self) -> int: ...
    @property
    def released(self) -> int: ...
    @property
    def released_late(self) -> int:
        """after their slot"""
    @property
    def released_past_deadline(self) -> int: ...
    @property
    def released_by(self) -> list[int]:
        """indexed by Recovery"""
    @property
    def reordered(self) -> int: ...
    @property
    def level_steps_up(self) -> int: ...
    @property
    def level_steps_down(self) -> int: ...
    @property
    def restarts(self) -> int:
        """sender restarts recognised"""
    @property
    def clock_backwards(self) -> int: ...

class LaneEvent:
    """Give an event of the peer's event lane to the application."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def number(self) -> int:
        """counts the peer's events"""
    @property
    def origin_ns(self) -> int:
        """when the peer sent it, on the peer's clock"""
    @property
    def data(self) -> bytes: ...

class OutageLedger:
    """Silences by length: at least 40, 80, 120 and 300 ms."""
    @property
    def counts(self) -> list[int]: ...
    @property
    def longest_ns(self) -> int: ...
    @property
    def total_ns(self) -> int:
        """sum of those from 40 ms on"""
    def __init__(self) -> None: ...
    def add(self, delay_ns: int) -> None: ...
    def add_all(self, delay_ns: npt.NDArray[np.int64]) -> None:
        """Every element of an int64 array, in one call without the GIL."""
    def clear(self) -> None: ...

class PathConfig:
    """What a path is like."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    cost: enums.CostClass
    budget: ByteBudget
    initial_rtt_ns: int
    """assumed until measured"""
    datagram_overhead: int
    """bytes around each datagram: 28 for IPv4 + UDP"""
    max_datagram: int
    """largest datagram, bytes of UDP payload"""
    def __init__(self, *, cost: enums.CostClass = ..., budget: ByteBudget = ..., initial_rtt_ns: int = ..., datagram_overhead: int = ..., max_datagram: int = ...) -> None: ...

class PathEvent:
    """What happened to a path."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def kind(self) -> enums.PathEventKind: ...
    @property
    def at_ns(self) -> int: ...
    @property
    def path(self) -> int: ...
    @property
    def before(self) -> enums.PathState: ...
    @property
    def after(self) -> enums.PathState: ...
    @property
    def silence_ns(self) -> int: ...
    @property
    def threshold_ns(self) -> int: ...

class PathStatistics:
    """What is known of a path."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def state(self) -> enums.PathState: ...
    @property
    def cost(self) -> enums.CostClass: ...
    @property
    def rtt_min_ns(self) -> int:
        """over the last seconds; 0 until measured"""
    @property
    def rtt_smoothed_ns(self) -> int:
        """0 until measured"""
    @property
    def rtt_deviation_ns(self) -> int: ...
    @property
    def silence_ns(self) -> int:
        """since the last report, while one is owed"""
    @property
    def packets_sent(self) -> int: ...
    @property
    def bytes_sent(self) -> int: ...
    @property
    def packets_received(self) -> int: ...
    @property
    def bytes_received(self) -> int: ...
    @property
    def packets_lost(self) -> int: ...
    @property
    def packets_duplicated(self) -> int: ...
    @property
    def suspicions(self) -> int: ...
    @property
    def deaths(self) -> int: ...
    @property
    def budget_exhausted(self) -> bool: ...

class ReceiverStatistics:
    """What a session received."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def accepted(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def outdated(self) -> int: ...
    @property
    def refused(self) -> int: ...
    @property
    def rebuilt(self) -> int: ...
    @property
    def repairs(self) -> int: ...
    @property
    def repairs_refused(self) -> int: ...
    @property
    def delivered(self) -> int: ...

class Recovered:
    """A packet the decoder rebuilt."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def esi(self) -> int: ...
    @property
    def flow(self) -> int: ...
    @property
    def expired(self) -> bool:
        """older than what is wanted"""
    @property
    def data(self) -> bytes: ...

class RegimeConfig:
    """Configuration of a RegimeDetector."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    gap_floor_ns: int
    """least gap limit; 1 ms to 1 s"""
    gap_ceiling_ns: int
    """greatest gap limit; up to 10 s"""
    gap_margin_ns: int
    """above the inter-arrival quantile; 0 to 1 s"""
    gap_permyriad: int
    """which inter-arrival quantile; 5000 to 9999"""
    burst_max_ns: int
    """a longer run of missing packets is an outage; 1 ms to 10 s"""
    jittery_above_ns: int
    """j_fast that makes a path jittery; 0.1 ms to 1 s"""
    jittery_below_ns: int
    """and under which it stops"""
    lossy_from: int
    """loss20 that makes a path lossy; 1 to 20"""
    congested_above_ns: int
    """queue delay that makes a path congested; 1 ms to 1 s"""
    congested_below_ns: int
    """and under which it stops"""
    congested_time_ns: int
    """how long it must last; 0 to 10 s"""
    linger_ns: int
    """a calmer regime begins only this long after the last sign; 0 to 60 s"""
    sequence_jump_max: int
    """a number further ahead is refused; 64 to 2**31"""
    delay_jump_max_ns: int
    """a relative delay further off the baseline is refused; 100 ms to 1 h"""
    restart_packets: int
    """consistent refusals in a row that prove a restart of the sender; 2 to 64"""
    baseline: BaselineConfig
    change: ChangeConfig
    def __init__(self, *, gap_floor_ns: int = ..., gap_ceiling_ns: int = ..., gap_margin_ns: int = ..., gap_permyriad: int = ..., burst_max_ns: int = ..., jittery_above_ns: int = ..., jittery_below_ns: int = ..., lossy_from: int = ..., congested_above_ns: int = ..., congested_below_ns: int = ..., congested_time_ns: int = ..., linger_ns: int = ..., sequence_jump_max: int = ..., delay_jump_max_ns: int = ..., restart_packets: int = ..., baseline: BaselineConfig = ..., change: ChangeConfig = ...) -> None: ...

class RegimeDetector:
    """Says whether a path is calm, jittery, lossy, congested or out, from the arrivals of one
    flow. Feed it packets that arrived on their own, never rebuilt ones.
    """
    @property
    def current(self) -> enums.Regime: ...
    @property
    def baseline_ns(self) -> int: ...
    @property
    def statistics(self) -> RegimeStatistics: ...
    def __init__(self, config: RegimeConfig = ...) -> None: ...
    def on_arrival(self, now_ns: int, sequence: int, origin_ns: int) -> enums.Status:
        """A packet that arrived. DUPLICATE, LATE and OUT_OF_WINDOW say that it taught nothing; never raises for them."""
    def on_arrivals(self, now_ns: npt.NDArray[np.int64], sequence: npt.NDArray[np.uint64], origin_ns: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.uint8], list[RegimeEvent]]:
        """Many packets in one call, without the GIL: arrays of int64, uint64 and int64, read where they lie.
        Returns (status of each, regime after each, list of all events).
        """
    def handle_timeout(self, now_ns: int) -> None:
        """Lets time pass: silence becomes an outage."""
    def next_timeout(self) -> Optional[int]:
        """When the present silence becomes an outage; None during one and before the first packet."""
    def features(self, now_ns: int) -> RegimeFeatures:
        """Everything as of now."""
    def poll_event(self) -> Optional[RegimeEvent]:
        """The next event, or None."""

class RegimeEvent:
    """Something a RegimeDetector noticed."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def kind(self) -> enums.RegimeEventKind: ...
    @property
    def at_ns(self) -> int: ...
    @property
    def before(self) -> enums.Regime:
        """regime before, of CHANGED"""
    @property
    def after(self) -> enums.Regime:
        """regime after, of CHANGED"""
    @property
    def baseline_before_ns(self) -> int:
        """of LEVEL_STEP"""
    @property
    def baseline_after_ns(self) -> int:
        """of LEVEL_STEP"""

class RegimeFeatures:
    """What a RegimeDetector knows of a path."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    j_fast_ns: int
    """EWMA 0.2 of the inter-arrival deviation"""
    j_slow_ns: int
    """EWMA 0.05 of the same"""
    loss20: int
    """packets missing among the last 20 expected"""
    loss_ppm: int
    """loss share over about 128 packets, outages left out"""
    loss_slow_ppm: int
    """the same over about 1024 packets"""
    mean_burst_x16: int
    """mean length of a loss burst in 1/16 packets"""
    gap_ns: int
    """length of the present silence"""
    gap_limit_ns: int
    """silence from which on this flow is in an outage"""
    interval_ns: int
    """mean spacing of packets at the sender"""
    delay_above_baseline_ns: int
    """of the latest packet"""
    queue_delay_ns: int
    """least delay above the baseline of the last 8 packets"""
    delay_p50_ns: int
    """quantiles of the delay above the baseline"""
    delay_p95_ns: int
    delay_p99_ns: int
    miss_ppm: list[int]
    """share of packets later than 0, 5, 10, 15, 20, 25, 30 and 40 ms"""
    packets: int
    """arrivals behind all this"""
    def __init__(self, *, j_fast_ns: int = ..., j_slow_ns: int = ..., loss20: int = ..., loss_ppm: int = ..., loss_slow_ppm: int = ..., mean_burst_x16: int = ..., gap_ns: int = ..., gap_limit_ns: int = ..., interval_ns: int = ..., delay_above_baseline_ns: int = ..., queue_delay_ns: int = ..., delay_p50_ns: int = ..., delay_p95_ns: int = ..., delay_p99_ns: int = ..., miss_ppm: list[int] = ..., packets: int = ...) -> None: ...

class RegimeStatistics:
    """Packets and events since creation."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def arrivals(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def reordered(self) -> int: ...
    @property
    def refused(self) -> int:
        """sequence number or delay absurdly far off"""
    @property
    def restarts(self) -> int: ...
    @property
    def expected(self) -> int:
        """packets whose fate is settled"""
    @property
    def lost(self) -> int:
        """of those, missing"""
    @property
    def loss_bursts(self) -> int:
        """runs of missing packets, outages included"""
    @property
    def outages(self) -> int:
        """silences that reached the gap limit"""
    @property
    def level_steps(self) -> int: ...
    @property
    def delay_alarms(self) -> int: ...
    @property
    def loss_alarms(self) -> int: ...
    @property
    def events_dropped(self) -> int:
        """poll_event() was not called"""
    @property
    def clock_backwards(self) -> int: ...

class ReleasedPacket:
    """A packet whose slot has come."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def sequence(self) -> int: ...
    @property
    def origin_ns(self) -> int: ...
    @property
    def token(self) -> int:
        """the caller's"""
    @property
    def recovered_by(self) -> enums.Recovery: ...
    @property
    def due_ns(self) -> int:
        """its slot"""
    @property
    def lateness_ns(self) -> int:
        """how long after its slot it came; 0 in time"""
    @property
    def held_ns(self) -> int:
        """time between push and release"""
    @property
    def past_deadline(self) -> bool: ...

class Repair:
    """A repair symbol and its id."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def id(self) -> RepairId: ...
    @property
    def symbol(self) -> bytes: ...

class RepairId:
    """Repair FEC Payload ID: which sources a repair covers, with which coefficients."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    repair_key: int
    """seed of the coefficients"""
    density_threshold: int
    """0 to 15"""
    window_size: int
    """number of consecutive sources covered; 1 to 4095"""
    first_esi: int
    """the oldest of them"""
    def __init__(self, *, repair_key: int = ..., density_threshold: int = ..., window_size: int = ..., first_esi: int = ...) -> None: ...

class RlcConfig:
    """Configuration of RlcEncoder and RlcDecoder; the same at both ends."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    max_window: int
    """source symbols a repair may cover; 1 to 4095"""
    max_symbol: int
    """largest source unit in bytes, 3 header bytes included; 8 to 65535"""
    symbol_size: int
    """fixed symbol size; 0: as long as the longest unit covered"""
    decoder_window: int
    """source symbols the decoder remembers; 0: 2 * max_window"""
    max_equations: int
    """repairs that can wait at once; 0: max_window"""
    max_jump: int
    """a source further ahead needs confirmation; 64 to 1000000"""
    cached_rows: int
    """coefficient rows kept, a power of two; 16 to 65536"""
    density_threshold: int
    """of the encoder's repairs; 0 to 15"""
    repairs_ahead: int
    """repairs that can be made ahead of time; 1 to 64"""
    def __init__(self, *, max_window: int = ..., max_symbol: int = ..., symbol_size: int = ..., decoder_window: int = ..., max_equations: int = ..., max_jump: int = ..., cached_rows: int = ..., density_threshold: int = ..., repairs_ahead: int = ...) -> None: ...

class RlcDecoder:
    """Rebuilds lost packets from the repairs of an RlcEncoder."""
    @property
    def newest_esi(self) -> int: ...
    @property
    def statistics(self) -> RlcDecoderStatistics: ...
    def __init__(self, config: RlcConfig = ...) -> None: ...
    def begin(self, first_esi: int) -> enums.Status:
        """Says with which number the packets begin, before anything has come."""
    def push_source(self, esi: int, data: Buffer, flow: int = 0) -> enums.Status:
        """A packet that arrived. The status says what became of it; nothing a peer can send raises."""
    def push_repair(self, id: RepairId, symbol: Buffer) -> enums.Status:
        """A repair that arrived. The status says what became of it; nothing a peer can send raises."""
    def poll(self) -> Optional[Recovered]:
        """The next rebuilt packet, in the order they were solved, or None."""
    def forget(self, before_esi: int) -> None:
        """Older packets are no longer wanted."""
    def has(self, esi: int) -> bool:
        """Is this packet there, received or rebuilt?"""
    def deficit(self) -> Deficit:
        """What is missing between the oldest wanted and the newest packet."""

class RlcDecoderStatistics:
    """Counts since creation."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def received(self) -> int: ...
    @property
    def recovered(self) -> int: ...
    @property
    def expired(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def late(self) -> int: ...
    @property
    def refused(self) -> int: ...
    @property
    def unpolled(self) -> int:
        """recovered, and out of the window before they were polled"""
    @property
    def repairs_used(self) -> int: ...
    @property
    def repairs_unneeded(self) -> int: ...
    @property
    def repairs_dependent(self) -> int: ...
    @property
    def repairs_malformed(self) -> int: ...
    @property
    def repairs_outside(self) -> int: ...
    @property
    def inconsistent(self) -> int: ...
    @property
    def equations_dropped(self) -> int: ...
    @property
    def equations_outdated(self) -> int: ...

class RlcEncoder:
    """Sliding-window random linear code over GF(2^8) (RFC 8681): makes repairs over the newest
    packets.
    """
    @property
    def first_esi(self) -> int: ...
    @property
    def next_esi(self) -> int: ...
    @property
    def statistics(self) -> RlcEncoderStatistics: ...
    def __init__(self, config: RlcConfig = ...) -> None: ...
    def push(self, esi: int, data: Buffer, flow: int = 0) -> None:
        """Adds a packet. Numbers are consecutive modulo 2**32; the first one is free. Raises TOO_LARGE or
        INVALID_ARGUMENT (not the next number).
        """
    def make_repair(self, window_size: int) -> Repair:
        """A repair over the newest packets, or over all there are if fewer."""
    def make_repair_for(self, id: RepairId) -> Repair:
        """The repair that an id describes. Raises OUT_OF_WINDOW when its packets are not there."""
    def encode(self, sources: npt.NDArray[np.uint8], first_esi: int, window_size: int, every: int, flow: int = 0) -> tuple[npt.NDArray[np.void], npt.NDArray[np.uint8]]:
        """Pushes every row of a 2-D uint8 array and makes a repair over the newest window_size packets after every
        `every` of them, in one call without the GIL. Returns (ids, symbols): a structured array with the fields of
        RepairId, and one row of bytes per repair.
        """
    def reset(self) -> None:
        """Forgets all packets; the next one may have any number."""
    def __len__(self) -> int: ...

class RlcEncoderStatistics:
    """Counts since creation."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def sources(self) -> int: ...
    @property
    def source_bytes(self) -> int: ...
    @property
    def repairs(self) -> int: ...
    @property
    def repair_bytes(self) -> int:
        """payload ids not included"""
    @property
    def repairs_ahead(self) -> int:
        """of the repairs: made ahead of time"""

class RunResult:
    """What became of every packet of a run."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def figures(self) -> dict[str, float]:
        """by name, as in `duality lab run --json`"""
    @property
    def fates(self) -> dict[str, int]:
        """packets by fate"""
    @property
    def event_hash(self) -> int:
        """the same on every machine"""
    @property
    def event_count(self) -> int: ...
    @property
    def near(self) -> SessionStatistics:
        """the sending end; all zero for BASELINE"""
    @property
    def far(self) -> SessionStatistics:
        """the receiving end"""
    @property
    def packets(self) -> npt.NDArray[np.void]:
        """one row per packet, with keep_packets: sent_ns, baseline_ns, arrived_ns, available_ns, released_ns (NEVER
        when it never happened), recovered_by, rejected, cancelled
        """
    @property
    def events(self) -> npt.NDArray[np.void]:
        """one row per event, with keep_events: at_ns, kind, subject, a, b"""

class SchedulerConfig:
    """How paths are watched."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    max_paths: int
    """1 to 16"""
    report_interval_ns: int
    """how often a receiving peer reports"""
    report_worth: int
    """bytes received that make a peer not in funds report"""
    suspicion_margin_ns: int
    """silence beyond the habit that is normal"""
    dead_after_ns: int
    """suspicion this long means dead"""
    late_after_ns: int
    """a round trip this much too long also means dead, and a spread of half of it unsteady"""
    leave_suspects: bool
    """do new packets take another path at once?"""
    probe_interval_ns: int
    """of a path just found dead"""
    keep_alive_ns: int
    """of an idle path"""
    recovery_time_ns: int
    """a path that failed again must answer for half this, then twice as long"""
    def __init__(self, *, max_paths: int = ..., report_interval_ns: int = ..., report_worth: int = ..., suspicion_margin_ns: int = ..., dead_after_ns: int = ..., late_after_ns: int = ..., leave_suspects: bool = ..., probe_interval_ns: int = ..., keep_alive_ns: int = ..., recovery_time_ns: int = ...) -> None: ...

class SenderStatistics:
    """What a session sent, and what it did not."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def source(self) -> Traffic:
        """what the application would have sent by itself"""
    @property
    def framing_bytes(self) -> int:
        """our header on those packets"""
    @property
    def parity(self) -> Traffic: ...
    @property
    def reactive(self) -> Traffic: ...
    @property
    def copies(self) -> Traffic:
        """on suspicion and failover"""
    @property
    def hot_copies(self) -> Traffic:
        """of hot streams, paid from the path's budget"""
    @property
    def control(self) -> Traffic:
        """feedback, probes, clock, close"""
    @property
    def event_repeats(self) -> Traffic:
        """events said again, from the overhead cap"""
    @property
    def refused_by_cap(self) -> int: ...
    @property
    def refused_by_budget(self) -> int: ...
    @property
    def source_refused(self) -> int:
        """source packets that no path was left for"""
    @property
    def deficits(self) -> int:
        """reports of missing packets that were answered"""
    @property
    def expired_deficits(self) -> int:
        """that no answer could have reached in time"""
    @property
    def implausible_feedback(self) -> int: ...

class ServiceLevel:
    """Raises an alarm when more packets miss their deadline than was agreed. It may be asked after every packet;
    false alarms come no more often than promised all the same.
    """
    @property
    def evidence(self) -> float:
        """what the bets have come to"""
    @property
    def threshold(self) -> float:
        """evidence that raises an alarm"""
    @property
    def statistics(self) -> ServiceLevelStatistics: ...
    def __init__(self, config: ServiceLevelConfig = ...) -> None: ...
    def observe(self, at_ns: int, in_time: bool) -> bool:
        """A packet's fate became known. True: an alarm was raised, for the blocks that ended before."""
    def observe_all(self, at_ns: npt.NDArray[np.int64], in_time: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Many packets in one call, without the GIL: arrays of int64 and bool. The times of the alarms."""
    def advance(self, at_ns: int) -> bool:
        """Lets time pass without a packet."""

class ServiceLevelConfig:
    """Configuration of a ServiceLevel."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    miss_max_ppm: int
    """agreed share of packets that miss the deadline; 1 to 500000"""
    block_ns: int
    """an alarm comes at the end of one; 10 ms to 1 h"""
    promise: enums.AlarmPromise
    """what is promised of false alarms"""
    between_false_alarms_ns: int
    """with MEAN_TIME; 1 min to 10 years"""
    false_alarm_ppm: int
    """with PROBABILITY; 1 to 500000"""
    def __init__(self, *, miss_max_ppm: int = ..., block_ns: int = ..., promise: enums.AlarmPromise = ..., between_false_alarms_ns: int = ..., false_alarm_ppm: int = ...) -> None: ...

class ServiceLevelStatistics:
    """Packets, blocks and alarms since creation."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def packets(self) -> int: ...
    @property
    def missed(self) -> int:
        """of them, their deadline"""
    @property
    def blocks(self) -> int:
        """ended, with packets in them"""
    @property
    def alarms(self) -> int: ...
    @property
    def last_alarm_ns(self) -> int:
        """2**63 - 1: none yet"""
    @property
    def clock_backwards(self) -> int: ...

class Session:
    """Everything DUALITY does, as one object; the same at both ends. It never reads a clock and
    has no socket: times (ns, your monotonic clock) and datagrams go in, outputs come out.
    """
    @property
    def regime(self) -> enums.Regime: ...
    @property
    def statistics(self) -> SessionStatistics: ...
    @property
    def is_closed(self) -> bool: ...
    def __init__(self, config: SessionConfig = ...) -> None: ...
    def add_path(self, now_ns: int, path: int, config: PathConfig = ...) -> enums.Status:
        """A path can now carry datagrams. An id means the same at both ends."""
    def remove_path(self, now_ns: int, path: int) -> enums.Status: ...
    def send(self, now_ns: int, data: Buffer, stream: int = 0) -> None:
        """Sends one packet. Raises QUEUE_FULL, TOO_LARGE, OVER_BUDGET, UNKNOWN_STREAM or CLOSED when it was not accepted."""
    def send_event(self, now_ns: int, data: Buffer, repeat_until_ns: Optional[int] = None) -> None:
        """Sends one event of at most 100 bytes over the event lane, again with each of the next ones, and by itself until repeat_until_ns. Raises TOO_LARGE, QUEUE_FULL, WRONG_STATE (no lane) or CLOSED."""
    def handle_datagram(self, now_ns: int, path: int, data: Buffer) -> enums.Status:
        """Takes a datagram that arrived on a path. The status says what became of it; nothing a peer can send raises."""
    def handle_timeout(self, now_ns: int) -> None:
        """Lets time pass; call it when next_timeout() has come."""
    def poll(self, now_ns: int) -> Union[None, Transmit, Deliver, Event, LaneEvent]:
        """The next thing to do: a Transmit, a Deliver, a LaneEvent, an Event, or None when there is nothing until next_timeout()."""
    def next_timeout(self) -> Optional[int]:
        """When to call handle_timeout() and poll() again; None when idle."""
    def set_stream(self, now_ns: int, stream: int, config: StreamConfig) -> enums.Status: ...
    def set_wall_clock(self, now_ns: int, wall_ns: int) -> None:
        """The calendar time (ns since 1970, UTC) of an instant, so that budgets renew."""
    def close(self, now_ns: int, reason: enums.CloseReason = enums.CloseReason.NORMAL) -> enums.Status: ...
    def path(self, now_ns: int, path: int) -> PathStatistics:
        """Statistics of a path."""
    def clock(self, now_ns: int) -> ClockEstimate:
        """What is known of the peer's clock."""
    def peer_clock(self, now_ns: int) -> int:
        """What the peer's clock shows now."""
    def features(self, now_ns: int) -> RegimeFeatures:
        """What the detector knows of the incoming flow."""

class SessionConfig:
    """Configuration of a Session. Both ends use the same max_payload and max_streams."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    max_payload: int
    """largest application datagram in bytes; 2 to 16384"""
    max_streams: int
    """1 to 64"""
    protected_packets: int
    """newest packets that can be repaired; 16 to 1024"""
    receive_packets: int
    """packets waiting for their slot; 32 to 4096"""
    queue: int
    """transmissions waiting for poll(); 16 to 4096"""
    overhead_cap_bp: int
    """extra bytes per source bytes, in basis points"""
    control_share_bp: int
    """of the cap, kept for the receiver's feedback"""
    reorder_delay_ns: int
    """a hole is a loss when it is this old"""
    path_skew_ns: int
    """the same while packets come over several paths"""
    parity: bool
    """proactive repair packets"""
    reactive: bool
    """repair packets on request"""
    sync_clock: bool
    """ask for the peer's clock"""
    second_path: bool
    """may the flow use another path than the best one?"""
    epoch: int
    """a number that no earlier life of this end had: the peer tells a restart by it; 0: none"""
    close_timeout_ns: int
    """how long an end that closes says so until it is answered"""
    stream: StreamConfig
    """of every stream until set_stream()"""
    hold: JitterHoldConfig
    """of every stream; hold_max_ns 0 delivers at once"""
    regime: RegimeConfig
    control: ControllerConfig
    paths: SchedulerConfig
    clock: ClockSyncConfig
    events: bool
    """an event lane in both directions"""
    lane: EventLaneConfig
    def __init__(self, *, max_payload: int = ..., max_streams: int = ..., protected_packets: int = ..., receive_packets: int = ..., queue: int = ..., overhead_cap_bp: int = ..., control_share_bp: int = ..., reorder_delay_ns: int = ..., path_skew_ns: int = ..., parity: bool = ..., reactive: bool = ..., sync_clock: bool = ..., second_path: bool = ..., epoch: int = ..., close_timeout_ns: int = ..., stream: StreamConfig = ..., hold: JitterHoldConfig = ..., regime: RegimeConfig = ..., control: ControllerConfig = ..., paths: SchedulerConfig = ..., clock: ClockSyncConfig = ..., events: bool = ..., lane: EventLaneConfig = ...) -> None: ...

class SessionStatistics:
    """Counts of a session since creation."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def sender(self) -> SenderStatistics: ...
    @property
    def receiver(self) -> ReceiverStatistics: ...
    @property
    def datagrams_received(self) -> int: ...
    @property
    def malformed(self) -> int: ...
    @property
    def unsupported_version(self) -> int: ...
    @property
    def unknown_frames(self) -> int: ...
    @property
    def repeated_datagrams(self) -> int: ...
    @property
    def peer_restarts(self) -> int: ...
    @property
    def stale_datagrams(self) -> int:
        """of a life that the peer has left"""
    @property
    def clock_backwards(self) -> int: ...
    @property
    def last_error_offset(self) -> int: ...
    @property
    def events_lost(self) -> int: ...

class SimulationConfig:
    """What a run of the lab does to its flow."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    protection: enums.Variant
    law: enums.ControlLaw
    hold_ns: int
    """slot after the idle path's arrival, and the least hold of the buffer"""
    deadline_ns: int
    """after the idle path's arrival"""
    payload: int
    """bytes of each application packet; 16 to 1200"""
    overhead_cap_bp: int
    """hard cap of extra bytes, basis points"""
    metered_budget: ByteBudget
    """of the second path"""
    suspicion_margin_ns: int
    """silence beyond the habit of a path that is normal"""
    def __init__(self, *, protection: enums.Variant = ..., law: enums.ControlLaw = ..., hold_ns: int = ..., deadline_ns: int = ..., payload: int = ..., overhead_cap_bp: int = ..., metered_budget: ByteBudget = ..., suspicion_margin_ns: int = ...) -> None: ...

class StreamConfig:
    """How one stream is treated."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    mode: enums.StreamMode
    deadline_ns: int
    """after it would have arrived on an idle path; 1 ms to 10 s"""
    late: enums.LatePolicy
    """what happens to a packet past it"""
    weight: int
    """what a packet is worth where not all can be protected, in percent; 0 to 1000"""
    def __init__(self, *, mode: enums.StreamMode = ..., deadline_ns: int = ..., late: enums.LatePolicy = ..., weight: int = ...) -> None: ...

class Trace:
    """A recorded path: when packets were sent, and how long they took."""
    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """(n, 2) int64, read-only, not a copy: send_ns and delay_ns (-1: lost)"""
    @property
    def round_trip(self) -> bool: ...
    @property
    def length_ns(self) -> int: ...
    def __init__(self, send_ns: npt.NDArray[np.int64], delay_ns: npt.NDArray[np.int64], round_trip: bool = False) -> None:
        """From int64 arrays; a delay of -1 is a loss. Send times are moved so that the first one is 0."""
    @staticmethod
    def parse(text: Union[str, bytes], round_trip: bool = False, carrier: str = '', session: Optional[int] = None) -> Trace:
        """From CSV text; raises MALFORMED naming the line."""
    def __len__(self) -> int: ...
    def baseline(self) -> npt.NDArray[np.int64]:
        """The idle path's delay along the trace, ns, one value every 100 ms."""

class Traffic:
    """Packets and bytes; bytes include the path's datagram_overhead."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def packets(self) -> int: ...
    @property
    def bytes(self) -> int: ...

class Transmit:
    """Put a datagram on a path."""
    _fields: tuple[str, ...]
    __hash__: None  # type: ignore[assignment]
    @property
    def path(self) -> int: ...
    @property
    def kind(self) -> enums.TransmitKind:
        """what it is sent for"""
    @property
    def data(self) -> bytes: ...

def parse_repair_id(data: Buffer) -> RepairId:
    """Reads a RepairId from its 8 bytes on the wire (RFC 8681, section 4.1.3); raises MALFORMED."""

def replay(primary: Trace, second: Optional[Trace], seed: int, config: SimulationConfig, packets_per_second: int, keep_packets: bool, keep_events: bool) -> RunResult:
    """One run over recorded paths; see duality.lab.replay."""

def simulate(family: enums.Family, seed: int, config: SimulationConfig, length_ns: int, packets_per_second: int, keep_packets: bool, keep_events: bool) -> RunResult:
    """One run; see duality.lab.run."""

def write_repair_id(id: RepairId) -> bytes:
    """The 8 bytes of a RepairId on the wire; raises INVALID_ARGUMENT."""
