// Stores of the rival: memory, or a database with the backend's tables and settings.
import { createHmac, randomBytes, randomInt } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import Database from "libsql";

const MIGRATIONS = new URL("../../server/migrations/", import.meta.url);
const DAY = 24 * 60 * 60 * 1000;
const KIOSK = 2 * 60 * 60 * 1000;

/// Store in a `Map`, which is lost at the end.
export function inMemory() {
  const consultations = new Map();
  return {
    create({ consultationId, patientId, doctorId }) {
      const known = consultations.get(consultationId) ?? { patientId, doctorId, createdAt: Date.now() };
      consultations.set(consultationId, known);
      return { createdAt: known.createdAt };
    },
  };
}

/// Store in an SQLite file; one transaction writes the consultation, its codes and its audit entry.
export function inSqlite(file) {
  const db = new Database(file);
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
  db.exec("PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000;");
  for (const name of readdirSync(MIGRATIONS).sort()) db.exec(readFileSync(new URL(name, MIGRATIONS), "utf8"));
  const hasKeys = db.prepare("SELECT 1 FROM api_keys LIMIT 1");
  const insert = db.prepare(
    "INSERT INTO consultations (id, patient_id, doctor_id, state, waiting_room, room_sid, created_at) " +
      "VALUES (?, ?, ?, 'created', 0, ?, ?) ON CONFLICT (id) DO NOTHING",
  );
  const find = db.prepare("SELECT patient_id, doctor_id, created_at FROM consultations WHERE id = ?");
  const insertCode = db.prepare(
    "INSERT INTO join_codes (hash, kind, consultation_id, role, valid_from, expires_at, created_at) " +
      "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING",
  );
  const head = db.prepare("SELECT seq, hash FROM audit_head WHERE id = 1");
  const setHead = db.prepare("UPDATE audit_head SET seq = ?, hash = ? WHERE id = 1");
  const insertEntry = db.prepare(
    "INSERT INTO audit (seq, at, actor, action, consultation_id, origin, outcome, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const key = randomBytes(32);
  const mac = (text) => createHmac("sha256", key).update(text).digest("hex");

  const create = db.transaction((wanted, roomSid, origin) => {
    const { consultationId, patientId, doctorId } = wanted;
    hasKeys.get();
    const now = Date.now();
    insert.run(consultationId, patientId, doctorId, roomSid, now);
    const known = find.get(consultationId);
    const codes = { patient: randomBytes(32).toString("base64url"), doctor: randomBytes(32).toString("base64url") };
    insertCode.run(mac(codes.patient), "link", consultationId, "patient", now, now + DAY, now);
    insertCode.run(mac(codes.doctor), "link", consultationId, "doctor", now, now + DAY, now);
    let inserted = 0;
    while (inserted === 0) {
      codes.kiosk = String(randomInt(100_000_000)).padStart(8, "0");
      inserted = insertCode.run(mac(codes.kiosk), "kiosk", consultationId, "patient", now, now + KIOSK, now).changes;
    }
    const before = head.get();
    const entry = [before.seq + 1, now, "local", "consultation.create", consultationId, origin, "ok"];
    const hash = mac(`${before.hash}\n${JSON.stringify(entry)}`);
    insertEntry.run(...entry, hash);
    setHead.run(before.seq + 1, hash);
    return { createdAt: known.created_at, codes };
  });
  return { create };
}
