// Which line of a list a click was meant for. Lines move by themselves: what rings comes to the top.
// Whoever clicks then has aimed at what stood there before: for as long as an eye and a hand need,
// the click of a hand that rested there, or was under way, is for the line that was at that place.

const HAND_MS = 400; // nobody has seen a line appear and clicked on it in less
const UNDER_WAY = { moves: 3, ms: 200 }; // a hand that moves is seen to, many times a second
const TAP_MS = 700; // by then the click that comes with a press has come, a finger's as well
const SLIP_PX = 12; // a hand at rest is no stiller; pressed here and let go farther away: thought better of

const apart = (one, other) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
const idOf = (element) => element?.closest?.("button[data-id]")?.dataset.id ?? null;

export class Aim {
  // `chosen(id)` is called for a click on a line, or for its key.
  constructor(list, chosen) {
    this.list = list;
    this.hand = []; // where the pointer was seen last, and when; the latest first
    this.was = null; // where the lines stood before this writing
    this.moved = null; // where they stood before they moved, when they did, and where the hand rested
    this.down = null; // where the pointer was pressed, and for which line
    this.chose = -Infinity; // when the pointer last chose one
    document.addEventListener("pointermove", (event) => {
      const { clientX, clientY } = event;
      const rest = this.moved?.rest ?? event;
      if (apart(rest, event) > SLIP_PX) this.moved = null; // it has seen what came, and goes to it
      this.hand = [{ clientX, clientY, at: performance.now() }, ...this.hand].slice(0, UNDER_WAY.moves);
    });
    list.addEventListener("scroll", () => (this.moved = null)); // they are where the hand has put them
    list.addEventListener("pointerdown", (event) => {
      this.down = { clientX: event.clientX, clientY: event.clientY, id: this.meant(event) };
    });
    // The browser makes no click of a press on a line that has moved meanwhile.
    document.addEventListener("pointerup", (event) => {
      const id = this.released(event);
      this.down = null;
      if (id === null) return;
      this.chose = performance.now();
      chosen(id);
    });
    list.addEventListener("click", ({ detail, target }) => {
      const id = idOf(target); // by key, or by whatever presses without a pointer
      if (id !== null && (detail === 0 || performance.now() - this.chose > TAP_MS)) chosen(id);
    });
  }

  places() {
    return [...this.list.children].map((line) => {
      const { top, bottom } = line.getBoundingClientRect();
      return { id: idOf(line.firstElementChild), top, bottom };
    });
  }

  // To be called before the list is written anew, and after it.
  before() {
    const aims = this.hand.length > 0 && (this.isUnderWay() || this.list.matches(":hover"));
    this.was = aims ? this.places() : null;
  }

  written() {
    if (this.was === null || this.late()) return;
    const now = new Map(this.places().map((one) => [one.id, one]));
    if (this.was.some(({ id, top }) => now.get(id)?.top !== top)) {
      this.moved = { from: this.was, at: performance.now(), rest: this.isUnderWay() ? null : this.hand[0] };
    }
  }

  isUnderWay() {
    const first = this.hand[UNDER_WAY.moves - 1];
    return first !== undefined && performance.now() - first.at <= UNDER_WAY.ms;
  }

  late() {
    return this.moved !== null && performance.now() - this.moved.at <= HAND_MS;
  }

  meant(event) {
    const there = this.late() && this.moved.from.find(({ top, bottom }) =>
      event.clientY >= top && event.clientY < bottom);
    return there ? there.id : idOf(event.target);
  }

  // A line that moves between the press and the letting go is the one that was pressed.
  released(event) {
    const { down } = this;
    if (down === null || event.button !== 0) return null;
    return apart(down, event) <= SLIP_PX || idOf(event.target) === down.id ? down.id : null;
  }
}
