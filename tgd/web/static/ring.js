// The ring: two tones by WebAudio, scheduled ahead so that a busy page does not stutter. Browsers
// allow no sound before a gesture on the page, and a sound that is not heard is plain to see as far
// as a page can know it: blocked by the browser, or an audio device that stands still.

const EVERY_MS = 2000;
const TONES = [[0, 880], [0.25, 660], [0.5, 880]];
const PIP = [[0, 1320]];
const STILL_MS = 3000;
export const LOUD = 0.25;
export const SOFT = 0.06; // beside a voice that must be heard

let audio = null;
let timer = null;
let loud = LOUD;
let heard = { at: 0, since: 0 }; // the audio's own clock, and since when it has shown that

// null while sound can be heard, else why it cannot: a text of the catalogue.
export function silent() {
  if (audio === null || audio.state !== "running") return "sound_blocked";
  const now = performance.now();
  if (audio.currentTime !== heard.at) heard = { at: audio.currentTime, since: now };
  return now - heard.since > STILL_MS ? "sound_still" : null;
}

// To be called in a gesture; harmless at any time.
export async function allow() {
  try {
    audio ??= new AudioContext();
    if (audio.state === "running") return;
    await Promise.race([audio.resume(), new Promise((soon) => setTimeout(soon, STILL_MS))]);
  } catch {
    return; // no sound on this machine: silent() says so
  }
  heard = { at: -1, since: performance.now() };
}

function play(tones, volume) {
  if (audio === null || audio.state !== "running") return;
  for (const [after, pitch] of tones) {
    const at = audio.currentTime + after;
    const tone = new OscillatorNode(audio, { frequency: pitch, type: "square" });
    const gain = new GainNode(audio, { gain: 0 });
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(volume, at + 0.02);
    gain.gain.setValueAtTime(volume, at + 0.2);
    gain.gain.linearRampToValueAtTime(0, at + 0.23);
    tone.connect(gain).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.25);
  }
}

export const once = () => play(TONES, LOUD);
export const pip = () => play(PIP, SOFT);

// Rings, or not; how loudly may change while it rings.
export function ring(on, volume = LOUD) {
  loud = volume;
  if (on && timer === null) {
    play(TONES, loud);
    timer = setInterval(() => play(TONES, loud), EVERY_MS);
  } else if (!on && timer !== null) {
    clearInterval(timer);
    timer = null;
  }
}
