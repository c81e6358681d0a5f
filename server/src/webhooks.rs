//! Webhooks to the integrator: signed, and repeated until they are delivered.

use std::time::Duration;

use autamedica_api::Timestamp;
use reqwest::header::CONTENT_TYPE;
use ring::hmac;
use tokio::sync::watch;
use url::Url;

use crate::secret::{Secret, hex};
use crate::store::{Delivery, Store};

/// Webhook of the integrator.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// URL of the integrator.
    pub url: Url,
    /// Secret for signatures, shared with the integrator.
    pub secret: Secret,
}

/// Timeout of a delivery.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time in milliseconds for which a server reserves an event. Longer than a delivery takes.
const LEASE: i64 = 30_000;
/// Interval for polling the outbox.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Maximum number of attempts. Delays start at 2 s and grow fourfold, so ten attempts take about ten hours.
const MAX_ATTEMPTS: u32 = 10;
const MAX_RETRY_DELAY: i64 = 4 * 60 * 60 * 1000;

/// Delivers events until the server shuts down.
pub async fn deliver(store: Store, config: WebhookConfig, mut ended: watch::Receiver<bool>) {
    let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
    let client = match client {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "creating the webhook client failed"),
    };
    loop {
        let delivery = store.reserve_delivery(LEASE).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "reading the outbox failed");
            None
        });
        let Some(delivery) = delivery else {
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => continue,
                // A closed channel means that the server was dropped.
                _ = ended.wait_for(|end| *end) => return,
            }
        };
        if let Err(error) = attempt(&store, &client, &config, &delivery).await {
            tracing::warn!(%error, "updating the outbox failed");
        }
    }
}

async fn attempt(
    store: &Store,
    client: &reqwest::Client,
    config: &WebhookConfig,
    delivery: &Delivery,
) -> sqlx::Result<()> {
    let signature = sign(&config.secret, Timestamp::now().as_millis() / 1000, &delivery.body);
    let request = client.post(config.url.clone()).header(CONTENT_TYPE, "application/json");
    let sent = request.header("autamedica-signature", signature).body(delivery.body.clone()).send().await;
    match sent.and_then(reqwest::Response::error_for_status) {
        Ok(_) => return store.mark_delivered(&delivery.id).await,
        // The URL is omitted because it may contain a secret of the integrator.
        Err(error) => {
            tracing::warn!(error = %error.without_url(), attempt = delivery.attempts, "delivering an event failed")
        }
    }
    if delivery.attempts >= MAX_ATTEMPTS {
        tracing::error!(event = delivery.id, "event dropped after the last attempt");
        return store.mark_delivered(&delivery.id).await;
    }
    let delay = (2000 * 4_i64.saturating_pow(delivery.attempts.saturating_sub(1))).min(MAX_RETRY_DELAY);
    store.schedule_retry(&delivery.id, Timestamp::from_millis(Timestamp::now().as_millis() + delay)).await
}

/// Returns `t=SECONDS,v1=HEX`: the HMAC-SHA256 of the seconds, a full stop and the body.
fn sign(secret: &Secret, seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    format!("t={seconds},v1={}", hex(hmac::sign(&key, format!("{seconds}.{body}").as_bytes()).as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_documented_one() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac topsecret
        let signature = sign(&Secret::new("topsecret"), 1_700_000_000, r#"{"a":1}"#);
        assert_eq!(signature, "t=1700000000,v1=6a939b0c71853d606167625a15168ee9188c6a511c773ef4f42d307f3849e50f");
    }
}
