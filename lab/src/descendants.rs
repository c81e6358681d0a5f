use std::collections::BTreeMap;
use std::time::Duration;

/// Process as listed by the kernel (proc(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Name, which the kernel cuts to fifteen letters.
    pub name: String,
    /// Start in clock ticks since boot, which distinguishes processes that reuse an id.
    pub started: u64,
    parent: u32,
}

/// Returns a living process; `None` when it is gone or a zombie.
pub fn listed(id: u32) -> Option<Listed> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (before, after) = stat.rsplit_once(')')?;
    let fields: Vec<_> = after.split_whitespace().collect();
    if matches!(fields.first(), Some(&("Z" | "X"))) {
        return None;
    }
    Some(Listed {
        name: before.split_once('(')?.1.to_owned(),
        started: fields.get(19)?.parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
    })
}

/// Returns the CPU time of all threads of a process; `None` when it is gone.
pub fn cpu_time(id: u32) -> Option<Duration> {
    // The kernel reports hundredths of a second, whatever its own clock is (proc(5)).
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system) = (fields.next()?.parse::<u32>().ok()?, fields.next()?.parse::<u32>().ok()?);
    Some(TICK * (user + system))
}

/// Returns all living descendants of a process by id.
pub fn descendants(of: u32) -> BTreeMap<u32, Listed> {
    let ids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let all: BTreeMap<u32, Listed> = ids.filter_map(|id| Some((id, listed(id)?))).collect();
    let is_below = |id: u32| {
        let parent = |id: &u32| all.get(id).map(|process| process.parent).filter(|parent| *parent != 0);
        std::iter::successors(parent(&id), parent).any(|id| id == of)
    };
    all.iter().filter(|(id, _)| is_below(**id)).map(|(id, process)| (*id, process.clone())).collect()
}

/// Waits until none of these processes lives. A process that reuses an id doesn't count.
///
/// # Errors
/// A process still lives after `guard`; the message names it.
pub fn wait_until_gone(family: &BTreeMap<u32, Listed>, guard: Duration) -> anyhow::Result<()> {
    let alive = || family.iter().find(|(id, process)| listed(**id).is_some_and(|now| now.started == process.started));
    crate::wait_until("the end of all processes", guard, || alive().is_none().then_some(()))
        .map_err(|error| error.context(format!("{:?} still lives", alive())))
}
