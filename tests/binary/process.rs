//! A child process: its output captured as it comes, waited for with a deadline, ended by its id.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A debug build on a busy machine gets there within this; nothing waits for it to pass.
pub const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks until there is something to see; fails the test after `PATIENCE`.
#[track_caller]
pub fn eventually<T>(
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move {
        let started = Instant::now();
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{place}: not within {PATIENCE:?}: {what}"
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// One of the child's outputs, line by line.
struct Output {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    fn capture(stream: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let into = text.clone();
        let reader = std::thread::spawn(move || {
            let mut lines = BufReader::new(stream);
            let mut line = Vec::new();
            while lines
                .read_until(b'\n', &mut line)
                .is_ok_and(|read| read > 0)
            {
                *into.lock().unwrap() += &String::from_utf8_lossy(&line);
                line.clear();
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// Everything, after the child has ended.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.text()
    }
}

/// A running child; killed and reaped when dropped.
pub struct Process {
    child: Child,
    out: Output,
    err: Output,
}

/// A child that has ended.
#[derive(Debug)]
pub struct Ended {
    /// `None`: by a signal.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Process {
    pub fn spawn(mut command: Command, input: &str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A child that reads no input may be gone already.
        let _ = stdin.write_all(input.as_bytes());
        Self {
            out: Output::capture(child.stdout.take().unwrap()),
            err: Output::capture(child.stderr.take().unwrap()),
            child,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What came on standard error so far.
    pub fn err(&self) -> String {
        self.err.text()
    }

    pub fn out(&self) -> String {
        self.out.text()
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// `TERM`, `HUP`, `INT`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success(), "signal {name} was not sent");
    }

    /// SIGKILL: no code of the child runs any more.
    pub fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        self.ended(status)
    }

    pub async fn wait(mut self) -> Ended {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return self.ended(status);
            }
            assert!(
                started.elapsed() < PATIENCE,
                "the process does not end; it said: {}{}",
                self.out(),
                self.err()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn ended(&mut self, status: ExitStatus) -> Ended {
        Ended {
            code: status.code(),
            out: self.out.whole(),
            err: self.err.whole(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
