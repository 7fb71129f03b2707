// SPDX-License-Identifier: MIT
//! A small safe layer over the C interface: a session, and runs of the lab.
pub mod ffi;

use std::ffi::CStr;
use std::{fmt, mem, ptr, slice};

/// A negative status of the library.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(pub i32);

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = unsafe { CStr::from_ptr(ffi::duality_status_name(self.0)) };
        f.write_str(&name.to_string_lossy())
    }
}

/// What was answered, when it is no failure: 0 is ok, more is "nothing to do".
fn check(status: i32) -> Result<i32, Error> {
    if status < 0 { Err(Error(status)) } else { Ok(status) }
}

/// One thing to do; `bytes` belong to the session until its next call, which the borrow sees to.
pub enum Output<'a> {
    Transmit { path: u32, bytes: &'a [u8] },
    Deliver { stream: u32, number: u64, lateness_ns: i64, recovered_by: i32, bytes: &'a [u8] },
    Event,
}

pub struct Session(*mut ffi::duality_session);

// One thread at a time may use a session, whichever it is.
unsafe impl Send for Session {}

impl Session {
    pub fn new() -> Result<Session, Error> {
        let mut raw = ptr::null_mut();
        check(unsafe { ffi::duality_session_create(ptr::null(), ptr::null(), ptr::null_mut(), &mut raw) })?;
        Ok(Session(raw))
    }
    pub fn add_path(&mut self, now_ns: i64, path: u32) -> Result<(), Error> {
        check(unsafe { ffi::duality_session_add_path(self.0, now_ns, path, ptr::null()) }).map(drop)
    }
    pub fn send(&mut self, now_ns: i64, stream: u32, bytes: &[u8]) -> Result<(), Error> {
        check(unsafe { ffi::duality_session_send(self.0, now_ns, stream, bytes.as_ptr(), bytes.len()) }).map(drop)
    }
    pub fn handle_datagram(&mut self, now_ns: i64, path: u32, bytes: &[u8]) -> Result<(), Error> {
        check(unsafe { ffi::duality_session_handle_datagram(self.0, now_ns, path, bytes.as_ptr(), bytes.len()) })
            .map(drop)
    }
    pub fn handle_timeout(&mut self, now_ns: i64) -> Result<(), Error> {
        check(unsafe { ffi::duality_session_handle_timeout(self.0, now_ns) }).map(drop)
    }
    /// The next thing to do, or nothing for now.
    pub fn poll_output(&mut self, now_ns: i64) -> Result<Option<Output<'_>>, Error> {
        let mut out: ffi::duality_session_output = unsafe { mem::zeroed() };
        out.struct_size = mem::size_of_val(&out) as u32;
        if check(unsafe { ffi::duality_session_poll_output(self.0, now_ns, &mut out) })? == ffi::NEED_MORE {
            return Ok(None);
        }
        let bytes = |o: &ffi::duality_session_output| match o.size {
            0 => &[][..],
            size => unsafe { slice::from_raw_parts(o.bytes, size) },
        };
        Ok(Some(match out.kind {
            ffi::OUTPUT_TRANSMIT => Output::Transmit { path: out.path, bytes: bytes(&out) },
            ffi::OUTPUT_DELIVER => Output::Deliver {
                stream: out.stream,
                number: out.number,
                lateness_ns: out.lateness_ns,
                recovered_by: out.recovered_by,
                bytes: bytes(&out),
            },
            _ => Output::Event,
        }))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let ended = unsafe { ffi::duality_session_destroy(self.0) };
        debug_assert_eq!(ended, ffi::OK);
    }
}

/// Event hash and packets delivered of one run of the lab.
pub fn lab_run(family: i32, variant: i32, seed: u64, length_ms: i64) -> Result<(u64, u64), Error> {
    let mut config: ffi::duality_lab_config = unsafe { mem::zeroed() };
    config.struct_size = mem::size_of_val(&config) as u32;
    check(unsafe { ffi::duality_lab_config_default(&mut config) })?;
    config.family = family;
    config.variant = variant;
    config.seed = seed;
    config.length_ns = length_ms * 1_000_000;
    let mut result: ffi::duality_lab_result = unsafe { mem::zeroed() };
    result.struct_size = mem::size_of_val(&result) as u32;
    check(unsafe { ffi::duality_lab_run(&config, ptr::null_mut(), &mut result) })?;
    Ok((result.event_hash, result.delivered))
}
