// Publishes the camera, without simulcast.

const { Room } = globalThis.LivekitClient;

/** Joins and publishes the camera in this codec at this bitrate. */
export async function publish(url, token, videoCodec, kbps) {
  const room = new Room();
  await room.connect(url, token);
  const resolution = { width: 1280, height: 720, frameRate: 30 };
  const videoEncoding = { maxBitrate: 1000 * kbps, maxFramerate: 30 };
  await room.localParticipant.setCameraEnabled(true, { resolution }, { videoCodec, simulcast: false, videoEncoding });
}

globalThis.peer = { publish };
