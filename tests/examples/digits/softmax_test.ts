import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Labelled, loadImages, PIXELS, seededRandom, split } from "../../../examples/digits/images.ts";
import { accuracy, train } from "../../../examples/digits/softmax.ts";

/** Images of which each has only the pixel lit that its digit owns, so that a linear classifier can be perfect. */
function separable(count: number): Labelled {
  const all = { images: new Uint8Array(count * PIXELS), labels: new Uint8Array(count) };
  for (let index = 0; index < count; index++) {
    all.labels[index] = index % 10;
    all.images[index * PIXELS + 20 * (index % 10)] = 255;
  }
  return all;
}

describe("train()", () => {
  const options = { lr: 0.5, l2: 0, epochs: 20 };

  it("learns what can be separated, better with each epoch", () => {
    const seen: number[] = [];
    const data = separable(100);
    const weights = train(data, {
      ...options,
      random: seededRandom(1),
      onEpoch: (_, weights) => seen.push(accuracy(weights, data)),
    });
    assertEquals(accuracy(weights, data), 1);
    assertEquals(seen.length, 20);
    assertEquals(accuracy(new Float32Array(weights.length), data), 0.1);
  });

  it("gives the same weights for the same seed, and others for another", () => {
    const learn = (seed: number) =>
      train(separable(50), { ...options, epochs: 2, random: seededRandom(seed) });
    assertEquals(learn(1), learn(1));
    assert(learn(1).some((weight, index) => weight !== learn(2)[index]));
  });

  it("makes smaller weights with more regularisation", () => {
    const size = (l2: number) =>
      train(separable(50), { ...options, l2, random: seededRandom(1) }).reduce((sum, w) => sum + w * w, 0);
    assertLess(size(0.1), size(0));
  });
});

describe("split()", () => {
  it("puts each image with its label into one part at most, the same way for the same seed", () => {
    const all: Labelled = {
      images: new Uint8Array(40 * PIXELS),
      labels: Uint8Array.from({ length: 40 }, (_, i) => i),
    };
    for (let i = 0; i < 40; i++) all.images.fill(i, i * PIXELS, (i + 1) * PIXELS);
    const parts = split(all, [20, 10, 5], seededRandom(3));
    assertEquals(parts.map(({ labels }) => labels.length), [20, 10, 5]);
    assertEquals(new Set(parts.flatMap(({ labels }) => [...labels])).size, 35);
    for (const { images, labels } of parts) {
      labels.forEach((label, index) => assertEquals(images[index * PIXELS + PIXELS - 1], label));
    }
    assertEquals(split(all, [20, 10, 5], seededRandom(3)), parts);
  });
});

describe("seededRandom()", () => {
  it("gives numbers from 0 to 1, spread evenly", () => {
    const random = seededRandom(7);
    const numbers = Array.from({ length: 10_000 }, random);
    assert(numbers.every((number) => number >= 0 && number < 1));
    for (let tenth = 0; tenth < 10; tenth++) {
      const count = numbers.filter((number) => Math.floor(number * 10) === tenth).length;
      assertGreater(count, 850);
      assertLess(count, 1150);
    }
  });
});

describe("loadImages()", () => {
  it("gives ten thousand images, of every digit, from black to white", async () => {
    const { images, labels } = await loadImages();
    assertEquals(labels.length, 10_000);
    assertEquals(images.length, 10_000 * PIXELS);
    assertEquals(new Set(labels).size, 10);
    assertEquals(images.reduce((most, value) => Math.max(most, value), 0), 255);
    assertGreater(images.filter((value) => value === 0).length / images.length, 0.7);
  });
});
