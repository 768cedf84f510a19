import { type Labelled, PIXELS, shuffle } from "./images.ts";

const CLASSES = 10;
const BATCH = 32;

/** How {@link train} learns. */
export interface Training {
  /** Size of a step. */
  lr: number;
  /** How strongly weights are pulled to zero. */
  l2: number;
  /** How often every image is seen. */
  epochs: number;
  /** Draws the order of the images. */
  random: () => number;
  /** Called after each epoch. */
  onEpoch?: (epoch: number, weights: Float32Array) => void;
}

/**
 * Learns softmax regression by stochastic gradient descent.
 *
 * @returns Weights: ten for each pixel, one per digit, then ten for the bias.
 */
export function train({ images, labels }: Labelled, options: Training): Float32Array {
  const { lr, l2, epochs, random, onEpoch } = options;
  const weights = new Float32Array((PIXELS + 1) * CLASSES);
  const gradient = new Float32Array(weights.length);
  const order = Array.from(labels, (_, index) => index);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    shuffle(order, random);
    for (let start = 0; start < order.length; start += BATCH) {
      const batch = order.slice(start, start + BATCH);
      gradient.fill(0);
      for (const index of batch) {
        const image = images.subarray(index * PIXELS, (index + 1) * PIXELS);
        addGradient(gradient, weights, image, labels[index]!);
      }
      for (let i = 0; i < weights.length; i++) {
        weights[i] = weights[i]! - lr * (gradient[i]! / batch.length + l2 * weights[i]!);
      }
    }
    onEpoch?.(epoch, weights);
  }
  return weights;
}

/** The share of images, from 0 to 1, that are recognised. */
export function accuracy(weights: Float32Array, { images, labels }: Labelled): number {
  const right = labels.reduce((count, label, index) => {
    const scores = scoresOf(weights, images.subarray(index * PIXELS, (index + 1) * PIXELS));
    return count + (scores.indexOf(Math.max(...scores)) === label ? 1 : 0);
  }, 0);
  return right / labels.length;
}

function scoresOf(weights: Float32Array, image: Uint8Array): Float32Array {
  const scores = weights.slice(PIXELS * CLASSES);
  for (let pixel = 0; pixel < PIXELS; pixel++) {
    const brightness = image[pixel]! / 255;
    if (brightness === 0) continue; // four pixels out of five
    for (let k = 0; k < CLASSES; k++) scores[k]! += brightness * weights[pixel * CLASSES + k]!;
  }
  return scores;
}

function addGradient(gradient: Float32Array, weights: Float32Array, image: Uint8Array, label: number): void {
  const scores = scoresOf(weights, image);
  const largest = Math.max(...scores);
  const exponentials = scores.map((score) => Math.exp(score - largest));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  const errors = exponentials.map((value, k) => value / total - (k === label ? 1 : 0));
  for (let pixel = 0; pixel < PIXELS; pixel++) {
    const brightness = image[pixel]! / 255;
    if (brightness === 0) continue;
    for (let k = 0; k < CLASSES; k++) gradient[pixel * CLASSES + k]! += brightness * errors[k]!;
  }
  for (let k = 0; k < CLASSES; k++) gradient[PIXELS * CLASSES + k]! += errors[k]!;
}
