//! An app and a browser, peer to peer: a real engine, an adapter, a Socket.io server and Chromium.
#![allow(clippy::unwrap_used)]

mod common;

use anyhow::{Context, Result};
use autamedica_peer::{Capabilities, Phase, Presence};
use common::{Browser, Call, Caller, Media, PATIENCE, ROOM, Signaling, WIDTH, rounds};
use serde_json::json;

const APP_HZ: f64 = 440.0;
const BROWSER_HZ: f64 = 700.0;

/// Connects to a presence of the browser, and checks media both ways.
async fn see_and_hear(app: &Caller, presence: &Presence, browser: &mut Browser) -> Result<(Call, Media)> {
    assert_eq!(presence.capabilities, Capabilities::BROWSER);
    let mut call = app.connect(presence, APP_HZ).await?;
    let mut media = call.media().await?;
    let fps = media.rate(90).await?;
    media.hear(BROWSER_HZ).await?;
    let seen = browser.call(json!(["watch", WIDTH, 3000, PATIENCE])).await?;
    let tone = browser.call(json!(["listen", PATIENCE])).await?.as_f64().context("a frequency")?;
    eprintln!("app sees {fps:.1} frames per second; browser sees {seen} and hears {tone:.0} Hz");
    assert!(seen["fps"].as_f64().is_some_and(|fps| fps > 0.0), "{seen}");
    assert!(seen["changed"].as_f64().is_some_and(|changed| changed > 0.005), "{seen}");
    assert!((tone - APP_HZ).abs() < 5.0, "{tone}");
    Ok((call, media))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_there_first() -> Result<()> {
    let server = Signaling::start("app", "web")?;
    let mut browser = Browser::join(&server, ROOM, "web", BROWSER_HZ).await?;
    let mut app = Caller::start(&server, ROOM, "app").await?;
    let presence = app.presence(0).await?;
    see_and_hear(&app, &presence, &mut browser).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_comes_second_leaves_and_returns() -> Result<()> {
    let server = Signaling::start("app", "web")?;
    let mut app = Caller::start(&server, ROOM, "app").await?;
    app.wait("waiting", |state| matches!(state.phase, Phase::Waiting { .. }).then_some(())).await?;
    let mut number = 0;
    for _ in 0..rounds(1) {
        let mut browser = Browser::join(&server, ROOM, "web", BROWSER_HZ).await?;
        let presence = app.presence(number).await?;
        number = presence.number;
        let both = see_and_hear(&app, &presence, &mut browser).await?;
        browser.call(json!(["leave"])).await?;
        // The server may relay the end of the call after the departure.
        app.wait("the departure", |state| matches!(state.phase, Phase::Waiting { .. }).then_some(())).await?;
        drop(both);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_leaves_a_browser_and_returns() -> Result<()> {
    let server = Signaling::start("app", "web")?;
    let mut browser = Browser::join(&server, ROOM, "web", BROWSER_HZ).await?;
    for _ in 0..rounds(1) {
        let mut app = Caller::start(&server, ROOM, "app").await?;
        let presence = app.presence(0).await?;
        let both = see_and_hear(&app, &presence, &mut browser).await?;
        drop((both, app));
        assert_eq!(browser.call(json!(["left", PATIENCE])).await?, "app");
        browser.call(json!(["forget"])).await?;
    }
    Ok(())
}
