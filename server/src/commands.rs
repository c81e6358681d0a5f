//! What an operator does beside serving: keys, the audit log, the check of the configuration.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use autamedica_server::{AuditHead, Config, Scope, SfuConfig, SfuStartError, Store, find_sfu_program, open_store};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make, list and revoke the API's keys.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Check and export the audit log.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and print it. It can't be shown again.
    Create {
        /// What to call it, such as `front-desk`.
        name: String,
        /// What it may do.
        #[arg(long, value_enum)]
        scope: Scope,
    },
    /// List every key's name, scope and state.
    List,
    /// Revoke the key of this name. From the next request on it doesn't work.
    Revoke {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Find any changed, missing or reordered entry. Exits with 2 when there is one.
    Verify {
        /// A head that was noted before, as `SEQ:HASH` or `SEQ:HASH:SEAL`: the log must still hold that entry.
        #[arg(long, value_name = "SEQ:HASH")]
        at_least: Option<AuditHead>,
    },
    /// Print the log's head as `SEQ:HASH:SEAL`, to be kept elsewhere for `verify --at-least`.
    Head,
    /// Write the log to standard output as JSON Lines.
    Export,
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// When the database can't be used, or a name is wrong.
    pub async fn run(self, config: &Config) -> Result<ExitCode> {
        let store = open_store(config).await?;
        let code = match self {
            Self::Key { command } => command.run(&store).await?,
            Self::Audit { command: AuditCommand::Verify { at_least } } => verify(&store, at_least.as_ref()).await?,
            Self::Audit { command: AuditCommand::Head } => {
                println!("{}", store.audit_head().await?);
                ExitCode::SUCCESS
            }
            Self::Audit { command: AuditCommand::Export } => export(&store).await?,
        };
        store.close().await;
        Ok(code)
    }
}

impl KeyCommand {
    async fn run(self, store: &Store) -> Result<ExitCode> {
        match self {
            Self::Create { name, scope } => {
                // It stands in the audit log as `key:NAME`.
                autamedica_api::Id::new(&name).context("the key's name")?;
                let key = store.create_key(&name, scope).await.context("making the key (is the name taken?)")?;
                println!("{}", key.expose());
            }
            Self::List => {
                for key in store.keys().await? {
                    let state = key.revoked_at.map_or("works".to_owned(), |at| format!("revoked {at}"));
                    println!("{}\t{}\t{}\tcreated {}\t{state}", key.id, key.name, key.scope.as_str(), key.created_at);
                }
            }
            Self::Revoke { name } => {
                if !store.revoke_key(&name).await? {
                    bail!("there is no key `{name}` that works");
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn verify(store: &Store, noted: Option<&AuditHead>) -> Result<ExitCode> {
    let verdict = match noted {
        Some(noted) => store.verify_audit_since(noted).await?,
        None => store.verify_audit().await?,
    };
    match verdict {
        Ok(entries) => {
            println!("all {entries} entries are as they were written");
            Ok(ExitCode::SUCCESS)
        }
        Err(tampering) => {
            println!("the audit log was tampered with: {tampering}");
            Ok(ExitCode::from(2))
        }
    }
}

async fn export(store: &Store) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let mut last = 0;
    loop {
        let page = store.audit_after(last).await?;
        let Some(end) = page.last() else { break };
        last = end.seq;
        for entry in page {
            serde_json::to_writer(&mut out, &entry).context("writing")?;
            out.write_all(b"\n").context("writing")?;
        }
    }
    out.flush().context("writing")?;
    Ok(ExitCode::SUCCESS)
}

/// Looks at what the configuration names: the database, and the SFU.
///
/// # Errors
/// When something isn't there.
pub async fn check(config: &Config) -> Result<()> {
    let store = open_store(config).await?;
    if config.behind_proxy && !store.has_keys().await? {
        return Err(autamedica_server::StartError::NoKeys.into());
    }
    store.close().await;
    let sfu = match &config.sfu {
        SfuConfig::Managed { program } => {
            let program = program.clone().filter(|program| program.is_file()).or_else(|| match program {
                Some(_) => None,
                None => find_sfu_program(),
            });
            format!("embedded, {}", program.ok_or(SfuStartError::NotFound)?.display())
        }
        SfuConfig::External { url, .. } => url.signaling().to_owned(),
    };
    println!("the configuration is right\n  address   {}:{}\n  SFU       {sfu}", config.host, config.port);
    if !config.existing.used.is_empty() {
        println!("  used from the replaced deployment: {}", config.existing.used.join(", "));
    }
    for (name, advice) in &config.existing.unsupported {
        println!("  no effect: {name} ({advice})");
    }
    Ok(())
}
