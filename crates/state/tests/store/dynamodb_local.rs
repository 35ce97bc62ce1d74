//! DynamoDB Local: Amazon's own conditions and transactions, in a Java process that ends with the tests.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

const VERSION: &str = "3.3.1";
const MAIN: &str = "software.amazon.dynamodb.services.local.main.ServerRunner";
/// What could not run is written here, a line each, for whoever prints the closing line of the tests.
const NOT_RUN: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/not-run.txt");

struct Server {
    endpoint: String,
    // Holds the standard input of its shell open: when this process ends, however it ends, the server is stopped.
    _process: Child,
}

/// Where it listens; `None` when it cannot run here, which is noted for the closing line.
pub(crate) fn endpoint() -> Option<&'static str> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| match start() {
        Ok(server) => Some(server),
        Err(error) => {
            not_run(&format!("DynamoDB Local: not run, because {error:#}"));
            None
        }
    });
    server.as_ref().map(|server| server.endpoint.as_str())
}

fn not_run(line: &str) {
    println!("{line}");
    let known = fs::read_to_string(NOT_RUN).unwrap_or_default();
    if !known.lines().any(|known| known == line) {
        let mut file = OpenOptions::new().create(true).append(true).open(NOT_RUN).expect("the note can be written");
        writeln!(file, "{line}").expect("the note can be written");
    }
}

fn start() -> Result<Server> {
    installed("java", "Java 17 or newer")?;
    let library = library()?;
    for _ in 0..3 {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        // The shell stops the server when its standard input closes.
        let script = r#""$@" & server=$!; cat >/dev/null; kill $server"#;
        let mut process = Command::new("sh")
            .args(["-c", script, "sh", "java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .arg(format!("-Djava.library.path={}", library.display()))
            .args(["-cp", &format!("{}/*", library.display()), MAIN])
            .args(["-inMemory", "-disableTelemetry", "-port", &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("its process cannot be started")?;
        if listens(port) {
            return Ok(Server { endpoint: format!("http://127.0.0.1:{port}"), _process: process });
        }
        drop(process.stdin.take());
        process.wait()?;
    }
    bail!("it does not answer")
}

fn listens(port: u16) -> bool {
    let deadline = Instant::now() + Duration::from_secs(40);
    while Instant::now() < deadline {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

/// The folder with its libraries, fetched by Maven once per machine.
fn library() -> Result<PathBuf> {
    let home = std::env::var_os("HOME").context("HOME is not set")?;
    let cache = Path::new(&home).join(".cache/landfall");
    let library = cache.join(format!("dynamodb-local-{VERSION}"));
    if library.exists() {
        return Ok(library);
    }
    installed("mvn", "Maven")?;
    let fresh = cache.join(format!("dynamodb-local-{VERSION}.{}", std::process::id()));
    fs::create_dir_all(&fresh)?;
    let project = fresh.join("pom.xml");
    fs::write(&project, include_str!("dynamodb-local.xml").replace("VERSION", VERSION))?;
    let fetched = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(&project)
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", fresh.display()))
        .output()?;
    let said = String::from_utf8_lossy(&fetched.stdout);
    let reason = said.lines().find(|line| line.contains("ERROR")).unwrap_or("it gave no reason");
    if !fetched.status.success() {
        fs::remove_dir_all(&fresh)?;
        bail!("Maven could not fetch it: {reason}");
    }
    // Another test process may have been quicker.
    if fs::rename(&fresh, &library).is_err() {
        fs::remove_dir_all(&fresh)?;
    }
    Ok(library)
}

fn installed(program: &str, name: &str) -> Result<()> {
    let answer = Command::new(program).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(answer.is_ok_and(|status| status.success()), "{name} is not installed");
    Ok(())
}
