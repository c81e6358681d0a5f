// Participant of a LiveKit room in a browser, as an integrator's web page with the backend's tokens.
// The driver calls these functions one by one; each returns plain data.

const { ExternalE2EEKeyProvider, Room, Track, LocalVideoTrack, LocalAudioTrack } = globalThis.LivekitClient;

const CHAT_TOPIC = 'lk.chat';
/** Bins of the spectrum: at 48 kHz each is 2.9 Hz wide. */
const FFT_SIZE = 16384;

/** Reasons why the SFU refuses a request, by number (`RequestResponse.Reason` of LiveKit's protocol). */
const REASONS = ['OK', 'NOT_FOUND', 'NOT_ALLOWED', 'LIMIT_EXCEEDED'];

let room;
const chat = [];
const refusals = [];
const audio = new AudioContext({ sampleRate: 48000 });

/** Polls `check` until it returns something. */
async function until(what, milliseconds, check) {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`${what}: nothing within ${milliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits for the other participant's track from this source. */
function remoteTrack(source, milliseconds) {
  return until(`a remote ${source}`, milliseconds, () => {
    for (const participant of room.remoteParticipants.values()) {
      const track = participant.getTrackPublication(source)?.track;
      if (track) return track;
    }
    return undefined;
  });
}

/** Joins; with a key, media and chat are encrypted end to end. */
export async function join(url, token, key) {
  const keyProvider = new ExternalE2EEKeyProvider();
  const encryption = key ? { keyProvider, worker: new Worker('/e2ee-worker.js') } : undefined;
  room = new Room({ adaptiveStream: false, dynacast: false, encryption });
  if (key) {
    await keyProvider.setKey(key);
    await room.setE2EEEnabled(true);
  }
  room.registerTextStreamHandler(CHAT_TOPIC, async (reader, from) => {
    chat.push({ from: from.identity, text: await reader.readAll() });
  });
  const asked = performance.now();
  await room.connect(url, token, { autoSubscribe: true });
  // Collects the SFU's refusals.
  room.engine.on('signalRequestResponse', (response) => {
    refusals.push({ request: response.request?.case, reason: REASONS[response.reason] ?? response.reason });
  });
  return {
    connectMs: Math.round(performance.now() - asked),
    identity: room.localParticipant.identity,
    metadata: room.localParticipant.metadata,
    e2ee: room.isE2EEEnabled,
  };
}

/** Publishes the camera in this codec (or the SDK's default), and a pure tone as the microphone. */
export async function publish(toneHz, videoCodec) {
  const resolution = { width: 1280, height: 720, frameRate: 30 };
  // No backup codec for receivers without this one.
  await room.localParticipant.setCameraEnabled(true, { resolution }, { videoCodec, backupCodec: !videoCodec });
  await audio.resume();
  const tone = new OscillatorNode(audio, { frequency: toneHz });
  const microphone = new MediaStreamAudioDestinationNode(audio, { channelCount: 1 });
  tone.connect(new GainNode(audio, { gain: 0.3 })).connect(microphone);
  tone.start();
  await room.localParticipant.publishTrack(new LocalAudioTrack(microphone.stream.getAudioTracks()[0]), {
    source: Track.Source.Microphone,
    // The tests don't cover silence suppression and redundancy.
    dtx: false,
  });
  return [...room.localParticipant.trackPublications.values()].map((publication) => publication.source).sort();
}

/** Watches the other side's camera for some seconds, once it has reached this width. */
export async function watch(width, milliseconds, patience) {
  const track = await remoteTrack(Track.Source.Camera, patience);
  const video = track.attach();
  document.body.append(video);
  // The picture starts small and grows with the estimated bandwidth.
  await until(`a picture ${width} pixels wide`, patience, () => video.videoWidth >= width);
  const before = picture(video);
  let frames = 0;
  const started = performance.now();
  await new Promise((resolve) => {
    const count = () => {
      frames += 1;
      if (performance.now() - started >= milliseconds) resolve();
      else video.requestVideoFrameCallback(count);
    };
    video.requestVideoFrameCallback(count);
  });
  const seconds = (performance.now() - started) / 1000;
  const after = picture(video);
  const report = [...(await track.getRTCStatsReport()).values()];
  const inbound = report.find((record) => record.type === 'inbound-rtp');
  const changed = after.filter((luma, index) => Math.abs(luma - before[index]) > 16).length;
  return {
    width: video.videoWidth,
    height: video.videoHeight,
    frames,
    fps: frames / seconds,
    codec: report.find((record) => record.id === inbound.codecId)?.mimeType,
    meanLuma: after.reduce((sum, luma) => sum + luma, 0) / after.length,
    /** Share of the picture that changed between the first and the last frame. */
    changed: changed / after.length,
  };
}

/** Returns the picture's brightness, 0 to 255, at 64 by 36 points. */
function picture(video) {
  const canvas = new OffscreenCanvas(64, 36);
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return Array.from({ length: data.length / 4 }, (_, pixel) => {
    const [red, green, blue] = data.subarray(4 * pixel, 4 * pixel + 3);
    return 0.299 * red + 0.587 * green + 0.114 * blue;
  });
}

/** Returns the frequency of the other side's tone once it stands out. */
export async function listen(patience) {
  const track = await remoteTrack(Track.Source.Microphone, patience);
  // Chromium decodes a remote track only while some element plays it.
  document.body.append(track.attach());
  await audio.resume();
  const analyser = new AnalyserNode(audio, { fftSize: FFT_SIZE, smoothingTimeConstant: 0 });
  audio.createMediaStreamSource(new MediaStream([track.mediaStreamTrack])).connect(analyser);
  const spectrum = new Float32Array(analyser.frequencyBinCount);
  const samples = new Float32Array(analyser.fftSize);
  let candidate = { peak: 0, at: 0 };
  return until('a steady tone', patience, () => {
    analyser.getFloatFrequencyData(spectrum);
    analyser.getFloatTimeDomainData(samples);
    const level = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    const peak = spectrum.reduce((best, power, bin) => (power > spectrum[best] ? bin : best), 0);
    const median = Float32Array.from(spectrum).sort()[spectrum.length >> 1];
    // A peak 40 dB over the median of the spectrum is a tone. Two equal ones from samples that don't overlap are steady.
    const stands = level > 0.001 && spectrum[peak] - median > 40;
    if (!stands || peak !== candidate.peak) candidate = { peak: stands ? peak : 0, at: audio.currentTime };
    if (!stands || audio.currentTime - candidate.at < FFT_SIZE / audio.sampleRate) return undefined;
    return { level, toneHz: (peak * audio.sampleRate) / FFT_SIZE };
  });
}

export async function say(text) {
  await room.localParticipant.sendText(text, { topic: CHAT_TOPIC });
}

/** Waits for a chat message and returns all those of others. */
export function heardChat(patience) {
  return until('a chat message', patience, () => (chat.length > 0 ? chat : undefined));
}

/**
 * Tries to publish from a source, like a client that ignores its token: the web SDK's own check is disabled, so that the
 * SFU answers.
 */
export async function tryToPublish(source, patience) {
  const participant = room.localParticipant;
  participant.hasPermissionsToPublish = () => true;
  const before = refusals.length;
  const track = source.endsWith('audio') ? silentTrack() : drawnTrack();
  const publishing = participant.publishTrack(track, { source }).then(
    () => ({ published: true }),
    (error) => ({ published: false, sdk: `${error.name}: ${error.message}` }),
  );
  // The SFU refuses at once; the SDK ignores that and gives up only after ten seconds.
  const refused = until(`an answer to publishing ${source}`, patience, () => refusals[before]);
  return Promise.race([publishing, refused.then((refusal) => ({ published: false, sfu: refusal }))]);
}

function drawnTrack() {
  const canvas = document.createElement('canvas');
  canvas.getContext('2d').fillRect(0, 0, canvas.width, canvas.height);
  return new LocalVideoTrack(canvas.captureStream(10).getVideoTracks()[0]);
}

function silentTrack() {
  return new LocalAudioTrack(new MediaStreamAudioDestinationNode(audio).stream.getAudioTracks()[0]);
}

/** Stays until the other side has left. */
export async function stay(patience) {
  await until('the end of the call', patience, () => room.remoteParticipants.size === 0);
}

export async function leave() {
  await room.disconnect();
}

globalThis.peer = { join, publish, watch, listen, say, heardChat, tryToPublish, stay, leave };
