// One side of a peer-to-peer call, like existing web pages: one RTCPeerConnection; the first user sends the offer.
// The driver calls these functions; each returns plain data.

const connection = new RTCPeerConnection();
const events = [];
let socket;
let roomId;

async function until(what, milliseconds, check) {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`${what}: nothing within ${milliseconds} ms, after ${events}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function describe(kind, description) {
  await connection.setLocalDescription(description);
  socket.emit(kind, { roomId, [kind]: connection.localDescription });
}

/** Joins a room with camera and microphone. */
async function join(url, transport, room, userId, token, milliseconds) {
  roomId = room;
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 1280, height: 720 } });
  for (const track of media.getTracks()) connection.addTrack(track, media);
  socket = globalThis.io(url, { transports: [transport], query: { userId, token } });
  socket.onAny((event) => events.push(event));
  socket.on('user-joined', async () => describe('offer', await connection.createOffer()));
  socket.on('offer', async ({ offer }) => {
    await connection.setRemoteDescription(offer);
    await describe('answer', await connection.createAnswer());
  });
  socket.on('answer', ({ answer }) => connection.setRemoteDescription(answer));
  socket.on('ice-candidate', ({ candidate }) => connection.addIceCandidate(candidate));
  connection.onicecandidate = ({ candidate }) => {
    if (candidate) socket.emit('ice-candidate', { roomId, candidate });
  };
  await until('the socket', milliseconds, () => socket.connected);
  socket.emit('join-room', { roomId });
  await until('the room', milliseconds, () => events.includes('room-joined'));
}

async function inbound(kind) {
  const stats = [...(await connection.getStats()).values()];
  return stats.find((entry) => entry.type === 'inbound-rtp' && entry.kind === kind);
}

/** Returns what is received over two seconds: frames per second, their width, and audio packets. */
async function watch(milliseconds) {
  const first = await until('pictures', milliseconds, async () => {
    const video = await inbound('video');
    return video?.framesDecoded > 10 && video;
  });
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const [video, audio] = [await inbound('video'), await inbound('audio')];
  const seconds = (video.timestamp - first.timestamp) / 1000;
  return {
    fps: (video.framesDecoded - first.framesDecoded) / seconds,
    width: video.frameWidth,
    packets: audio?.packetsReceived ?? 0,
    events,
  };
}

function leave() {
  connection.close();
  socket.disconnect();
}

globalThis.peer = { join, watch, leave };
