// Browser in a peer-to-peer call, like existing web pages: one RTCPeerConnection with Socket.io for signaling; the first user
// sends the offer. The Socket.io client is part of this file: one WebSocket and the default namespace.

const FFT_SIZE = 16384;

let socket;
let pc;
let room;
let early = [];
let video;
let audioTrack;
let leftBy;
const audio = new AudioContext({ sampleRate: 48000 });
const log = (...words) => console.log(...words);

async function until(what, milliseconds, check) {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`${what}: nothing within ${milliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function emit(name, data) {
  socket.send(`42${JSON.stringify([name, { roomId: room, ...data }])}`);
}

/** Connects and resolves with the users in the room. */
export async function join(url, roomId, userId, toneHz) {
  room = roomId;
  const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 360, frameRate: 30 } });
  await audio.resume();
  const tone = new OscillatorNode(audio, { frequency: toneHz });
  const microphone = new MediaStreamAudioDestinationNode(audio, { channelCount: 1 });
  tone.connect(new GainNode(audio, { gain: 0.3 })).connect(microphone);
  tone.start();
  const stream = new MediaStream([...camera.getVideoTracks(), ...microphone.stream.getAudioTracks()]);
  connect(stream);
  const query = `EIO=4&transport=websocket&userId=${encodeURIComponent(userId)}`;
  socket = new WebSocket(`${url.replace(/^http/, 'ws')}/socket.io/?${query}`);
  return new Promise((resolve, reject) => {
    socket.onerror = () => reject(new Error('the signaling server is not there'));
    socket.onmessage = ({ data }) => {
      if (data.startsWith('0')) socket.send('40');
      else if (data === '2') socket.send('3');
      else if (data.startsWith('40')) emit('join-room', {});
      else if (data.startsWith('42')) {
        const [name, payload] = JSON.parse(data.slice(2));
        log('event', name);
        if (name === 'room-joined') resolve(payload.users.length);
        handle(name, payload, stream).catch((error) => log('failed', name, String(error)));
      }
    };
  });
}

/** Creates the peer connection. */
function connect(stream) {
  pc = new RTCPeerConnection({ iceServers: [] });
  early = [];
  for (const track of stream.getTracks()) pc.addTrack(track, stream);
  pc.onicecandidate = ({ candidate }) => candidate && emit('ice-candidate', { candidate: candidate.toJSON() });
  pc.onconnectionstatechange = () => log('connection', pc.connectionState);
  pc.ontrack = ({ track, streams }) => {
    log('track', track.kind, streams.length);
    if (track.kind === 'audio') audioTrack = track;
    const element = document.createElement(track.kind);
    element.autoplay = true;
    element.muted = true;
    // An ordinary page plays the event's first stream.
    element.srcObject = streams[0];
    document.body.append(element);
    if (track.kind === 'video') video = element;
  };
}

async function handle(name, { userId, offer, answer, candidate }, stream) {
  if (name === 'user-joined') {
    await pc.setLocalDescription(await pc.createOffer());
    emit('offer', { offer: pc.localDescription.toJSON() });
  } else if (name === 'offer') {
    await pc.setRemoteDescription(offer);
    for (const held of early.splice(0)) await pc.addIceCandidate(held);
    await pc.setLocalDescription(await pc.createAnswer());
    emit('answer', { answer: pc.localDescription.toJSON() });
  } else if (name === 'answer') {
    await pc.setRemoteDescription(answer);
  } else if (name === 'ice-candidate') {
    if (pc.remoteDescription) await pc.addIceCandidate(candidate);
    else early.push(candidate);
  } else if (name === 'user-left' || name === 'call-end') {
    leftBy = userId;
    pc.close();
    connect(stream);
    [video, audioTrack] = [undefined, undefined];
  }
}

/** Watches the remote video. Returns its size and rate, and the share of the picture that moved. */
export async function watch(width, milliseconds, patience) {
  const element = await until(`video of width ${width}`, patience, () => video?.videoWidth === width && video);
  const before = picture(element);
  let frames = 0;
  const count = () => {
    frames += 1;
    element.requestVideoFrameCallback(count);
  };
  element.requestVideoFrameCallback(count);
  const started = performance.now();
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  const seconds = (performance.now() - started) / 1000;
  const after = picture(element);
  const changed = after.filter((luma, index) => Math.abs(luma - before[index]) > 16).length;
  return { width: element.videoWidth, height: element.videoHeight, fps: frames / seconds, changed: changed / after.length };
}

function picture(element) {
  const canvas = new OffscreenCanvas(64, 36);
  const context = canvas.getContext('2d');
  context.drawImage(element, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return Array.from({ length: data.length / 4 }, (_, pixel) => data[4 * pixel + 1]);
}

/** Returns the frequency of the remote tone. */
export async function listen(patience) {
  const track = await until('remote audio', patience, () => audioTrack);
  const analyser = new AnalyserNode(audio, { fftSize: FFT_SIZE, smoothingTimeConstant: 0 });
  audio.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const spectrum = new Float32Array(analyser.frequencyBinCount);
  let candidate = { peak: 0, at: 0 };
  return until('a steady tone', patience, () => {
    analyser.getFloatFrequencyData(spectrum);
    const peak = spectrum.reduce((best, power, bin) => (power > spectrum[best] ? bin : best), 0);
    const median = Float32Array.from(spectrum).sort()[spectrum.length >> 1];
    const stands = spectrum[peak] - median > 40;
    if (!stands || peak !== candidate.peak) candidate = { peak: stands ? peak : 0, at: audio.currentTime };
    // Two equal values from samples that don't overlap count as a steady tone.
    if (!stands || audio.currentTime - candidate.at < FFT_SIZE / audio.sampleRate) return undefined;
    return (peak * audio.sampleRate) / FFT_SIZE;
  });
}

/** Waits until the other side has left. */
export function left(patience) {
  return until('the departure', patience, () => leftBy);
}

/** Resets the flag of the other side's departure. */
export function forget() {
  leftBy = undefined;
}

export function leave() {
  emit('call-end', {});
  emit('leave-room', {});
  pc.close();
}

globalThis.peer = { join, watch, listen, left, forget, leave };
