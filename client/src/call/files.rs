//! Files and photos in the chat: sent as byte streams, like LiveKit's web clients do, and stored for the call only.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use autamedica_engine::{ByteStreamReader, EncryptionType, LocalParticipant, RoomError, StreamByteOptions};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;

use super::event::{Event, Events};
use super::file_kind::{is_picture, mime_type, mime_type_of, safe_name};
use super::task::Task;
use super::{ChatMessage, FileProgress, Photo, SharedFile};

/// Topic of the byte streams.
const TOPIC: &str = "files";
/// Maximum size of a file in bytes.
pub const MAX_FILE_BYTES: u64 = 25 * 1024 * 1024;
/// Maximum size of an image with preview, in bytes.
pub(crate) const MAX_PREVIEW_BYTES: u64 = 4 * 1024 * 1024;
/// Maximum total size of received files stored, in bytes.
const MAX_STORED_BYTES: u64 = 200 * 1024 * 1024;
/// Maximum number of concurrent transfers; more are refused.
const MAX_TRANSFERS: usize = 4;
/// Maximum number of concurrent transfers of one participant.
const MAX_TRANSFERS_PER_SENDER: usize = 2;
/// Timeout of a transfer without progress.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Timeout of a transfer.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(600);
/// Bytes sent at a time, and between two reports of progress.
const CHUNK_SIZE: usize = 128 * 1024;

/// Received files. Each is an unnamed temporary file, which the system deletes when it is closed.
#[derive(Default)]
pub(super) struct Files {
    stored: Vec<StoredFile>,
    /// Transfers in progress, by message number.
    transfers: HashMap<u64, Transfer>,
    /// Total size of stored files and transfers in progress.
    bytes: u64,
}

struct StoredFile {
    id: String,
    size: u64,
    file: Arc<Mutex<File>>,
}

struct Transfer {
    from: String,
    /// Announced size, or the maximum.
    size: u64,
}

impl Files {
    fn has_room(&self, from: &str, size: u64) -> bool {
        let of_sender = self.transfers.values().filter(|file| file.from == from).count();
        self.transfers.len() < MAX_TRANSFERS
            && of_sender < MAX_TRANSFERS_PER_SENDER
            && self.bytes.saturating_add(size) <= MAX_STORED_BYTES
    }

    fn begin(&mut self, number: u64, from: String, size: u64) {
        self.bytes += size;
        self.transfers.insert(number, Transfer { from, size });
    }

    /// Ends a transfer.
    fn end(&mut self, number: u64, stored: Option<StoredFile>) {
        let Some(Transfer { size, .. }) = self.transfers.remove(&number) else { return };
        self.bytes = self.bytes.saturating_sub(size).saturating_add(stored.as_ref().map_or(0, |stored| stored.size));
        self.stored.extend(stored);
    }

    /// Discards the file of a removed message.
    pub(super) fn discard(&mut self, id: &str) {
        let (gone, stored) = std::mem::take(&mut self.stored).into_iter().partition(|stored| stored.id == id);
        let gone: Vec<StoredFile> = gone;
        self.stored = stored;
        self.bytes = self.bytes.saturating_sub(gone.iter().map(|stored| stored.size).sum());
    }
}

/// Result of a completed transfer.
pub(super) struct Transferred {
    mime_type: &'static str,
    size: u64,
    preview: Option<Photo>,
    /// The received file; `None` for one that we sent.
    file: Option<Arc<Mutex<File>>>,
}

/// Reports the progress of a transfer.
#[derive(Clone)]
struct Progress {
    number: u64,
    events: Events,
}

impl Progress {
    fn report(&self, bytes: u64) {
        self.events.send(Event::FileProgressed { number: self.number, bytes });
    }
}

impl Task {
    /// Sends a file to all admitted participants.
    pub(super) fn send_file(&mut self, path: PathBuf) {
        let session = self.session.as_ref().filter(|session| session.admits());
        let participant = session.map(|session| session.room.local_participant());
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = safe_name(&name, "");
        let file = SharedFile {
            id: self.files_id(),
            mime_type: String::new(),
            size: 0,
            progress: FileProgress::InProgress(0),
            preview: None,
        };
        let message = ChatMessage { file: Some(file), ..self.own_message(&text) };
        let number = self.add_message(None, message);
        let to = self.remotes.admitted();
        // An empty list would send to everybody, including waiting participants.
        let Some(participant) = participant.filter(|_| !to.is_empty()) else {
            return self.on_file_ended(number, Err(FileProgress::Failed));
        };
        let progress = Progress { number, events: self.events() };
        let if_panics = Event::FileEnded { number, result: Err(FileProgress::Failed) };
        self.spawn_job(if_panics, async move {
            let result = send(&participant, path, text, to, &progress).await;
            Event::FileEnded { number, result }
        });
    }

    /// Creates an id for the file of the next message. Ids of senders may not be unique.
    fn files_id(&mut self) -> String {
        format!("file-{}", self.state().chat.newest() + 1)
    }

    /// Handles a byte stream.
    pub(super) fn on_bytes(&mut self, from: String, reader: ByteStreamReader) {
        let info = reader.info();
        let is_sealed = info.encryption_type != EncryptionType::None || !self.is_encrypted();
        let size = info.total_length.filter(|size| *size > 0).unwrap_or(MAX_FILE_BYTES);
        let has_room = self.files.has_room(&from, size);
        if info.topic != TOPIC || !is_sealed {
            return tracing::debug!(topic = info.topic, is_sealed, "byte stream ignored");
        }
        if !self.accepts_message(&from) {
            return tracing::debug!("file ignored: rate limit exceeded");
        }
        let id = self.files_id();
        let file = SharedFile {
            id,
            mime_type: String::new(),
            size: info.total_length.unwrap_or(0),
            progress: FileProgress::InProgress(0),
            preview: None,
        };
        let name = safe_name(&info.name, "");
        let written = ChatMessage::written(from.clone(), false, name, super::chat::time_of(info.timestamp_ms));
        let message = ChatMessage { role: self.remotes.role(&from), links: Vec::new(), file: Some(file), ..written };
        let number = self.add_message(None, message);
        if size > MAX_FILE_BYTES {
            return self.show_file(number, FileProgress::TooLarge);
        }
        if !has_room {
            tracing::warn!("file refused: transfer or storage limit reached");
            return self.show_file(number, FileProgress::Failed);
        }
        self.files.begin(number, from, size);
        let progress = Progress { number, events: self.events() };
        let if_panics = Event::FileEnded { number, result: Err(FileProgress::Failed) };
        self.spawn_job(if_panics, async move {
            let received = tokio::time::timeout(TRANSFER_TIMEOUT, receive(reader, &progress)).await;
            let result = received.unwrap_or_else(|_| {
                tracing::warn!(limit = ?TRANSFER_TIMEOUT, "file transfer timed out");
                Err(FileProgress::Failed)
            });
            Event::FileEnded { number, result }
        });
    }

    pub(super) fn on_file_progress(&mut self, number: u64, bytes: u64) {
        let moving = |file: &&mut SharedFile| matches!(file.progress, FileProgress::InProgress(_));
        if let Some(file) = self.message(number).and_then(|message| message.file.as_mut()).filter(moving) {
            file.progress = FileProgress::InProgress(bytes);
        }
    }

    pub(super) fn on_file_ended(&mut self, number: u64, result: Result<Transferred, FileProgress>) {
        let stored = self.show_file_end(number, result);
        self.files.end(number, stored);
    }

    /// Shows the result of a transfer. Returns the file to keep.
    fn show_file_end(&mut self, number: u64, result: Result<Transferred, FileProgress>) -> Option<StoredFile> {
        // Newer messages may have displaced this one.
        let message = self.message(number)?;
        let (own, file) = (message.own, message.file.as_mut()?);
        match result {
            Ok(transferred) => {
                transferred.mime_type.clone_into(&mut file.mime_type);
                file.size = transferred.size;
                file.preview = transferred.preview;
                file.progress = FileProgress::Done;
                message.text = safe_name(&message.text, transferred.mime_type);
                let id = file.id.clone();
                transferred.file.map(|file| StoredFile { id, size: transferred.size, file })
            }
            Err(progress) => {
                file.progress = progress;
                message.failed = own;
                None
            }
        }
    }

    fn show_file(&mut self, number: u64, progress: FileProgress) {
        if let Some(file) = self.message(number).and_then(|message| message.file.as_mut()) {
            file.progress = progress;
        }
    }

    /// Saves a received file.
    pub(super) fn save_file(&mut self, id: &str, to: PathBuf) {
        let Some(stored) = self.files.stored.iter().find(|stored| stored.id == id) else {
            return tracing::warn!("file to save not found");
        };
        let (id, file) = (id.to_owned(), Arc::clone(&stored.file));
        let if_panics = Event::FileSaved { id: id.clone(), saved: FileProgress::Failed };
        self.spawn_job(if_panics, async move {
            let saving = {
                let to = to.clone();
                spawn_blocking(move || save(&mut file.lock(), &to))
            };
            let saved = match saving.await {
                Ok(Ok(())) => FileProgress::Saved(to),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "file not saved");
                    FileProgress::Failed
                }
                Err(_) => FileProgress::Failed,
            };
            Event::FileSaved { id, saved }
        });
    }

    pub(super) fn on_file_saved(&mut self, id: &str, saved: FileProgress) {
        let chat = &mut self.state().chat;
        let is_it = |file: &SharedFile| file.id == id;
        let Some(at) = chat.iter().position(|message| message.file.as_ref().is_some_and(is_it)) else { return };
        if let Some(file) = chat.get_mut(at).and_then(|message| message.file.as_mut()) {
            file.progress = saved;
        }
    }
}

async fn send(
    participant: &LocalParticipant,
    path: PathBuf,
    name: String,
    to: Vec<String>,
    progress: &Progress,
) -> Result<Transferred, FileProgress> {
    let (file, bytes, mime_type) = spawn_blocking(move || read(&path)).await.map_err(|_| FileProgress::Failed)??;
    let size = bytes.len() as u64;
    let options = StreamByteOptions {
        topic: TOPIC.into(),
        name: Some(safe_name(&name, mime_type)),
        mime_type: Some(mime_type.into()),
        total_length: Some(size),
        destination_identities: to,
        ..StreamByteOptions::default()
    };
    let sent = async {
        let writer = participant.stream_bytes(options).await?;
        let mut sent_bytes = 0;
        for piece in bytes.chunks(CHUNK_SIZE) {
            writer.write(piece.to_vec()).await?;
            sent_bytes += piece.len() as u64;
            progress.report(sent_bytes);
        }
        writer.close().await
    };
    sent.await.map_err(|error: RoomError| {
        tracing::warn!(%error, "file not sent");
        FileProgress::Failed
    })?;
    let is_shown = is_picture(mime_type) && size <= MAX_PREVIEW_BYTES;
    let preview = is_shown.then(|| Photo::in_file(Arc::new(Mutex::new(file))));
    Ok(Transferred { mime_type, size, preview, file: None })
}

/// Opens and reads a file to send.
///
/// # Errors
/// [`FileProgress::WrongType`], [`FileProgress::TooLarge`], [`FileProgress::Failed`].
fn read(path: &Path) -> Result<(File, Vec<u8>, &'static str), FileProgress> {
    let failed = |error: std::io::Error| {
        tracing::warn!(%error, "file to send not read");
        FileProgress::Failed
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(FileProgress::WrongType);
    }
    let mut bytes = Vec::new();
    // It may grow while being read.
    (&file).take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(FileProgress::TooLarge);
    }
    let mime_type = mime_type(&bytes).ok_or(FileProgress::WrongType)?;
    Ok((file, bytes, mime_type))
}

async fn receive(mut reader: ByteStreamReader, progress: &Progress) -> Result<Transferred, FileProgress> {
    let failed = |error: std::io::Error| {
        tracing::warn!(%error, "received file not stored");
        FileProgress::Failed
    };
    let expected = reader.info().total_length;
    // Unnamed: no other process finds it, and it is deleted even after a crash.
    let mut file = tempfile::tempfile().map_err(failed)?;
    let (mut size, mut reported, mut buffer) = (0_u64, 0, Vec::new());
    loop {
        let chunk = tokio::time::timeout(STALL_TIMEOUT, reader.next()).await.map_err(|_| {
            tracing::warn!("file transfer stalled");
            FileProgress::Failed
        })?;
        let chunk = chunk.map_err(|error| {
            tracing::warn!(%error, "file transfer incomplete");
            FileProgress::Failed
        })?;
        let ended = chunk.is_none();
        buffer.append(&mut chunk.unwrap_or_default());
        if size + buffer.len() as u64 > MAX_FILE_BYTES {
            return Err(FileProgress::TooLarge);
        }
        if ended || buffer.len() >= CHUNK_SIZE {
            size += buffer.len() as u64;
            let writing = std::mem::take(&mut buffer);
            let written = spawn_blocking(move || file.write_all(&writing).map(|()| file)).await;
            file = written.map_err(|_| FileProgress::Failed)?.map_err(failed)?;
        }
        if size > reported {
            reported = size;
            progress.report(size);
        }
        if ended {
            break;
        }
    }
    if expected.is_some_and(|expected| expected != size) {
        return Err(FileProgress::Failed);
    }
    spawn_blocking(move || check_type(file, size)).await.map_err(|_| FileProgress::Failed)?
}

/// Checks the type of a received file.
fn check_type(mut file: File, size: u64) -> Result<Transferred, FileProgress> {
    let failed = |error: std::io::Error| {
        tracing::warn!(%error, "received file not read");
        FileProgress::Failed
    };
    let mime_type = mime_type_of(&mut file).map_err(failed)?.ok_or(FileProgress::WrongType)?;
    let file = Arc::new(Mutex::new(file));
    let preview = (is_picture(mime_type) && size <= MAX_PREVIEW_BYTES).then(|| Photo::in_file(file.clone()));
    Ok(Transferred { mime_type, size, preview, file: Some(file) })
}

/// Copies a received file to the selected path. Replaces an existing file only after the copy is on disk.
fn save(stored: &mut File, to: &Path) -> std::io::Result<()> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _ = folder;
    stored.rewind()?;
    let copied = File::create(to).and_then(|mut file| std::io::copy(stored, &mut file));
    if copied.is_err() {
        let _ = std::fs::remove_file(to);
    }
    copied.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_with(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    #[cfg(unix)]
    fn a_file_is_saved_whole_for_this_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("report.pdf");
        std::fs::write(&to, "what was there").unwrap();
        save(&mut file_with(b"new"), &to).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_failed_save_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("report.pdf");
        std::fs::write(&to, "what was there").unwrap();
        // A write-only file cannot be copied.
        let unreadable = folder.path().join("unreadable");
        save(&mut File::create(&unreadable).unwrap(), &to).unwrap_err();
        std::fs::remove_file(unreadable).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"what was there");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn one_participant_leaves_room_for_the_others_files() {
        let mut files = Files::default();
        for number in 0..2 {
            assert!(files.has_room("ana", 1000));
            files.begin(number, "ana".into(), 1000);
        }
        assert!(!files.has_room("ana", 1000));
        assert!(files.has_room("luis", 1000));
        let stored = StoredFile { id: "file-1".into(), size: 10, file: Arc::new(Mutex::new(file_with(b"0123456789"))) };
        files.end(0, Some(stored));
        files.end(1, None);
        files.end(1, None);
        assert!(files.transfers.is_empty());
        assert_eq!(files.bytes, 10);
        files.discard("file-1");
        assert_eq!((files.bytes, files.stored.len()), (0, 0));
    }
}
