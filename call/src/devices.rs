//! Device selection during the call, and hot-plugging.

use std::collections::VecDeque;
use std::sync::Arc;

use autamedica_media::{DeviceChoice, DeviceLists, DeviceProblem, DeviceState, DeviceWatch};

use super::event::Event;
use super::local::{DeviceChoices, Source};
use super::task::Task;
use super::{CallSettings, DeviceKind, DeviceOffer};

/// State of hot-plugging.
#[derive(Default)]
pub(super) struct Hotplug {
    /// Watches the devices, once a real one is in use.
    watch: Option<DeviceWatch>,
    known: Option<DeviceLists>,
    /// New devices, offered one after the other.
    offers: VecDeque<DeviceOffer>,
}

impl Hotplug {
    /// Updates the device lists and offers new devices that are not in use. Returns the kinds whose device in use is
    /// gone.
    fn update(&mut self, now: &DeviceLists, in_use: impl Fn(DeviceKind) -> Option<String>) -> Vec<DeviceKind> {
        let before = self.known.replace(now.clone());
        self.offers.retain(|offer| now.names(offer.kind).contains(&offer.name));
        let Some(before) = before else { return Vec::new() };
        // A new headset is offered as speaker first, because hearing matters most.
        for kind in [DeviceKind::Speaker, DeviceKind::Microphone, DeviceKind::Camera] {
            for name in now.names(kind) {
                let is_new = !before.names(kind).contains(name) && in_use(kind).as_ref() != Some(name);
                let offer = DeviceOffer { kind, name: name.clone() };
                if is_new && !self.offers.contains(&offer) {
                    self.offers.push_back(offer);
                }
            }
        }
        let is_gone = |kind: &DeviceKind| {
            let gone = |name| before.names(*kind).contains(name) && !now.names(*kind).contains(name);
            in_use(*kind).as_ref().is_some_and(gone)
        };
        [DeviceKind::Speaker, DeviceKind::Microphone].into_iter().filter(is_gone).collect()
    }

    /// Withdraws the offer of a device that was selected.
    fn withdraw_offer(&mut self, kind: DeviceKind, choice: &DeviceChoice) {
        if let Some(name) = choice.name() {
            self.offers.retain(|offer| offer.kind != kind || offer.name != name);
        }
    }
}

fn is_real(choice: &DeviceChoice) -> bool {
    choice.name().is_some() || *choice == DeviceChoice::Default
}

/// Returns whether a device selected by name is missing, so that the default replaces it.
fn is_gone(choice: &DeviceChoice, state: &DeviceState) -> bool {
    let gone = matches!(state, DeviceState::Failed(DeviceProblem::Unplugged | DeviceProblem::NotFound));
    gone && choice.name().is_some()
}

impl Task {
    /// Switches to another device. Its track stays published.
    pub(super) fn use_device(&mut self, kind: DeviceKind, choice: DeviceChoice) {
        self.hotplug.withdraw_offer(kind, &choice);
        self.show_offer();
        match kind {
            DeviceKind::Camera => {
                self.local.choices.camera = choice;
                // A muted camera is closed; unmuting opens it with this choice.
                if !self.state().camera.muted {
                    self.local.open_camera();
                }
            }
            DeviceKind::Microphone => {
                self.local.choices.microphone = choice;
                self.local.open_microphone();
            }
            DeviceKind::Speaker => {
                self.local.choices.speaker = choice;
                self.local.open_speaker();
            }
        }
        self.watch_devices();
    }

    /// Applies other settings to the running devices. The camera is published anew once it delivers pictures of the new size.
    pub(super) fn use_settings(&mut self, settings: CallSettings) {
        let changed = self.local.change_settings(settings);
        if changed.processing {
            self.local.open_processing();
            self.local.open_speaker();
            self.local.open_microphone();
        }
        // A muted camera is closed, and opened with these settings later.
        if changed.picture && !self.state().camera.muted {
            self.local.open_camera();
        }
    }

    pub(super) fn on_speaker(&mut self, device: u64, state: DeviceState) {
        if !self.local.is_newest_speaker(device) {
            return;
        }
        if is_gone(&self.local.choices.speaker, &state) {
            tracing::info!("selected speaker is gone");
            return self.use_device(DeviceKind::Speaker, DeviceChoice::Default);
        }
        self.state().speaker = state;
    }

    /// Replaces a camera or microphone that is gone with the default one. Returns whether it did.
    pub(super) fn replace_missing_device(&mut self, source: Source, state: &DeviceState) -> bool {
        let (kind, choice) = match source {
            Source::Camera => (DeviceKind::Camera, &self.local.choices.camera),
            Source::Microphone => (DeviceKind::Microphone, &self.local.choices.microphone),
            Source::Screen | Source::SecondCamera => return false,
        };
        let gone = is_gone(choice, state);
        if gone {
            tracing::info!(?kind, "selected device is gone");
            self.local.close_replaced(source);
            self.use_device(kind, DeviceChoice::Default);
        }
        gone
    }

    /// Starts to watch the devices, once a real one is in use: test sources do not change.
    pub(super) fn watch_devices(&mut self) {
        let DeviceChoices { camera, microphone, speaker } = &self.local.choices;
        if self.hotplug.watch.is_none() && [camera, microphone, speaker].into_iter().any(is_real) {
            let events = self.events();
            self.hotplug.watch = Some(DeviceWatch::start(move |lists| events.send(Event::Devices(lists))));
        }
    }

    pub(super) fn on_devices(&mut self, lists: DeviceLists) {
        let state = self.state();
        let name = |state: &DeviceState| match state {
            DeviceState::On { name } => Some(name.clone()),
            _ => None,
        };
        let (camera, microphone) = (name(&state.camera.device), name(&state.microphone.device));
        let speaker = name(&state.speaker);
        let gone = self.hotplug.update(&lists, |kind| match kind {
            DeviceKind::Camera => camera.clone(),
            DeviceKind::Microphone => microphone.clone(),
            DeviceKind::Speaker => speaker.clone(),
        });
        self.state().devices = Arc::new(lists);
        self.show_offer();
        // Sound servers silently move a stream to another device; camera drivers report the loss themselves.
        for kind in gone {
            tracing::info!(?kind, "device in use is gone");
            self.use_device(kind, DeviceChoice::Default);
        }
    }

    /// Dismisses the current offer.
    pub(super) fn dismiss_offer(&mut self) {
        self.hotplug.offers.pop_front();
        self.show_offer();
    }

    fn show_offer(&mut self) {
        let offer = self.hotplug.offers.front().cloned();
        self.state().offer = offer;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(cameras: &[&str], microphones: &[&str], speakers: &[&str]) -> DeviceLists {
        let own = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        DeviceLists {
            cameras: own(cameras),
            microphones: own(microphones),
            speakers: own(speakers),
            ..DeviceLists::default()
        }
    }

    #[test]
    fn what_is_plugged_in_is_offered_until_it_is_chosen_or_gone() {
        let mut hotplug = Hotplug::default();
        let in_use = |kind| (kind == DeviceKind::Camera).then(|| "Dock".to_owned());
        hotplug.update(&lists(&["Built-in"], &["Built-in"], &["Built-in"]), in_use);
        assert!(hotplug.offers.is_empty(), "what was there from the start isn't new");
        let with_headset = lists(&["Built-in", "Dock"], &["Built-in", "Headset"], &["Built-in", "Headset"]);
        for _ in 0..2 {
            hotplug.update(&with_headset, in_use);
            let offered: Vec<_> = hotplug.offers.iter().map(|offer| (offer.kind, offer.name.as_str())).collect();
            assert_eq!(offered, [(DeviceKind::Speaker, "Headset"), (DeviceKind::Microphone, "Headset")]);
        }
        hotplug.withdraw_offer(DeviceKind::Speaker, &DeviceChoice::Named("Headset".into()));
        assert_eq!(hotplug.offers.front().unwrap().kind, DeviceKind::Microphone);
        let in_use = |_| Some("Headset".to_owned());
        let gone = hotplug.update(&lists(&["Built-in"], &["Built-in", "Headset"], &["Built-in"]), in_use);
        assert!(hotplug.offers.len() == 1 && gone == [DeviceKind::Speaker]);
        let gone = hotplug.update(&lists(&["Built-in"], &["Built-in"], &["Built-in"]), in_use);
        assert!(hotplug.offers.is_empty() && gone == [DeviceKind::Microphone]);
    }
}
