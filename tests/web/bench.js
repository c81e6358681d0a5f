// Measured web client: publishes a test card with a time code and a tone, and reads those of the other side.

const { Room, RoomEvent, Track, LocalVideoTrack, LocalAudioTrack } = globalThis.LivekitClient;

const [WIDTH, HEIGHT, FPS] = [1280, 720, 30];
/** Draws the time in milliseconds, modulo 2^32, as black and white blocks in the top rows, with 8 check bits. */
const BITS = 40;
const BLOCK = WIDTH / BITS;

const check = (time) => (time ^ (time >>> 8) ^ (time >>> 16) ^ (time >>> 24)) & 0xff;
const now = () => performance.timeOrigin + performance.now();

function testCard() {
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const context = canvas.getContext('2d', { alpha: false });
  const generator = new MediaStreamTrackGenerator({ kind: 'video' });
  const writer = generator.writable.getWriter();
  let frame = 0;
  const started = performance.now();
  setInterval(() => {
    if (frame > ((performance.now() - started) * FPS) / 1000) return;
    frame += 1;
    context.fillStyle = '#446';
    context.fillRect(0, 0, WIDTH, HEIGHT);
    context.fillStyle = '#8cf';
    context.fillRect((frame * 8) % WIDTH, 300, 160, 160);
    const time = Math.floor(now()) >>> 0;
    for (let bit = 0; bit < BITS; bit += 1) {
      const isSet = bit < 32 ? (time >>> bit) & 1 : (check(time) >>> (bit - 32)) & 1;
      context.fillStyle = isSet ? '#fff' : '#000';
      context.fillRect(bit * BLOCK, 0, BLOCK, 32);
    }
    writer.write(new VideoFrame(canvas, { timestamp: performance.now() * 1000 }));
  }, 4);
  return generator;
}

function tone() {
  const audio = new AudioContext({ sampleRate: 48000 });
  const oscillator = new OscillatorNode(audio, { frequency: 440 });
  const destination = new MediaStreamAudioDestinationNode(audio, { channelCount: 1 });
  oscillator.connect(new GainNode(audio, { gain: 0.3 })).connect(destination);
  oscillator.start();
  return new LocalAudioTrack(destination.stream.getAudioTracks()[0]);
}

const strip = new OffscreenCanvas(BITS, 1).getContext('2d', { willReadFrequently: true });
strip.imageSmoothingEnabled = false;

/** Returns the time on a card, or nothing if there is none. */
function readTime(video) {
  const scale = video.videoHeight / HEIGHT;
  strip.drawImage(video, 0, 12 * scale, video.videoWidth, 8 * scale, 0, 0, BITS, 1);
  const { data } = strip.getImageData(0, 0, BITS, 1);
  const bit = (index) => (data[4 * index] > 127 ? 1 : 0);
  let [time, sum] = [0, 0];
  for (let index = 0; index < 32; index += 1) time = (time | (bit(index) << index)) >>> 0;
  for (let index = 0; index < 8; index += 1) sum |= bit(32 + index) << index;
  return sum === check(time) ? time : undefined;
}

const shown = [];
const latencies = [];
let joinMs;
let size;

/** Encoding of the native client; without it, that of the SDK's defaults. */
const TUNED = { simulcast: false, videoCodec: 'h264', videoEncoding: { maxBitrate: 2_500_000, maxFramerate: FPS } };

/** Adds a video that fills the window, or our own in its corner. */
function show(element, isOwn) {
  element.style = isOwn
    ? 'position: fixed; right: 16px; bottom: 16px; width: 240px; z-index: 1'
    : 'position: fixed; inset: 0; width: 100%; height: 100%; object-fit: contain; background: #000';
  document.body.append(element);
}

/** Joins and publishes. */
export async function join(url, token, isTuned) {
  const asked = performance.now();
  const room = new Room();
  room.on(RoomEvent.TrackSubscribed, (track) => {
    const element = track.attach();
    if (track.kind !== Track.Kind.Video) return;
    show(element, false);
    const onFrame = (_, metadata) => {
      joinMs ??= Math.round(performance.now() - asked);
      size = [element.videoWidth, element.videoHeight];
      shown.push(performance.now());
      const time = readTime(element);
      const shownAt = performance.timeOrigin + metadata.expectedDisplayTime;
      if (time !== undefined) latencies.push((Math.floor(shownAt) - time) | 0);
      element.requestVideoFrameCallback(onFrame);
    };
    element.requestVideoFrameCallback(onFrame);
  });
  await room.connect(url, token);
  const card = testCard();
  const own = Object.assign(document.createElement('video'), { srcObject: new MediaStream([card]), muted: true });
  show(own, true);
  await own.play();
  await room.localParticipant.publishTrack(new LocalVideoTrack(card), {
    source: Track.Source.Camera,
    ...(isTuned ? TUNED : {}),
  });
  await room.localParticipant.publishTrack(tone(), { source: Track.Source.Microphone, dtx: false });
}

/** Resets the counters. */
export async function reset() {
  shown.length = 0;
  latencies.length = 0;
}

/** Returns the measurements since the reset. */
export async function figures() {
  const sorted = latencies.toSorted((a, b) => a - b);
  const percentile = (share) => sorted[Math.round((sorted.length - 1) * share)];
  const seconds = (shown.at(-1) - shown[0]) / 1000;
  return {
    join_ms: joinMs,
    video_fps: (shown.length - 1) / seconds,
    video_width: size?.[0],
    video_height: size?.[1],
    latency_p50_ms: percentile(0.5),
    latency_p95_ms: percentile(0.95),
  };
}

globalThis.peer = { join, reset, figures };
