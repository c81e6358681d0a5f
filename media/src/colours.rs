//! Converts the colours of cameras to BT.601 in video range.

/// Encoding of colours in YUV.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Colours {
    /// Luma and chroma span 0–255 instead of 16–235 and 16–240.
    pub full_range: bool,
    /// BT.709's weights of red, green and blue instead of BT.601's.
    pub bt709: bool,
}

/// Converts full-range luma to video range: 0–255 to 16–235.
const fn video_luma(full: u8) -> u8 {
    (16 + (full as u16 * 219 + 127) / 255) as u8
}

/// Converts full-range chroma to video range: 0–255 to 16–240, around 128.
const fn video_chroma(full: u8) -> u8 {
    let centred = full as i32 - 128;
    (128 + (centred * 224 + centred.signum() * 127) / 255) as u8
}

pub(super) static VIDEO_LUMA: [u8; 256] = {
    let mut table = [0; 256];
    let mut full = 0;
    while full < 256 {
        table[full] = video_luma(full as u8);
        full += 1;
    }
    table
};
pub(super) static VIDEO_CHROMA: [u8; 256] = {
    let mut table = [0; 256];
    let mut full = 0;
    while full < 256 {
        table[full] = video_chroma(full as u8);
        full += 1;
    }
    table
};

/// Converts an I420 picture of this width in place.
pub(super) fn to_video_bt601(from: Colours, width: usize, y: &mut [u8], u: &mut [u8], v: &mut [u8]) {
    if from.full_range {
        y.iter_mut().for_each(|luma| *luma = VIDEO_LUMA[usize::from(*luma)]);
        u.iter_mut().chain(&mut *v).for_each(|chroma| *chroma = VIDEO_CHROMA[usize::from(*chroma)]);
    }
    if !from.bt709 {
        return;
    }
    // BT.709's YUV to RGB to BT.601's YUV, as one matrix in units of 1/65536.
    let fixed = |value: i32, lowest: i32, highest: i32| ((value + 0x8000) >> 16).clamp(lowest, highest) as u8;
    for (pair, rows) in y.chunks_exact_mut(2 * width).enumerate() {
        let chroma = pair * width / 2;
        for column in 0..width / 2 {
            let (cb, cr) = (i32::from(u[chroma + column]) - 128, i32::from(v[chroma + column]) - 128);
            let more = 6_509 * cb + 12_565 * cr;
            for at in [2 * column, 2 * column + 1, width + 2 * column, width + 2 * column + 1] {
                rows[at] = fixed((i32::from(rows[at]) << 16) + more, 0, 255);
            }
            u[chroma + column] = fixed((128 << 16) + 64_871 * cb - 7_252 * cr, 0, 255);
            v[chroma + column] = fixed((128 << 16) - 4_749 * cb + 64_447 * cr, 0, 255);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes Y, U and V of a colour from the definitions.
    fn yuv(colours: Colours, [r, g, b]: [f64; 3]) -> [f64; 3] {
        let (kr, kb) = if colours.bt709 { (0.2126, 0.0722) } else { (0.299, 0.114) };
        let luma = kr * r + (1.0 - kr - kb) * g + kb * b;
        let (cb, cr) = ((b - luma) / (2.0 - 2.0 * kb), (r - luma) / (2.0 - 2.0 * kr));
        if colours.full_range {
            [255.0 * luma, 128.0 + 255.0 * cb, 128.0 + 255.0 * cr]
        } else {
            [16.0 + 219.0 * luma, 128.0 + 224.0 * cb, 128.0 + 224.0 * cr]
        }
    }

    #[test]
    fn each_range_and_matrix_becomes_video_range_bt601() {
        let steps = [0.0, 0.2, 0.5, 0.8, 1.0];
        for (full_range, bt709) in [(false, false), (true, false), (false, true), (true, true)] {
            let colours = Colours { full_range, bt709 };
            for rgb in steps.iter().flat_map(|r| steps.iter().flat_map(move |g| steps.map(|b| [*r, *g, b]))) {
                let [y, u, v] = yuv(colours, rgb).map(|value| value.round().min(255.0) as u8);
                let (mut luma, mut us, mut vs) = ([y; 4], [u], [v]);
                to_video_bt601(colours, 2, &mut luma, &mut us, &mut vs);
                let wanted = yuv(Colours::default(), rgb);
                for (found, wanted) in [luma[3], us[0], vs[0]].into_iter().zip(wanted) {
                    assert!((f64::from(found) - wanted).abs() <= 2.0, "{colours:?} {rgb:?}: {found}, not {wanted}");
                }
            }
        }
    }
}
