//! Files and photos in the chat: sent as byte streams, as LiveKit's web clients do, and kept for the call only.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use autamedica_engine::{ByteStreamReader, EncryptionType, LocalParticipant, RoomError, StreamByteOptions};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;

use super::event::{Event, Events};
use super::file_kind::{is_picture, mime_type, safe_name};
use super::task::Task;
use super::{ChatMessage, FileProgress, SharedFile};

/// The topic of the byte streams.
const TOPIC: &str = "files";
/// The largest file that is sent or taken, in bytes.
pub const LARGEST_FILE: u64 = 25 * 1024 * 1024;
/// The largest picture that the chat shows, in bytes as it came.
const LARGEST_PREVIEW: u64 = 4 * 1024 * 1024;
/// All that a call keeps of the others' files, in bytes.
const MOST_KEPT: u64 = 200 * 1024 * 1024;
/// So many come at a time; more are refused.
const MOST_AT_A_TIME: usize = 4;
/// A file of which nothing comes for so long won't come.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much is handed to the engine at a time, and how often progress is told, in bytes.
const PIECE: usize = 128 * 1024;

/// The others' files, each in a file of the system's temporary folder that has no name and goes with its handle.
#[derive(Default)]
pub(super) struct Files {
    kept: Vec<Kept>,
    arriving: usize,
    /// What is kept and what was announced.
    bytes: u64,
}

struct Kept {
    id: String,
    file: Arc<Mutex<File>>,
}

/// What became of a file.
pub(super) struct Arrived {
    mime_type: &'static str,
    size: u64,
    preview: Option<Arc<[u8]>>,
    /// Where it is kept, when it came from somebody else.
    file: Option<File>,
}

/// Tells how far the file of a line is.
#[derive(Clone)]
struct Progress {
    line: u64,
    events: Events,
}

impl Progress {
    fn moved(&self, bytes: u64) {
        self.events.send(Event::FileMoved { line: self.line, bytes });
    }
}

impl Task {
    /// Sends a file to everybody here.
    pub(super) fn send_file(&mut self, path: PathBuf) {
        let session = self.session.as_ref().filter(|session| session.admits());
        let participant = session.map(|session| session.room.local_participant());
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = safe_name(&name, "");
        let file = SharedFile {
            id: self.files_id(),
            mime_type: String::new(),
            size: 0,
            progress: FileProgress::Moving(0),
            preview: None,
        };
        let line = ChatMessage { file: Some(file), ..self.own_line(&text) };
        let line = self.add_line(None, line);
        let Some(participant) = participant else { return self.on_file_ended(line, Err(FileProgress::Failed)) };
        let progress = Progress { line, events: self.events() };
        self.beside(async move {
            let result = send(&participant, path, text, &progress).await;
            Event::FileEnded { line, result }
        });
    }

    /// A name for a file that nobody else gave one.
    fn files_id(&mut self) -> String {
        format!("own/{}", self.state().chat.len())
    }

    /// Bytes come.
    pub(super) fn on_bytes(&mut self, from: String, reader: ByteStreamReader) {
        let info = reader.info();
        let is_sealed = info.encryption_type != EncryptionType::None || self.state().comparison_code.is_none();
        let size = info.total_length.filter(|size| *size > 0).unwrap_or(LARGEST_FILE);
        let has_room = self.files.arriving < MOST_AT_A_TIME && self.files.bytes.saturating_add(size) <= MOST_KEPT;
        if info.topic != TOPIC || !is_sealed {
            return tracing::warn!(topic = info.topic, is_sealed, "bytes aren't taken");
        }
        let file = SharedFile {
            id: format!("{from}/{}", info.id),
            mime_type: String::new(),
            size: info.total_length.unwrap_or(0),
            progress: FileProgress::Moving(0),
            preview: None,
        };
        let message = ChatMessage {
            role: self.remotes.role(&from),
            from,
            own: false,
            text: safe_name(&info.name, ""),
            at: super::chat::time_of(info.timestamp_ms),
            failed: false,
            file: Some(file),
        };
        let line = self.add_line(None, message);
        if size > LARGEST_FILE {
            return self.show_file(line, FileProgress::TooLarge);
        }
        if !has_room {
            tracing::warn!("there is no room for another file");
            return self.show_file(line, FileProgress::Failed);
        }
        self.files.arriving += 1;
        self.files.bytes += size;
        let progress = Progress { line, events: self.events() };
        self.beside(async move {
            let result = receive(reader, &progress).await;
            Event::FileEnded { line, result }
        });
    }

    pub(super) fn on_file_moved(&mut self, line: u64, bytes: u64) {
        let moving = |file: &&mut SharedFile| matches!(file.progress, FileProgress::Moving(_));
        if let Some(file) = self.line(line).and_then(|line| line.file.as_mut()).filter(moving) {
            file.progress = FileProgress::Moving(bytes);
        }
    }

    pub(super) fn on_file_ended(&mut self, line: u64, result: Result<Arrived, FileProgress>) {
        let Some(message) = self.line(line) else { return };
        let (own, Some(file)) = (message.own, message.file.as_mut()) else { return };
        // As it was counted when it was announced.
        let announced = if file.size == 0 { LARGEST_FILE } else { file.size };
        let (mut kept, mut size) = (None, 0);
        match result {
            Ok(arrived) => {
                arrived.mime_type.clone_into(&mut file.mime_type);
                file.size = arrived.size;
                file.preview = arrived.preview;
                file.progress = FileProgress::Done;
                size = arrived.size;
                kept = arrived.file.map(|handle| Kept { id: file.id.clone(), file: Arc::new(Mutex::new(handle)) });
                message.text = safe_name(&message.text, arrived.mime_type);
            }
            Err(progress) => {
                file.progress = progress;
                message.failed = own;
            }
        }
        if !own {
            self.files.arriving = self.files.arriving.saturating_sub(1);
            self.files.bytes = self.files.bytes.saturating_sub(announced).saturating_add(size);
            self.files.kept.extend(kept);
        }
    }

    fn show_file(&mut self, line: u64, progress: FileProgress) {
        if let Some(file) = self.line(line).and_then(|line| line.file.as_mut()) {
            file.progress = progress;
        }
    }

    /// Keeps a file that came, where the person says.
    pub(super) fn save_file(&mut self, id: &str, to: PathBuf) {
        let Some(kept) = self.files.kept.iter().find(|kept| kept.id == id) else {
            return tracing::warn!("there is no such file");
        };
        let (id, file) = (id.to_owned(), Arc::clone(&kept.file));
        self.beside(async move {
            let saving = {
                let to = to.clone();
                spawn_blocking(move || save(&mut file.lock(), &to))
            };
            let saved = match saving.await {
                Ok(Ok(())) => FileProgress::Saved(to),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a file can't be saved");
                    FileProgress::Failed
                }
                Err(_) => FileProgress::Failed,
            };
            Event::FileSaved { id, saved }
        });
    }

    pub(super) fn on_file_saved(&mut self, id: &str, saved: FileProgress) {
        let chat = Arc::make_mut(&mut self.state().chat);
        if let Some(file) = chat.iter_mut().filter_map(|line| line.file.as_mut()).find(|file| file.id == id) {
            file.progress = saved;
        }
    }
}

async fn send(
    participant: &LocalParticipant,
    path: PathBuf,
    name: String,
    progress: &Progress,
) -> Result<Arrived, FileProgress> {
    let (bytes, mime_type) = spawn_blocking(move || read(&path)).await.map_err(|_| FileProgress::Failed)??;
    let size = bytes.len() as u64;
    let options = StreamByteOptions {
        topic: TOPIC.into(),
        name: Some(safe_name(&name, mime_type)),
        mime_type: Some(mime_type.into()),
        total_length: Some(size),
        ..StreamByteOptions::default()
    };
    let sent = async {
        let writer = participant.stream_bytes(options).await?;
        let mut moved = 0;
        for piece in bytes.chunks(PIECE) {
            writer.write(piece.to_vec()).await?;
            moved += piece.len() as u64;
            progress.moved(moved);
        }
        writer.close().await
    };
    sent.await.map_err(|error: RoomError| {
        tracing::warn!(%error, "a file wasn't sent");
        FileProgress::Failed
    })?;
    let preview = (is_picture(mime_type) && size <= LARGEST_PREVIEW).then(|| bytes.into());
    Ok(Arrived { mime_type, size, preview, file: None })
}

/// A file's bytes and type, when it may be sent.
fn read(path: &Path) -> Result<(Vec<u8>, &'static str), FileProgress> {
    let failed = |error: std::io::Error| {
        tracing::warn!(%error, "a file can't be read");
        FileProgress::Failed
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(FileProgress::WrongType);
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(FileProgress::TooLarge);
    }
    let mime_type = mime_type(&bytes).ok_or(FileProgress::WrongType)?;
    Ok((bytes, mime_type))
}

async fn receive(mut reader: ByteStreamReader, progress: &Progress) -> Result<Arrived, FileProgress> {
    let failed = |error: std::io::Error| {
        tracing::warn!(%error, "a file that came can't be kept");
        FileProgress::Failed
    };
    let expected = reader.info().total_length;
    // Has no name: nobody else finds it, and it goes with us however we end.
    let mut file = tempfile::tempfile().map_err(failed)?;
    let (mut size, mut told, mut piece) = (0_u64, 0, Vec::new());
    loop {
        let chunk = tokio::time::timeout(PATIENCE, reader.next()).await.map_err(|_| {
            tracing::warn!("a file stopped coming");
            FileProgress::Failed
        })?;
        let chunk = chunk.map_err(|error| {
            tracing::warn!(%error, "a file didn't arrive whole");
            FileProgress::Failed
        })?;
        let ended = chunk.is_none();
        piece.append(&mut chunk.unwrap_or_default());
        if size + piece.len() as u64 > LARGEST_FILE {
            return Err(FileProgress::TooLarge);
        }
        if ended || piece.len() >= PIECE {
            size += piece.len() as u64;
            let writing = std::mem::take(&mut piece);
            let written = spawn_blocking(move || file.write_all(&writing).map(|()| file)).await;
            file = written.map_err(|_| FileProgress::Failed)?.map_err(failed)?;
        }
        if size > told {
            told = size;
            progress.moved(size);
        }
        if ended {
            break;
        }
    }
    if expected.is_some_and(|expected| expected != size) {
        return Err(FileProgress::Failed);
    }
    spawn_blocking(move || judge(file, size)).await.map_err(|_| FileProgress::Failed)?
}

/// Takes a file that is here whole, if it is of a type that is allowed.
fn judge(mut file: File, size: u64) -> Result<Arrived, FileProgress> {
    let failed = |error: std::io::Error| {
        tracing::warn!(%error, "a file that came can't be read");
        FileProgress::Failed
    };
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(failed)?;
    let mime_type = mime_type(&bytes).ok_or(FileProgress::WrongType)?;
    let preview = (is_picture(mime_type) && size <= LARGEST_PREVIEW).then(|| bytes.into());
    Ok(Arrived { mime_type, size, preview, file: Some(file) })
}

/// Copies a kept file to a place that the person chose.
fn save(kept: &mut File, to: &Path) -> std::io::Result<()> {
    kept.rewind()?;
    let saved = File::create(to).and_then(|mut file| {
        std::io::copy(kept, &mut file)?;
        file.sync_all()
    });
    saved.inspect_err(|_| {
        // Half a file isn't what was asked for; when it can't be removed, it couldn't be made.
        let _ = std::fs::remove_file(to);
    })
}
