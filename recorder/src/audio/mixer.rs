//! Mixer of all lanes.

use std::sync::Arc;

use parking_lot::Mutex;

use super::lane::{Lane, LaneInput};
use super::{BLOCK, Block, CHANNELS};

/// Mixer of any number of lanes. Clones share one mixer.
#[derive(Clone, Default)]
pub(crate) struct Mixer {
    lanes: Arc<Mutex<Vec<(u64, Lane)>>>,
}

impl Mixer {
    /// Adds a lane that delays its audio by `delay` seconds.
    pub(crate) fn add(&self, id: u64, delay: f64) -> LaneInput {
        let (input, lane) = Lane::new(delay);
        self.lanes.lock().push((id, lane));
        input
    }

    /// Changes a lane's delay.
    pub(crate) fn set_delay(&self, id: u64, seconds: f64) {
        if let Some((_, lane)) = self.lanes.lock().iter_mut().find(|(lane, _)| *lane == id) {
            lane.set_delay(seconds);
        }
    }

    /// Drops the buffered audio of all lanes.
    pub(crate) fn flush(&self) {
        self.lanes.lock().iter_mut().for_each(|(_, lane)| lane.flush());
    }

    /// Mixes the next 10 ms, which were due `late` samples ago. The sum saturates.
    pub(crate) fn mix(&self, late: usize) -> Block {
        let mut sum = [0; BLOCK * CHANNELS];
        self.lanes.lock().retain_mut(|(_, lane)| {
            lane.add_to(&mut sum, late);
            !lane.is_over()
        });
        sum.map(|sample| sample.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_added_with_saturation() {
        let mixer = Mixer::default();
        assert_eq!(mixer.mix(0), [0; BLOCK * CHANNELS]);
        let (mut one, mut other) = (mixer.add(1, 0.03), mixer.add(2, 0.03));
        one.push(&[100; 3 * BLOCK * CHANNELS]);
        other.push(&[-30; BLOCK * CHANNELS]);
        other.push(&[32_767; 2 * BLOCK * CHANNELS]);
        mixer.mix(0);
        assert_eq!(mixer.mix(0)[CHANNELS * 4..], [32_767; (BLOCK - 4) * CHANNELS]);
        drop((one, other));
        for _ in 0..3 {
            mixer.mix(0);
        }
        assert!(mixer.lanes.lock().is_empty());
    }
}
