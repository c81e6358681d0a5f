//! Rate limits per IP address and per API key.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use autamedica_api::ErrorCode;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use axum::response::{IntoResponse, Response};
use governor::middleware::NoOpMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota};
use tokio::sync::watch;
use tower_governor::governor::{GovernorConfig, GovernorConfigBuilder};
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};

use crate::error::Error;
use crate::proxies::Proxies;
use crate::store::KEY_PREFIX;

/// Rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Number of requests allowed at once.
    pub burst: u32,
    /// Time after which one more request is allowed.
    pub period: Duration,
}

/// Subject of a limit.
#[derive(Clone, Copy, Debug)]
enum LimitedBy {
    Address,
    ApiKey,
}

#[derive(Clone, Debug)]
struct Extractor {
    by: LimitedBy,
    proxies: Proxies,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum RateKey {
    Address(IpAddr),
    /// Hash of the key, so that no secret stays in memory.
    ApiKey(u64),
}

impl KeyExtractor for Extractor {
    type Key = RateKey;

    fn extract<T>(&self, request: &Request<T>) -> Result<RateKey, GovernorError> {
        let address = || RateKey::Address(network(self.proxies.origin(request.headers(), request.extensions())));
        Ok(match self.by {
            LimitedBy::Address => address(),
            LimitedBy::ApiKey => {
                let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
                let key = value.and_then(|value| value.split_once(' ')).map(|(_, key)| key.trim());
                key.filter(|key| key.starts_with(KEY_PREFIX)).map_or_else(address, |key| {
                    let mut hasher = DefaultHasher::new();
                    key.hash(&mut hasher);
                    RateKey::ApiKey(hasher.finish())
                })
            }
        })
    }
}

/// Returns the network that a limit counts as one address: IPv6 customers usually have a whole /64.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        },
    }
}

/// Adds a limit per address and one per API key to `routes`. Idle addresses and keys are forgotten periodically until
/// the server shuts down.
pub fn limit<S>(routes: Router<S>, limit: RateLimit, proxies: &Proxies, ended: &watch::Receiver<bool>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    // The last layer sees a request first. The limit per address comes first, because otherwise invented keys would
    // fill the other limit's memory and exhaust the limits of other people's keys.
    [LimitedBy::Address, LimitedBy::ApiKey].into_iter().fold(routes, |routes, by| {
        let config = config(limit, Extractor { by, proxies: proxies.clone() });
        tokio::spawn(evict_idle(config.clone(), ended.clone()));
        routes.layer(GovernorLayer::new(config).error_handler(too_many_requests))
    })
}

/// Limits the refusals per address in the audit log, so that nobody can flood it.
pub struct Refusals(DefaultKeyedRateLimiter<IpAddr>);

impl Refusals {
    /// Creates a limit.
    pub fn new(limit: RateLimit) -> Self {
        let quota = Quota::with_period(limit.period.max(Duration::from_nanos(1)));
        let burst = NonZeroU32::new(limit.burst).unwrap_or(NonZeroU32::MIN);
        Self(DefaultKeyedRateLimiter::keyed(quota.expect("the period isn't zero").allow_burst(burst)))
    }

    /// Counts a refusal of this address.
    ///
    /// # Errors
    /// [`Error::Refused`] with [`ErrorCode::RateLimited`] after too many of them.
    pub fn note(&self, address: IpAddr) -> Result<(), Error> {
        // Bounds the memory in an attack from many addresses.
        if self.0.len() > 1000 {
            self.0.retain_recent();
        }
        let allowed = self.0.check_key(&network(address));
        allowed.map_err(|_| Error::refused(ErrorCode::RateLimited, "too many refused requests; wait a little"))
    }
}

impl std::fmt::Debug for Refusals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Refusals(…)")
    }
}

type Limiter = GovernorConfig<Extractor, NoOpMiddleware<governor::clock::QuantaInstant>>;

fn config(limit: RateLimit, extractor: Extractor) -> Arc<Limiter> {
    let period = limit.period.max(Duration::from_nanos(1));
    let mut builder = GovernorConfigBuilder::default().key_extractor(extractor);
    builder.period(period).burst_size(limit.burst.max(1));
    Arc::new(builder.finish().expect("neither the period nor the burst is zero"))
}

async fn evict_idle(config: Arc<Limiter>, mut ended: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(60)) => config.limiter().retain_recent(),
            // A closed channel means that the server was dropped.
            _ = ended.wait_for(|end| *end) => return,
        }
    }
}

fn too_many_requests(error: GovernorError) -> Response<Body> {
    let GovernorError::TooManyRequests { wait_time, .. } = error else {
        return Error::Internal("a rate limit has no key").into_response();
    };
    let mut response = Error::refused(ErrorCode::RateLimited, "too many requests; wait a little").into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_time.max(1)));
    response
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_ipv6_line_counts_as_one() {
        let network = |text: &str| super::network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
    }
}
