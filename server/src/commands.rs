//! Subcommands of the operator: API keys and the audit log; and the check of the configuration.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use autamedica_server::{AuditHead, Config, Scope, SfuConfig, SfuStartError, Store, find_sfu_program, open_store};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Manage API keys.
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
    /// Create a key and print it. It can't be shown again.
    Create {
        /// Name of the key, such as `front-desk`.
        name: String,
        /// Scope of the key.
        #[arg(long, value_enum)]
        scope: Scope,
    },
    /// List name, scope and state of all keys.
    List,
    /// Revoke a key. It stops working at once.
    Revoke {
        /// Name of the key.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check the log for changed, missing or reordered entries. Exits with 2 if there are any.
    Verify {
        /// Earlier output of `head`, as `SEQ:HASH` or `SEQ:HASH:SEAL`: the log must still contain that entry.
        #[arg(long, value_name = "SEQ:HASH")]
        at_least: Option<AuditHead>,
    },
    /// Print the log's head as `SEQ:HASH:SEAL`, for `verify --at-least`.
    Head,
    /// Write the log to standard output as JSON Lines.
    Export,
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// If the database can't be used, the key's name is invalid or taken, or there is no key of that name.
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
                // The name is part of audit entries, as `key:NAME`.
                autamedica_api::Id::new(&name).context("the key's name")?;
                let key = store.create_key(&name, scope).await.context("creating the key (the name may be taken)")?;
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

async fn verify(store: &Store, earlier: Option<&AuditHead>) -> Result<ExitCode> {
    let verdict = match earlier {
        Some(earlier) => store.verify_audit_since(earlier).await?,
        None => store.verify_audit().await?,
    };
    match verdict {
        Ok(entries) => {
            println!("all {entries} entries are unchanged");
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

/// Checks the database and the SFU that the configuration names.
///
/// # Errors
/// If the database can't be used, a server behind a proxy has no API key, or the SFU's program is missing.
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
    println!("the configuration is valid\n  address   {}:{}\n  SFU       {sfu}", config.host, config.port);
    if !config.existing.used.is_empty() {
        println!("  used from the replaced deployment: {}", config.existing.used.join(", "));
    }
    for (name, advice) in &config.existing.unsupported {
        println!("  no effect: {name} ({advice})");
    }
    Ok(())
}
