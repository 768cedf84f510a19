import type { ReportCell, ReportNode } from "../../lib/page/report_model.ts";
import { type Model, moment, size, took, WORDS } from "./model.ts";

/** A column of the table, and an axis of the plot. */
export interface Column {
  /** Its name. */
  readonly name: string;
  /** What an artifact has in it; `undefined` where it has nothing. */
  readonly of: (node: ReportNode) => ReportCell | undefined;
  /** The cell for people. */
  readonly text: (node: ReportNode) => string;
  /** Whether all that is known in it are numbers. */
  readonly isNumber: boolean;
}

/** So many columns are shown: nobody can read more. */
const MOST_COLUMNS = 60;

/** The columns for artifacts of one task, or of several. */
export function columnsOf(model: Model, nodes: readonly ReportNode[]): Column[] {
  const names = new Set(nodes.map(({ name }) => name));
  const [only] = names;
  const differing = names.size === 1 ? model.groups.get(only!)?.differing ?? [] : [];
  const params = names.size !== 1
    ? []
    : differing.length > 0
    ? differing
    : [...new Set(nodes.flatMap(({ params }) => Object.keys(params ?? {})))];
  const values = names.size === 1 ? [...new Set(nodes.flatMap(({ value }) => Object.keys(value ?? {})))] : [];
  const plain = (name: string, of: Column["of"]): Column => ({
    name,
    of,
    text: (node) => cellText(of(node)),
    isNumber: isNumber(nodes, of),
  });
  const own = (cells: ReportNode["params"], path: string): ReportCell | undefined =>
    cells && Object.hasOwn(cells, path) ? cells[path] : undefined;
  const shown = (name: string, of: Column["of"], text: Column["text"]): Column => ({
    name,
    of,
    text,
    isNumber: true,
  });
  return [
    ...(names.size > 1 ? [plain("task", ({ name }) => name)] : []),
    plain("hash", ({ hash }) => hash.slice(0, 8)),
    plain("status", ({ status }) => WORDS[status]),
    ...params.map((path) => plain(path, (node) => own(node.params, path))),
    ...(params.length === 0 ? [plain("parameters", (node) => model.line(node))] : []),
    ...values.map((path) => plain(path, (node) => own(node.value, path))),
    shown("took", ({ durationMs }) => durationMs, ({ durationMs }) => took(durationMs)),
    shown("memory", ({ peakMemoryBytes }) => peakMemoryBytes, ({ peakMemoryBytes }) => size(peakMemoryBytes)),
    shown("size", ({ bytes }) => bytes, ({ bytes }) => size(bytes)),
    { ...plain("when", ({ at }) => at), text: (node: ReportNode) => moment(node.at) },
    plain("attempt", ({ attempt }) => attempt),
    plain("host", ({ host }) => host),
    plain("error", ({ error }) => error),
  ].filter(({ name, of }) =>
    ["hash", "status"].includes(name) || nodes.some((node) => of(node) !== undefined)
  )
    .slice(0, MOST_COLUMNS);
}

/** A cell for people: numbers as long as anybody reads them. */
function cellText(cell: ReportCell | undefined): string {
  if (cell === undefined) return "";
  return typeof cell === "number" && !Number.isInteger(cell) ? `${Number(cell.toPrecision(6))}` : `${cell}`;
}

function isNumber(nodes: readonly ReportNode[], of: Column["of"]): boolean {
  const known = nodes.map(of).filter((cell) => cell !== undefined && cell !== null);
  return known.length > 0 && known.every((cell) => typeof cell === "number");
}

/** Numbers as such and before texts; nothing last. */
export function compareCells(a: ReportCell | undefined, b: ReportCell | undefined): number {
  const rank = (cell: ReportCell | undefined): number =>
    typeof cell === "number" ? 0 : cell === undefined || cell === null ? 2 : 1;
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [one, other] = [`${a ?? ""}`, `${b ?? ""}`];
  return one < other ? -1 : one > other ? 1 : 0;
}

const OPERATORS: Readonly<Record<string, (order: number) => boolean>> = {
  "=": (order) => order === 0,
  "!=": (order) => order !== 0,
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
};

/**
 * Reads a filter: words that must be in a row, and conditions as `lr>0.1` or `status=failed`, all of which
 * must hold.
 */
export function parseFilter(text: string, columns: readonly Column[]): (node: ReportNode) => boolean {
  const tests = text.trim().split(/\s+/).filter((term) => term !== "").map((term) => {
    const [, name, operator = "", wanted = ""] = /^([^<>=!]+)(!=|<=|>=|=|<|>)(.+)$/.exec(term) ?? [];
    const column = columns.find((each) => each.name === name) ??
      columns.find((each) => each.name === `value.${name}`);
    if (column) {
      const number = Number(wanted);
      return (node: ReportNode): boolean => {
        const cell = column.of(node);
        if (cell === undefined || cell === null) return operator === "!=";
        const order = typeof cell === "number" && !Number.isNaN(number)
          ? cell - number
          : compareCells(`${cell}`.toLowerCase(), wanted.toLowerCase());
        return OPERATORS[operator]!(order);
      };
    }
    const word = term.toLowerCase();
    return (node: ReportNode): boolean =>
      columns.some((each) => each.text(node).toLowerCase().includes(word));
  });
  return (node) => tests.every((test) => test(node));
}
