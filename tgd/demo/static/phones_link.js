// The demo as this page sees it: orders to the phones, and what happens to them.

const ORDER_MS = 5000;
const AGAIN_MS = 2000;

let refused = () => {};

export const onRefusal = (told) => { refused = told; };

export async function order(phone, action, fields) {
  let answer;
  try {
    answer = await fetch("/phones/orders", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ phone, action, ...fields }),
      signal: AbortSignal.timeout(ORDER_MS),
    });
  } catch {
    refused(0);
    return;
  }
  refused(answer.ok ? null : answer.status);
}

// Orders that come faster than they are answered: the newest of each kind for a phone is sent when
// the one before has been answered, and those between were overtaken. Resolves when none is left.
const going = new Map();

export async function settle(phone, action, fields) {
  const key = `${phone} ${action}`;
  const waiting = going.get(key);
  if (waiting) {
    waiting.next = fields;
    return waiting.done;
  }
  const mine = { next: fields };
  going.set(key, mine);
  mine.done = (async () => {
    while (mine.next) {
      const now = mine.next;
      mine.next = null;
      await order(phone, action, now);
    }
    going.delete(key);
  })();
  return mine.done;
}

export function listen({ all, phones, fact, glanced, lost }) {
  const stream = new EventSource("/phones/events");
  const take = (name, told) => {
    stream.addEventListener(name, (event) => told(JSON.parse(event.data)));
  };
  take("all", all);
  take("phones", phones);
  take("fact", fact);
  take("glanced", glanced);
  stream.addEventListener("error", () => {
    lost();
    if (stream.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    setTimeout(() => listen({ all, phones, fact, glanced, lost }), AGAIN_MS);
  });
}
