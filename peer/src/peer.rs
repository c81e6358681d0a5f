//! Handle of a peer-to-peer call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use autamedica_text::Secret;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

use crate::access::Access;
use crate::adapter::Adapter;
use crate::error::StartError;
use crate::loopback::{self, EngineInput};
use crate::options::PeerOptions;
use crate::socketio::{self, Client, Credentials, Incoming};
use crate::state::{ConnectionStats, PeerState};
use crate::{random, text};

/// Maximum number of queued messages of the engine.
const MAX_QUEUED: usize = 256;
/// Time for the engine to receive that its session ended.
const LEAVE_TIME: Duration = Duration::from_millis(300);

/// A peer-to-peer call. Dropping it ends the call.
pub struct Peer {
    state: watch::Receiver<PeerState>,
    stats: mpsc::Sender<ConnectionStats>,
    token: watch::Sender<Secret>,
}

impl Peer {
    /// Starts the adapter and connects to the signaling server. To be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] when an option is invalid or the loopback listener can't be opened. A signaling server that can't
    /// be reached is no error: [`PeerState::signaling`] stays [`Signaling::Connecting`](crate::Signaling::Connecting).
    pub async fn start(options: PeerOptions) -> Result<Self, StartError> {
        let texts =
            [("user id", &options.user_id), ("room id", &options.room_id), ("display name", &options.display_name)];
        if !options.role.is_empty() && !text::is_plain(&options.role) {
            return Err(StartError::Text("role"));
        }
        for (name, value) in texts {
            if !text::is_plain(value) {
                return Err(StartError::Text(name));
            }
        }
        let address = socketio::address(&options.signaling_url)?;
        let instance = random::hex::<16>()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}", listener.local_addr()?);
        let access = Arc::new(Access::default());
        let (inputs, engine) = mpsc::channel(MAX_QUEUED);
        let server = tokio::spawn(loopback::serve(listener, access.clone(), inputs));
        let (token, newest) = watch::channel(options.token.clone());
        let credentials = Credentials { user_id: options.user_id.clone(), token: newest };
        let (socket, incoming) = Client::start(address, credentials);
        let (state, snapshot) = watch::channel(PeerState::INITIAL);
        let (stats, local_stats) = mpsc::channel(4);
        let adapter = Adapter::new(options, url, instance, state, token.clone(), access, socket);
        tokio::spawn(async move {
            run(adapter, incoming, engine, local_stats).await;
            tokio::time::sleep(LEAVE_TIME).await;
            server.abort();
        });
        Ok(Self { state: snapshot, stats, token })
    }

    /// The newest state, and its changes. They end when the call has ended.
    pub fn state(&self) -> watch::Receiver<PeerState> {
        self.state.clone()
    }

    /// Replaces the token for the signaling server, which expires during a long call. The next connection uses it, at once
    /// after [`Signaling::TokenRefused`](crate::Signaling::TokenRefused).
    pub fn set_token(&self, token: Secret) {
        self.token.send_replace(token);
    }

    /// Sends statistics to the peer. Those that come faster than they can be sent are dropped.
    pub fn send_stats(&self, stats: ConnectionStats) {
        // A queue that is full holds newer ones soon.
        let _ = self.stats.try_send(stats);
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

/// Runs the adapter until the [`Peer`] is dropped, whose sender of statistics closes then.
async fn run(
    mut adapter: Adapter,
    mut incoming: mpsc::Receiver<Incoming>,
    mut engine: mpsc::Receiver<EngineInput>,
    mut stats: mpsc::Receiver<ConnectionStats>,
) {
    loop {
        let deadline = adapter.deadline();
        tokio::select! {
            stats = stats.recv() => match stats {
                Some(stats) => adapter.on_local_stats(stats),
                None => break,
            },
            Some(incoming) = incoming.recv() => adapter.on_incoming(incoming),
            Some(input) = engine.recv() => adapter.on_engine(input),
            () = async { sleep_until(deadline.unwrap_or_else(tokio::time::Instant::now)).await }, if deadline.is_some() => {
                adapter.on_timer();
            }
        }
    }
    adapter.stop();
}
