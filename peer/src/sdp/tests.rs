use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

/// Shortened answer of a browser.
const ANSWER: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n\
    a=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\n\
    m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:aB3d\r\n\
    a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=ice-options:trickle\r\n\
    a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
    a=setup:active\r\na=mid:0\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\nc=IN IP4 0.0.0.0\r\nb=AS:64\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:aB3d\r\n\
    a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=mid:1\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
    a=sendrecv\r\na=msid:stream audio-track\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
    a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=ssrc:77 cname:x\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sendonly\r\na=msid:stream video-track\r\n\
    a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=ssrc-group:FID 1 2\r\na=ssrc:1 cname:x\r\na=ssrc:1 msid:stream video-track\r\na=simulcast:send q;h;f\r\na=x-new:1\r\n";

fn parse(text: &str) -> Description {
    Description::parse(text).unwrap()
}

#[test]
fn a_browsers_answer_is_kept_without_what_is_unknown() {
    let description = parse(ANSWER);
    let text = description.to_string();
    for line in ["a=fmtp:63 111/111", "a=sctp-port:5000", "b=AS:64", "a=group:BUNDLE 0 1 2", "a=rtcp-fb:96 nack pli"] {
        assert!(text.contains(&format!("{line}\r\n")), "{line}");
    }
    for line in ["simulcast", "x-new", "msid-semantic", "a=rtcp:9"] {
        assert!(!text.contains(line), "{line}");
    }
    assert_eq!(description.ufrags(), ["aB3d", "aB3d"]);
    assert!(description.fingerprint().unwrap().starts_with("sha-256 00:11"));
    assert_eq!(Description::parse(&text), Ok(description));
}

#[test]
fn malformed_descriptions_are_refused() {
    for (from, to) in [
        ("v=0", "v=1"),
        ("4611731400430051336", "x"),
        ("m=video 9", "m=video port"),
        ("m=video 9", "m=text 9"),
        ("SAVPF 96 97", "SAVPF 96 96"),
        ("SAVPF 96 97", "SAVPF 96 256"),
        ("a=mid:2", "a=mid:1"),
        ("a=mid:2", "a=mid:a|b"),
        ("a=mid:2\r\n", ""),
        ("BUNDLE 0 1 2", "BUNDLE 0 1 3"),
        ("a=sendonly", "a=sendonly\r\na=inactive"),
        ("opus/48000/2", "opus/0/2"),
        ("a=fmtp:97 apt=96", "a=fmtp:97"),
        ("a=ssrc:1 cname:x", "a=ssrc:-1 cname:x"),
        ("a=setup:active", "a=setup:other"),
        ("00:11:22", "00:11"),
        ("a=ice-pwd:abcdefghijklmnopqrstuvwx", "a=ice-pwd:short"),
        ("a=extmap:1", "a=extmap:0"),
        ("a=rtcp-mux", "a=rtcp-mux\r\na=rtcp-mux"),
        ("a=rtcp-mux", "a=rtcp-mux\u{0}"),
    ] {
        assert!(ANSWER.contains(from), "{from}");
        let text = ANSWER.replace(from, to);
        assert!(Description::parse(&text).is_err(), "{from} -> {to}");
    }
    assert_eq!(Description::parse(&"v=0\r\n".repeat(20_000)), Err(SdpError::TooLong));
    let many: String = (0..17).map(|mid| format!("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\n")).collect();
    assert_eq!(Description::parse(&format!("v=0\r\no=- 1 1 IN IP4 0\r\n{many}")), Err(SdpError::TooManySections));
}

#[test]
fn tracks_of_a_browser_get_ids_by_section() {
    let mut description = parse(ANSWER);
    let media = from_browser(&mut description, "PA_peer", &HashSet::new());
    let sids: Vec<_> = media.iter().map(|media| (media.sid.as_str(), media.kind)).collect();
    assert_eq!(sids, [("TR_A1", Kind::Audio), ("TR_V2", Kind::Video)]);
    let text = description.to_string();
    assert!(text.contains("a=msid:PA_peer|TR_V2 TR_V2\r\n") && !text.contains("a=ssrc"));

    let mut description = parse(ANSWER);
    let hidden = HashSet::from(["TR_V2".to_owned()]);
    assert_eq!(from_browser(&mut description, "PA_peer", &hidden).len(), 2);
    assert!(description.to_string().contains("a=inactive"));
}

#[test]
fn only_announced_tracks_of_a_native_peer_reach_the_engine() {
    let offer = ANSWER.replace("stream video-track", "TR_Vx TR_Vx").replace("stream audio-track", "a|b evil");
    let mut description = parse(&offer);
    let announced = HashSet::from(["TR_Vx"]);
    from_native(&mut description, "PA_peer", &announced, &HashSet::new(), &HashMap::new());
    let text = description.to_string();
    assert!(text.contains("a=msid:PA_peer|TR_Vx TR_Vx") && text.contains("a=ssrc:1 msid:PA_peer|TR_Vx TR_Vx"));
    assert!(!text.contains("evil") && text.contains("a=recvonly"));

    let mut description = parse(&offer);
    let revived = HashMap::from([("TR_Vx".to_owned(), 2)]);
    from_native(&mut description, "PA_peer", &announced, &HashSet::new(), &revived);
    assert!(description.to_string().contains("a=msid:PA_peer|2 TR_Vx"));
}

#[test]
fn streams_and_directions_of_our_offers_are_changed() {
    let mut description = Description::of_engine(&ANSWER.replace("a=sendonly", "a=recvonly"));
    assert_eq!(sent_tracks(&description), ["audio-track"]);
    set_streams(&mut description, |id| format!("s {id}"));
    pause_sections(&mut description, |_, mid| mid == "2");
    let text = description.to_string();
    assert!(text.contains("a=msid:s audio-track\r\n") && text.contains("a=inactive") && !text.contains("a=recvonly"));
    assert!(text.contains("a=simulcast"), "the engine's own lines are kept");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*", lines in prop::collection::vec("[a-z]=[ -~]{0,60}", 0..30)) {
        let _ = Description::parse(&text);
        let _ = Description::parse(&format!("v=0\r\no=- 1 1 IN IP4 0\r\n{}", lines.join("\r\n")));
        let _ = Description::of_engine(&text).to_string();
    }

    /// What is accepted is accepted again as it was written, whatever line was changed.
    #[test]
    fn accepted_descriptions_are_stable(index in 0_usize..50, line in "(a=(mid|msid|ssrc|rtpmap|fmtp|extmap|setup|candidate|group)[: ]?)?[ -~]{0,50}") {
        let mut lines: Vec<&str> = ANSWER.lines().collect();
        let index = index % lines.len();
        lines[index] = &line;
        if let Ok(mut once) = Description::parse(&lines.join("\r\n")) {
            prop_assert_eq!(Description::parse(&once.to_string()), Ok(once.clone()));
            from_native(&mut once, "PA_peer", &HashSet::new(), &HashSet::new(), &HashMap::new());
            from_browser(&mut once, "PA_peer", &HashSet::new());
            prop_assert!(Description::parse(&once.to_string()).is_ok());
        }
    }
}
