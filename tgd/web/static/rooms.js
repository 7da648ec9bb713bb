// Control rooms by their names: the record knows them by their ids and addresses, people do not.

let rooms = [];

export const heard = (found) => {
  rooms = found.map(({ id, name, address, phone }) => ({ id, name, address, phone }));
};

export const all = () => rooms;

const known = (as) => rooms.find((one) => one.id === as || one.address === as);

// What is no room's, or of one that was taken out of the list meanwhile, stays as it is.
export const roomName = (as) => known(as)?.name ?? as;

export const roomPhone = (id) => known(id)?.phone ?? null;

// The id of the room that is called so, one of `first` before others; whatever else was typed stays.
export function roomId(said, first = []) {
  const named = rooms.filter((one) => one.name === said).map((one) => one.id);
  return first.find((id) => named.includes(id)) ?? named[0] ?? said;
}
