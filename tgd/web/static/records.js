// What is read once for an alert: the person's file, whose every reading is on the record, and the
// notes.

import * as api from "./api.js";
import { mine } from "./duty.js";
import { complain } from "./refusals.js";
import { on, state } from "./state.js";
import { clock } from "./texts.js";

// The file is read by whoever has the alert; the notes again whenever there is another one.
export function lookUp(alert) {
  if (!state.files.has(alert.id) && mine(alert, state.me)) openFile(alert.id);
  const key = alert.last_note && `${alert.last_note.at} ${alert.last_note.by}`;
  if ((state.written.get(alert.id)?.key ?? null) !== key) readNotes(alert.id, key);
}

export async function openFile(id) {
  const { files } = state;
  files.set(id, { file: null, unknown: "reading" });
  try {
    files.set(id, await api.read(`alerts/${id}/person`));
  } catch (refusal) {
    files.set(id, { failed: true });
    complain(refusal);
  }
  on.changed();
}

async function readNotes(id, key) {
  const { written } = state;
  written.set(id, Object.assign(written.get(id) ?? [], { key }));
  try {
    const { items } = await api.read(`alerts/${id}/notes`);
    const said = items.map((note) => ({ ...note, time: clock(note.at) })).reverse();
    written.set(id, Object.assign(said, { key }));
  } catch (refusal) {
    written.delete(id); // asked again with the next reading
    if (refusal.status === 401 || !(refusal instanceof api.Refusal)) complain(refusal);
    return;
  }
  on.changed();
}

// Why it is offered: what whoever offers it has written last.
export const lastWord = (alert) =>
  state.written.get(alert.id)?.find((note) => note.by === alert.answered_by)?.text ?? null;
