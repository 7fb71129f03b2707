// SPDX-License-Identifier: MIT
use duality::{ffi, lab_run, Error, Session};
use std::{env, fs, mem, ptr};

#[test]
fn the_library_speaks_what_this_layer_was_written_for() {
    assert_eq!(unsafe { ffi::duality_abi_version() } >> 16, 0);
    assert_eq!(format!("{:?}", Error(-12)), "over_budget");
}

#[test]
fn misuse_is_an_error_and_nothing_else() {
    let mut session = Session::new().unwrap();
    assert_eq!(session.handle_datagram(0, 0, &[1, 2, 3]), Err(Error(-9)));
    session.add_path(0, 0).unwrap();
    assert_eq!(session.add_path(0, 0), Err(Error(-1)));
    assert_eq!(session.send(0, 200, &[0; 10]), Err(Error(-10)));
    assert_eq!(session.send(0, 0, &vec![0; 100_000]), Err(Error(-11)));
}

#[test]
fn a_session_moves_to_another_thread() {
    let mut session = Session::new().unwrap();
    session.add_path(0, 0).unwrap();
    std::thread::spawn(move || session.send(0, 0, b"hello").unwrap()).join().unwrap();
}

/// The rows of one kind; DUALITY_GOLDEN says where the table is, beside the sources by default.
fn golden(kind: &str) -> Vec<Vec<String>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/vectors.txt");
    let table = fs::read_to_string(env::var("DUALITY_GOLDEN").unwrap_or_else(|_| beside.into())).unwrap();
    let rows = table.lines().map(|line| line.split(' ').map(String::from).collect::<Vec<_>>());
    rows.filter(|row| row[0] == kind).collect()
}

#[test]
fn golden_runs_of_the_lab() {
    for row in golden("lab") {
        let number = |i: usize| row[i].parse::<i64>().unwrap();
        let run = lab_run(number(1) as i32, number(2) as i32, number(3) as u64, number(4)).unwrap();
        assert_eq!(run, (u64::from_str_radix(&row[5], 16).unwrap(), number(6) as u64), "{row:?}");
    }
}

#[test]
fn golden_repairs() {
    let mut encoder = ptr::null_mut();
    unsafe {
        assert_eq!(ffi::duality_parity_encoder_create(ptr::null(), ptr::null(), ptr::null_mut(), &mut encoder), 0);
        for e in 0..24u32 {
            let data: Vec<u8> = (0..5 + 3 * (e % 4)).map(|k| (17 * e + 7 * k + 3) as u8).collect();
            assert_eq!(ffi::duality_parity_encoder_push(encoder, e, e, data.as_ptr(), data.len()), 0);
        }
        for row in golden("repair") {
            let number = |i: usize| row[i].parse::<u32>().unwrap();
            assert_eq!(ffi::duality_parity_encoder_use(encoder, number(1) as i32), 0);
            let mut repair = ffi::duality_repair { struct_size: 24, ..Default::default() };
            let (mut symbol, mut size) = ([0u8; 1500], 0);
            let (first, window) = (number(2), number(3));
            let made = ffi::duality_parity_encoder_repair(
                encoder, first, window, &mut repair, symbol.as_mut_ptr(), symbol.len(), &mut size);
            assert_eq!((made, repair.repair_key), (0, number(4)));
            let hex: String = symbol[..size].iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(hex, row[5]);
        }
        assert_eq!(ffi::duality_parity_encoder_destroy(encoder), 0);
    }
}

#[test]
fn golden_holds() {
    let (mut hold, mut rows) = (ptr::null_mut(), golden("hold").into_iter());
    let mut now = 0;
    unsafe {
        assert_eq!(ffi::duality_jitter_hold_create(ptr::null(), ptr::null(), ptr::null_mut(), &mut hold), 0);
        for i in 0..61i64 {
            if i < 60 {
                now = now.max((5 * i + 20 + 7919 * i % 23) * 1_000_000);
                ffi::duality_jitter_hold_push(hold, now, i as u64, 5 * i * 1_000_000, i as u64, 0);
            } else {
                now += 1_000_000_000;
            }
            let mut out = ffi::duality_released_packet::default();
            out.struct_size = mem::size_of_val(&out) as u32;
            while ffi::duality_jitter_hold_poll(hold, now, &mut out) == ffi::OK {
                let said = format!("hold {} {} {}", out.sequence, out.due_ns, out.lateness_ns);
                assert_eq!(said, rows.next().unwrap().join(" "));
            }
        }
        assert!(rows.next().is_none());
        assert_eq!(ffi::duality_jitter_hold_destroy(hold), 0);
    }
}
