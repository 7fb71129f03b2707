// SPDX-License-Identifier: MIT
//! Two sessions in virtual time, joined by a path that loses one datagram in 25: 900 packets go in, 900 come out.
use duality::{Error, Output, Session};

/// Puts what one end wants to send before the other one; how many packets the application got.
fn carry(from: &mut Session, to: &mut Session, now: i64, datagrams: &mut u64) -> Result<u64, Error> {
    let mut delivered = 0;
    while let Some(output) = from.poll_output(now)? {
        match output {
            Output::Transmit { path, bytes } => {
                *datagrams += 1;
                if *datagrams % 25 != 0 {
                    to.handle_datagram(now, path, bytes)?;
                }
            }
            Output::Deliver { .. } => delivered += 1,
            Output::Event => {}
        }
    }
    Ok(delivered)
}

fn main() -> Result<(), Error> {
    let (mut client, mut server) = (Session::new()?, Session::new()?);
    client.add_path(0, 0)?;
    server.add_path(0, 0)?;
    let (mut datagrams, mut delivered) = (0, 0);
    for frame in 0..1000i64 {
        let now = frame * 5_000_000;
        if frame < 900 {
            client.send(now, 0, &[frame as u8; 400])?;
        }
        client.handle_timeout(now)?;
        server.handle_timeout(now)?;
        delivered += carry(&mut client, &mut server, now, &mut datagrams)?;
        delivered += carry(&mut server, &mut client, now, &mut datagrams)?;
    }
    println!("900 packets sent, {} of {datagrams} datagrams lost, {delivered} packets delivered", datagrams / 25);
    assert_eq!(delivered, 900);
    Ok(())
}
