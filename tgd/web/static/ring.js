// The ring: two tones by WebAudio, scheduled ahead so that a busy page does not stutter.
// Browsers allow no sound before a gesture on the page: whether it is blocked is plain to see.

const EVERY_MS = 2000;
const TONES = [[0, 880], [0.25, 660], [0.5, 880]];

let audio = null;
let timer = null;

export function blocked() {
  return audio === null || audio.state !== "running";
}

// To be called in a gesture; harmless at any time.
export async function allow() {
  audio ??= new AudioContext();
  if (audio.state !== "running") await audio.resume();
}

export function once() {
  if (blocked()) return;
  for (const [after, pitch] of TONES) {
    const at = audio.currentTime + after;
    const tone = new OscillatorNode(audio, { frequency: pitch, type: "square" });
    const loud = new GainNode(audio, { gain: 0 });
    loud.gain.setValueAtTime(0, at);
    loud.gain.linearRampToValueAtTime(0.25, at + 0.02);
    loud.gain.setValueAtTime(0.25, at + 0.2);
    loud.gain.linearRampToValueAtTime(0, at + 0.23);
    tone.connect(loud).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.25);
  }
}

export function ring(on) {
  if (on && timer === null) {
    once();
    timer = setInterval(once, EVERY_MS);
  } else if (!on && timer !== null) {
    clearInterval(timer);
    timer = null;
  }
}

export const ringing = () => timer !== null;
