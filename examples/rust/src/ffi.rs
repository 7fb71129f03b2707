// SPDX-License-Identifier: MIT
//! What this example uses of <duality/duality.h>, by hand. The tests compare the layouts with what the library says.
#![allow(non_camel_case_types)]

use std::marker::{PhantomData, PhantomPinned};
use std::os::raw::{c_char, c_void};

/// An opaque handle of the library; belongs to one thread at a time.
#[repr(C)]
pub struct duality_session {
    _opaque: [u8; 0],
    _not_send_or_sync: PhantomData<(*mut u8, PhantomPinned)>,
}

#[repr(C)]
pub struct duality_session_output {
    pub struct_size: u32,
    pub kind: i32,
    pub bytes: *const u8,
    pub size: usize,
    pub event: *const c_void,
    pub path: u32,
    pub transmit: i32,
    pub stream: u32,
    pub recovered_by: i32,
    pub number: u64,
    pub origin_ns: i64,
    pub due_ns: i64,
    pub lateness_ns: i64,
    pub held_ns: i64,
    pub past_deadline: u32,
    pub reserved: u32,
}

/// Handles that the tests use as they are.
pub type duality_parity_encoder = c_void;
pub type duality_jitter_hold = c_void;

#[repr(C)]
#[derive(Default)]
pub struct duality_repair {
    pub struct_size: u32,
    pub code: i32,
    pub repair_key: u32,
    pub density_threshold: u32,
    pub window_size: u32,
    pub first_esi: u32,
}

#[repr(C)]
#[derive(Default)]
pub struct duality_released_packet {
    pub struct_size: u32,
    pub recovered_by: i32,
    pub sequence: u64,
    pub token: u64,
    pub origin_ns: i64,
    pub due_ns: i64,
    pub lateness_ns: i64,
    pub held_ns: i64,
    pub past_deadline: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct duality_lab_config {
    pub struct_size: u32,
    pub family: i32,
    pub variant: i32,
    pub law: i32,
    pub seed: u64,
    pub length_ns: i64,
}

/// The first fields of the result; the library fills what there is room for.
#[repr(C)]
pub struct duality_lab_result {
    pub struct_size: u32,
    pub reserved: u32,
    pub event_hash: u64,
    pub events: u64,
    pub packets: u64,
    pub delivered: u64,
}

pub const OK: i32 = 0;
pub const NEED_MORE: i32 = 1;
pub const OUTPUT_TRANSMIT: i32 = 1;
pub const OUTPUT_DELIVER: i32 = 2;

extern "C" {
    pub fn duality_abi_version() -> u32;
    pub fn duality_status_name(status: i32) -> *const c_char;
    pub fn duality_session_create(
        config: *const c_void,
        host: *const c_void,
        failure: *mut c_void,
        session: *mut *mut duality_session,
    ) -> i32;
    pub fn duality_session_destroy(session: *mut duality_session) -> i32;
    pub fn duality_session_add_path(session: *mut duality_session, now_ns: i64, path: u32, config: *const c_void) -> i32;
    pub fn duality_session_send(session: *mut duality_session, now_ns: i64, stream: u32, bytes: *const u8, size: usize)
        -> i32;
    pub fn duality_session_handle_datagram(
        session: *mut duality_session,
        now_ns: i64,
        path: u32,
        bytes: *const u8,
        size: usize,
    ) -> i32;
    pub fn duality_session_handle_timeout(session: *mut duality_session, now_ns: i64) -> i32;
    pub fn duality_session_poll_output(
        session: *mut duality_session,
        now_ns: i64,
        output: *mut duality_session_output,
    ) -> i32;
    pub fn duality_lab_config_default(config: *mut duality_lab_config) -> i32;
    pub fn duality_lab_run(
        config: *const duality_lab_config,
        failure: *mut c_void,
        result: *mut duality_lab_result,
    ) -> i32;
    pub fn duality_parity_encoder_create(
        config: *const c_void,
        host: *const c_void,
        failure: *mut c_void,
        encoder: *mut *mut duality_parity_encoder,
    ) -> i32;
    pub fn duality_parity_encoder_destroy(encoder: *mut duality_parity_encoder) -> i32;
    pub fn duality_parity_encoder_push(
        encoder: *mut duality_parity_encoder,
        esi: u32,
        flow: u32,
        data: *const u8,
        size: usize,
    ) -> i32;
    pub fn duality_parity_encoder_use(encoder: *mut duality_parity_encoder, code: i32) -> i32;
    pub fn duality_parity_encoder_repair(
        encoder: *mut duality_parity_encoder,
        first_esi: u32,
        window_size: u32,
        repair: *mut duality_repair,
        symbol: *mut u8,
        capacity: usize,
        needed: *mut usize,
    ) -> i32;
    pub fn duality_jitter_hold_create(
        config: *const c_void,
        host: *const c_void,
        failure: *mut c_void,
        hold: *mut *mut duality_jitter_hold,
    ) -> i32;
    pub fn duality_jitter_hold_destroy(hold: *mut duality_jitter_hold) -> i32;
    pub fn duality_jitter_hold_push(
        hold: *mut duality_jitter_hold,
        now_ns: i64,
        sequence: u64,
        origin_ns: i64,
        token: u64,
        recovered_by: i32,
    ) -> i32;
    pub fn duality_jitter_hold_poll(hold: *mut duality_jitter_hold, now_ns: i64, packet: *mut duality_released_packet)
        -> i32;
}
