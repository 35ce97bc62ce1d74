//! Which function is at the other end of a connection, and its process: found by the connection's two addresses in
//! `/proc`. Elsewhere than on Linux nobody is found.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

use super::call::Caller;

/// A connection to us. Both of its ends tell it from others: connections to different addresses may share a local port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    /// The end of whoever calls.
    pub(super) peer: SocketAddr,
    /// Ours.
    pub(super) here: SocketAddr,
}

/// The functions that called, by the access key of their role.
#[derive(Debug)]
pub(super) struct Peers {
    /// Stands before the names of functions.
    prefix: String,
    functions: Mutex<BTreeMap<String, String>>,
}

impl Peers {
    /// Functions of one stack.
    pub(super) fn of_stack(stack: &str) -> Self {
        Self { prefix: format!("{stack}-"), functions: Mutex::default() }
    }

    /// Who calls with this key over a connection.
    pub(super) fn caller(&self, access_key: &str, connection: Connection) -> Caller {
        // Keys of roles begin with this; each function has a role, which has the same key in each of its processes.
        if !access_key.starts_with("ASIA") {
            return Caller::default();
        }
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = functions.get(access_key) {
            return Caller { function: Some(function.clone()) };
        }
        let Some(name) = process(connection).and_then(variable) else { return Caller::default() };
        let function = name.strip_prefix(&self.prefix).unwrap_or(&name).to_owned();
        functions.insert(access_key.to_owned(), function.clone());
        Caller { function: Some(function) }
    }
}

/// Looks at the kernel's table of connections before one is taken for gone.
const LOOKS: u32 = 5;

/// The process at the other end of a connection to us.
pub(super) fn process(connection: Connection) -> Option<u32> {
    // The kernel writes the table piece by piece: while others connect, a look may miss a line.
    let socket = format!("socket:[{}]", (0..LOOKS).find_map(|_| inode(connection))?);
    let numbers = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|pid| variable(*pid).is_some()).find(|pid| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.filter_map(|entry| fs::read_link(entry.path()).ok())
            .any(|link| link.as_os_str().as_bytes() == socket.as_bytes())
    })
}

/// Kills a process; answers whether it was there.
pub(super) fn kill(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

/// The name that Lambda gives the function of a process.
fn variable(pid: u32) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    let name = variables.find_map(|variable| variable.strip_prefix(b"AWS_LAMBDA_FUNCTION_NAME="))?;
    String::from_utf8(name.to_vec()).ok()
}

/// The inode of the caller's socket
/// (<https://docs.kernel.org/networking/proc_net_tcp.html>).
fn inode(connection: Connection) -> Option<u64> {
    let (local, remote) = (as_listed(connection.peer)?, as_listed(connection.here)?);
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let ends = (*fields.get(1)?, *fields.get(2)?);
        (ends == (local.as_str(), remote.as_str())).then(|| fields.get(9)?.parse().ok()).flatten()
    })
}

/// An address as the kernel's table has it.
fn as_listed(address: SocketAddr) -> Option<String> {
    let SocketAddr::V4(address) = address else { return None };
    Some(format!("{:08X}:{:04X}", u32::from_le_bytes(address.ip().octets()), address.port()))
}
