use autamedica_engine::VideoFrame;
use x11rb::protocol::xfixes::GetCursorImageReply;

/// Draws the cursor, which the server's pictures do not contain. `origin` is the picture's position on the screen.
pub fn draw(frame: VideoFrame, cursor: &GetCursorImageReply, origin: (i16, i16)) -> VideoFrame {
    let (width, height) = (frame.width() as i32, frame.height() as i32);
    let left = i32::from(cursor.x) - i32::from(cursor.xhot) - i32::from(origin.0);
    let top = i32::from(cursor.y) - i32::from(cursor.yhot) - i32::from(origin.1);
    let size = (i32::from(cursor.width), i32::from(cursor.height));
    if left >= width || top >= height || left + size.0 <= 0 || top + size.1 <= 0 {
        return frame;
    }
    let mut bytes: Vec<u8> = frame.planes().iter().flat_map(|plane| plane.data).copied().collect();
    let (y, chroma) = bytes.split_at_mut((width * height) as usize);
    let (u, v) = chroma.split_at_mut((width * height / 4) as usize);
    for (i, pixel) in cursor.cursor_image.iter().enumerate() {
        let (column, row) = (left + i as i32 % size.0, top + i as i32 / size.0);
        if !(0..width).contains(&column) || !(0..height).contains(&row) {
            continue;
        }
        // Premultiplied alpha.
        let [blue, green, red, alpha] = pixel.to_le_bytes().map(i32::from);
        let blend = |below: &mut u8, added: i32, zero: i32| {
            let through = (i32::from(*below) - zero) * (255 - alpha) / 255;
            *below = (zero + through + added).clamp(0, 255) as u8;
        };
        blend(&mut y[(row * width + column) as usize], (66 * red + 129 * green + 25 * blue) >> 8, 16);
        if column % 2 == 0 && row % 2 == 0 {
            let at = (row / 2 * (width / 2) + column / 2) as usize;
            blend(&mut u[at], (-38 * red - 74 * green + 112 * blue) >> 8, 128);
            blend(&mut v[at], (112 * red - 94 * green - 18 * blue) >> 8, 128);
        }
    }
    VideoFrame::from_packed(width as u32, height as u32, bytes, frame.timestamp_us).unwrap_or(frame)
}
