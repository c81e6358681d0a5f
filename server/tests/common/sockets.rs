//! The npm `socket.io-client`, driven line by line.

use std::collections::VecDeque;
use std::process::Stdio;

use autamedica_lab::{HANG_GUARD, workspace_file};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Socket.io clients in a Node process, each with a name.
pub struct Sockets {
    url: String,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// What was heard while waiting for something else.
    heard: VecDeque<Value>,
    _child: Child,
}

impl Sockets {
    /// Of the server at `url`.
    pub fn start(url: &str) -> Self {
        let script = workspace_file("tests/web/sockets.mjs").unwrap();
        let mut child = Command::new("node")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node, which `cargo xtask setup --tests` wants");
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self {
            url: url.to_owned(),
            stdin,
            lines: BufReader::new(stdout).lines(),
            heard: VecDeque::new(),
            _child: child,
        }
    }

    async fn command(&mut self, command: &Value) {
        self.stdin.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }

    /// Connects a socket; what comes of it is an event.
    pub async fn open(&mut self, name: &str, options: Value) {
        let url = self.url.clone();
        self.command(&json!({"open": name, "url": url, "options": options})).await;
    }

    /// Connects a socket over one transport (`websocket` or `polling`), as a user with a token.
    ///
    /// # Panics
    /// When it isn't let in.
    pub async fn connect(&mut self, name: &str, transport: &str, user: &str, token: &str) {
        let query = json!({"userId": user, "token": token});
        self.open(name, json!({"transports": [transport], "query": query})).await;
        assert_eq!(self.hear(name, "connect").await, transport);
    }

    /// Sends an event.
    pub async fn emit(&mut self, name: &str, event: &str, data: Value) {
        self.command(&json!({"emit": name, "event": event, "data": data})).await;
    }

    /// Disconnects a socket.
    pub async fn close(&mut self, name: &str) {
        self.command(&json!({"close": name})).await;
    }

    async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(HANG_GUARD, self.lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("nothing is heard, after {:?}", self.heard)).unwrap();
        serde_json::from_str(&line.expect("the clients ended")).unwrap()
    }

    /// Waits until a socket hears anything.
    pub async fn hear_any(&mut self, name: &str) -> Value {
        let old = self.heard.iter().position(|heard| heard["socket"] == name);
        if let Some(heard) = old.and_then(|i| self.heard.remove(i)) {
            return heard;
        }
        loop {
            let heard = self.next().await;
            if heard["socket"] == name {
                return heard;
            }
            self.heard.push_back(heard);
        }
    }

    /// Waits until a socket hears an event, and gives its data.
    ///
    /// # Panics
    /// When it hears another first: nothing may come that wasn't waited for.
    pub async fn hear(&mut self, name: &str, event: &str) -> Value {
        let heard = self.hear_any(name).await;
        assert_eq!(heard["event"], event, "{heard}");
        heard["data"].clone()
    }
}

/// Runs a script of `tests/web` with instructions on its standard input, and gives what it prints.
pub async fn run_script(script: &str, instructions: &Value) -> Value {
    let mut child = Command::new("node")
        .arg(workspace_file(script).unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node, which `cargo xtask setup --tests` wants");
    child.stdin.take().unwrap().write_all(instructions.to_string().as_bytes()).await.unwrap();
    let output = tokio::time::timeout(2 * HANG_GUARD, child.wait_with_output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{script} failed");
    serde_json::from_slice(&output.stdout).unwrap()
}
