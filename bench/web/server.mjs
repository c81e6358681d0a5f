// Rival of the backend: the web stack's token server, with Express and livekit-server-sdk.
import express from "express";
import { AccessToken, RoomServiceClient, TrackSource } from "livekit-server-sdk";
import { inMemory, inSqlite } from "./store.mjs";

const { LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET, PORT, DATABASE } = process.env;
const rooms = new RoomServiceClient(LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET);
const store = DATABASE ? inSqlite(DATABASE) : inMemory();

function mint(role, userId, consultationId, room) {
  const doctor = role === "doctor";
  const token = new AccessToken(LIVEKIT_API_KEY, LIVEKIT_API_SECRET, {
    identity: userId,
    ttl: "2h",
    metadata: JSON.stringify({ role, consultationId, userId }),
  });
  const sources = [TrackSource.CAMERA, TrackSource.MICROPHONE];
  if (doctor) sources.push(TrackSource.SCREEN_SHARE, TrackSource.SCREEN_SHARE_AUDIO);
  token.addGrant({
    roomJoin: true, room, canPublish: true, canSubscribe: true, canPublishData: true, canPublishSources: sources,
    roomRecord: doctor,
  });
  return token.toJwt();
}

const app = express();
app.use(express.json());
app.post("/api/consultations/create", async (request, response) => {
  const { consultationId, patientId, doctorId } = request.body ?? {};
  if (!consultationId || !patientId || !doctorId) {
    return response.status(400).json({ success: false, error: { code: "invalid_request", message: "a field is missing" } });
  }
  const roomName = `consultation-${consultationId}`;
  const room = await rooms.createRoom({ name: roomName });
  const { createdAt, codes } = store.create({ consultationId, patientId, doctorId }, room.sid, request.ip);
  const [patientToken, doctorToken] = await Promise.all([
    mint("patient", patientId, consultationId, roomName),
    mint("doctor", doctorId, consultationId, roomName),
  ]);
  response.json({
    success: true,
    data: {
      consultationId, roomName, roomSid: room.sid, patientId, doctorId, patientToken, doctorToken,
      livekitUrl: LIVEKIT_URL.replace(/^http/, "ws"), createdAt: new Date(createdAt).toISOString(), ...codes,
    },
  });
});
app.listen(Number(PORT), "127.0.0.1", () => console.log("ready"));
