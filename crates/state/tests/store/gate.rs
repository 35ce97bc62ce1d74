//! A gate on the way to DynamoDB. Transactions, or reads of one record, wait in front of it until the test opens it, so
//! that a record can change between the moment a call has read it and the moment its write is checked.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What a gate holds up: requests that have all of this in them. The name of the operation is a header.
pub(crate) type Held = &'static [&'static str];

/// Every transaction.
pub(crate) const TRANSACTIONS: Held = &["DynamoDB_20120810.TransactWriteItems"];
/// Reads of the queue of a layer.
pub(crate) const QUEUE_READS: Held = &["DynamoDB_20120810.GetItem", r#""QUEUE""#];

#[derive(Clone)]
pub(crate) struct Gate {
    holds: Held,
    gathered: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl Gate {
    /// A closed gate in front of `upstream`, and where it is reached.
    pub(crate) async fn before(upstream: &str, holds: Held) -> (Self, String) {
        let upstream = upstream.trim_start_matches("http://").trim_end_matches('/').replace("localhost", "127.0.0.1");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let gate = Self { holds, gathered: watch::Sender::new(0), open: watch::Sender::new(false) };
        let ours = gate.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&upstream).await.unwrap();
                tokio::spawn(ours.clone().carry(client, server));
            }
        });
        (gate, endpoint)
    }

    /// Waits until so many requests stand in front of it.
    pub(crate) async fn gathered(&self, many: usize) {
        self.gathered.subscribe().wait_for(|gathered| *gathered >= many).await.unwrap();
    }

    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    async fn carry(self, client: TcpStream, server: TcpStream) -> std::io::Result<()> {
        let (mut requests, mut to_client) = client.into_split();
        let (mut answers, mut to_server) = server.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut answers, &mut to_client).await });
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = requests.read(&mut buffer).await?;
            let sent = &buffer[..length];
            if length == 0 {
                return Ok(());
            }
            let has = |part: &&str| sent.windows(part.len()).any(|sent| sent.eq_ignore_ascii_case(part.as_bytes()));
            if self.holds.iter().all(has) {
                self.gathered.send_modify(|gathered| *gathered += 1);
                self.open.subscribe().wait_for(|open| *open).await.map_err(std::io::Error::other)?;
            }
            to_server.write_all(sent).await?;
        }
    }
}
