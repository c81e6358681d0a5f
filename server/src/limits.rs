//! Rate limits: of each address, and of each API key wherever it is used.

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

/// How many requests are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// So many in a row are fine.
    pub burst: u32,
    /// After that one each so often.
    pub period: Duration,
}

/// Whom a limit holds for.
#[derive(Clone, Copy, Debug)]
enum By {
    Address,
    ApiKey,
}

#[derive(Clone, Debug)]
struct Extractor {
    by: By,
    proxies: Proxies,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum RateKey {
    Address(IpAddr),
    /// A hash, so that no secret stays in memory for it.
    ApiKey(u64),
}

impl KeyExtractor for Extractor {
    type Key = RateKey;

    fn extract<T>(&self, request: &Request<T>) -> Result<RateKey, GovernorError> {
        let address = || RateKey::Address(network(self.proxies.origin(request.headers(), request.extensions())));
        Ok(match self.by {
            By::Address => address(),
            By::ApiKey => {
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

/// One line has a whole /64 of IPv6 addresses to itself.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        },
    }
}

/// Puts a limit for each address, and the same for each API key, around `routes`. It forgets who was quiet for a while,
/// until the server ends.
pub fn limit<S>(routes: Router<S>, limit: RateLimit, proxies: &Proxies, ended: &watch::Receiver<bool>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    // The last layer is the first to see a request. By address comes first: otherwise each invented key would be a line of its
    // own in the other limit's memory, and a flood of them would use up the limit of whomever it names.
    [By::ApiKey, By::Address].into_iter().fold(routes, |routes, by| {
        let config = config(limit, Extractor { by, proxies: proxies.clone() });
        tokio::spawn(forget(config.clone(), ended.clone()));
        routes.layer(GovernorLayer::new(config).error_handler(too_many))
    })
}

/// How many refusals of each address are put on record, so that nobody fills the audit log with them.
pub struct Refusals(DefaultKeyedRateLimiter<IpAddr>);

impl Refusals {
    /// So many.
    pub fn new(limit: RateLimit) -> Self {
        let quota = Quota::with_period(limit.period.max(Duration::from_nanos(1)));
        let burst = NonZeroU32::new(limit.burst).unwrap_or(NonZeroU32::MIN);
        Self(DefaultKeyedRateLimiter::keyed(quota.expect("the period isn't zero").allow_burst(burst)))
    }

    /// Whether one more of this address is put on record.
    ///
    /// # Errors
    /// With 429 when there were too many.
    pub fn note(&self, address: IpAddr) -> Result<(), Error> {
        // Few are ever known, unless somebody has many addresses.
        if self.0.len() > 1000 {
            self.0.retain_recent();
        }
        let noted = self.0.check_key(&network(address));
        noted.map_err(|_| Error::refused(ErrorCode::RateLimited, "too many refused requests; wait a little"))
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

async fn forget(config: Arc<Limiter>, mut ended: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(60)) => config.limiter().retain_recent(),
            // A closed channel means that the server is gone.
            _ = ended.wait_for(|end| *end) => return,
        }
    }
}

fn too_many(error: GovernorError) -> Response<Body> {
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
