//! Runs the command as a user would, outside of a terminal, against an installation whose answers were recorded.
#![allow(dead_code, clippy::unwrap_used)]

pub mod records;

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// What a command did.
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    /// Command, output and exit code, as a transcript.
    pub fn transcript(&self, arguments: &[&str]) -> String {
        let mut text = format!("$ landfall {}\n{}", arguments.join(" "), self.stdout);
        if !self.stderr.is_empty() {
            text.push_str("[stderr]\n");
            text.push_str(&self.stderr);
        }
        text.push_str(&format!("[exit {}]\n", self.code));
        text
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}

/// Runs the command in a folder with these variables and no others that it reads.
pub fn run_with(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Done {
    let output = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("COLUMNS", "100")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .expect("the command runs");
    Done {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A request that was made.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET /layers/shop`, with the query; for S3 `PUT bucket/key` or another method.
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

type Answers = BTreeMap<String, VecDeque<(u16, Value)>>;

/// What lies in every bucket: a file that a test has here as well, and one that it has no more.
const LISTED: &str = "<ListBucketResult><Contents><Key>apps/site/index.html</Key></Contents>\
                      <Contents><Key>apps/site/old.html</Key></Contents></ListBucketResult>";

/// An installation that answers what was recorded; the last answer of a path is repeated. It also takes uploads, as S3,
/// and lists [`LISTED`].
pub struct Installation {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    answers: Arc<Mutex<Answers>>,
}

impl Installation {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (requests, answers) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Answers::new())));
        let (taken, given) = (Arc::clone(&requests), Arc::clone(&answers));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (taken, given) = (Arc::clone(&taken), Arc::clone(&given));
                std::thread::spawn(move || while serve(&stream, &taken, &given).is_some() {});
            }
        });
        Self { port, requests, answers }
    }

    /// Answers a request, after what was recorded for it before.
    pub fn answer(self, request: &str, status: u16, body: Value) -> Self {
        self.answers.lock().unwrap().entry(request.to_owned()).or_default().push_back((status, body));
        self
    }

    pub fn run(&self, folder: &Path, arguments: &[&str]) -> Done {
        let endpoint = format!("http://localhost:{}", self.port);
        let variables = [
            ("LANDFALL_API", endpoint.as_str()),
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "eu-central-1"),
            ("USER", "ana"),
        ];
        run_with(folder, &variables, arguments)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The body of the only request of that line.
    pub fn sent(&self, line: &str) -> Value {
        let all = self.requests();
        let found: Vec<_> = all.iter().filter(|request| request.line == line).collect();
        assert_eq!(found.len(), 1, "{line} among {:?}", all.iter().map(|request| &request.line).collect::<Vec<_>>());
        serde_json::from_str(&found[0].body).expect("a JSON body")
    }
}

fn serve(stream: &TcpStream, requests: &Mutex<Vec<Request>>, answers: &Mutex<Answers>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = first.split_whitespace();
    let (method, path) = (words.next()?, words.next()?);
    let bucket =
        headers.get("host").and_then(|host| host.split_once(".localhost")).map(|(bucket, _)| bucket.to_owned());
    let line = match (&bucket, method) {
        (Some(bucket), _) => format!("{method} {bucket}{}", path.split('?').next()?),
        (None, _) => format!("{method} {path}"),
    };
    let body = String::from_utf8_lossy(&body).into_owned();
    requests.lock().unwrap().push(Request { line: line.clone(), headers, body });
    let (status, answer) = if bucket.is_some() {
        (200, Value::Null)
    } else {
        let mut answers = answers.lock().unwrap();
        match answers.get_mut(&line) {
            Some(queue) if queue.len() > 1 => queue.pop_front()?,
            Some(queue) => queue.front()?.clone(),
            None => (500, serde_json::json!({ "error": { "message": format!("no answer was recorded for {line}") } })),
        }
    };
    let text = match (&bucket, method) {
        (Some(_), "GET") => LISTED.to_owned(),
        _ if answer.is_null() => String::new(),
        _ => answer.to_string(),
    };
    let version = if bucket.is_some() { "x-amz-version-id: v7\r\n" } else { "" };
    let mut out = stream;
    write!(
        out,
        "HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\n{version}content-length: {}\r\n\r\n{text}",
        text.len()
    )
    .ok()
}
