use std::path::{Path, PathBuf};

const NAME: &str = "livekit-server";

/// Where `livekit-server` is: beside this executable, in `.tools/bin` of a folder above it, or in `PATH`.
pub fn find() -> Option<PathBuf> {
    let name = format!("{NAME}{}", std::env::consts::EXE_SUFFIX);
    let exe = std::env::current_exe().ok();
    let beside = exe.as_deref().and_then(Path::parent).map(|folder| folder.join(&name));
    let above = exe.iter().flat_map(|exe| exe.ancestors().skip(1)).map(|folder| folder.join(".tools/bin").join(&name));
    let path = std::env::var_os("PATH");
    let in_path = path.iter().flat_map(std::env::split_paths).map(|folder| folder.join(&name));
    beside.into_iter().chain(above).chain(in_path).find(|program| program.is_file())
}
