/** One point of the sweep. */
export interface Point {
  lr: number;
  l2: number;
  /** From 0 to 1. */
  validation: number;
}

const WIDTH = 640;
const HEIGHT = 400;
const MARGIN = 56;
const COLOURS = ["#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#a463f2"];

/** Draws validation accuracy over the learning rate as SVG: a dot for each run, a line of means for each `l2`. */
export function renderChart(points: readonly Point[]): string {
  const rates = unique(points.map(({ lr }) => lr));
  const accuracies = points.map(({ validation }) => validation);
  const lowest = Math.floor(Math.min(...accuracies) * 50) / 50;
  const highest = Math.ceil(Math.max(...accuracies) * 50) / 50;
  const x = scale(Math.log(rates[0] ?? 1), Math.log(rates.at(-1) ?? 1), MARGIN, WIDTH - MARGIN);
  const y = scale(lowest, highest, HEIGHT - MARGIN, MARGIN);

  const lines = unique(points.map(({ l2 }) => l2)).map((l2, index) => {
    const colour = COLOURS[index % COLOURS.length]!;
    const own = points.filter((point) => point.l2 === l2);
    const means = unique(own.map(({ lr }) => lr)).map((lr) => {
      const mean = average(own.filter((point) => point.lr === lr).map(({ validation }) => validation));
      return `${round(x(Math.log(lr)))},${round(y(mean))}`;
    });
    const dots = own.map(({ lr, validation }) =>
      `<circle cx="${round(x(Math.log(lr)))}" cy="${round(y(validation))}" r="3" fill="${colour}"/>`
    );
    const name = text(
      WIDTH - MARGIN,
      MARGIN + 16 * index,
      `l2 = ${l2}`,
      `text-anchor="end" fill="${colour}"`,
    );
    return [`<polyline points="${means.join(" ")}" fill="none" stroke="${colour}"/>`, ...dots, name].join(
      "\n",
    );
  });
  const columns = rates.map((lr) =>
    text(x(Math.log(lr)), HEIGHT - MARGIN / 2, `${lr}`, 'text-anchor="middle"')
  );
  const rows = [lowest, (lowest + highest) / 2, highest].map((accuracy) =>
    text(MARGIN - 8, y(accuracy) + 4, `${round(accuracy * 100)} %`, 'text-anchor="end"') +
    `<path d="M${MARGIN} ${round(y(accuracy))}H${WIDTH - MARGIN}" stroke="#ddd"/>`
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    text(MARGIN, MARGIN / 2, "Validation accuracy over the learning rate", 'font-size="16"'),
    ...rows,
    ...columns,
    ...lines,
    "</svg>",
  ].join("\n") + "\n";
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${words}</text>`;
}

/** A straight line through two points; in the middle of the range where there is only one value. */
function scale(from: number, to: number, start: number, end: number): (value: number) => number {
  return (value) => to === from ? (start + end) / 2 : start + (value - from) / (to - from) * (end - start);
}

function unique(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
