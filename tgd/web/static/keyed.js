// One click, one act. Browsers send a request again by themselves when the line breaks before its
// answer, and so do people: each act carries a key, the server does what bears one key once. An act
// of which nobody knows whether it was done keeps its key until the page has read what is so.

const unsure = new Map(); // by what is asked for: the key, and since when nobody knows

function made() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID needs https
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export async function keyed(path, body, sending) {
  const what = `${path} ${JSON.stringify(body ?? null)}`;
  const one = unsure.get(what) ?? { key: made() };
  one.since = Infinity; // under way
  unsure.set(what, one);
  try {
    const answer = await sending({ "Idempotency-Key": one.key });
    unsure.delete(what);
    return answer;
  } catch (refusal) {
    if (refusal.status > 0 && refusal.status < 500) unsure.delete(what); // it was not done
    else one.since = performance.now();
    throw refusal;
  }
}

// What was asked for at that moment has come: whoever acts now knows what was done before it.
export function known(asked) {
  for (const [what, one] of unsure) if (one.since < asked) unsure.delete(what);
}
