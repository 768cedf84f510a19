/**
 * What tasks do past Deno's own functions in a worker where node's modules are loaded and the time stands
 * still, so that nothing is looked at because its time has come. Prints as JSON what was seen after each.
 *
 *     deno run -A tests/worker/child/traces_script.ts FILE
 *
 * @module
 */
import { spawn } from "node:child_process";
import { loadEnvFile, umask } from "node:process";
import { Worker } from "node:worker_threads";

performance.now = () => 0;
const { WorkerTraces } = await import("../../../lib/worker/child/traces.ts");
const [file = ""] = Deno.args;

const report: Record<string, unknown> = {};
const trace = () => Deno.env.get("TRACE");

/** Runs tasks one after another, as a worker does, and tells of each that it names. */
async function series(name: string, tasks: [string, ...(() => unknown)[]][]): Promise<void> {
  const logged: string[] = [];
  const traces = new WorkerTraces((text) => logged.push(text));
  traces.loaded();
  for (const [what, ...codes] of tasks) {
    traces.begin();
    const seen: unknown[] = [];
    for (const code of codes) seen.push(await traces.around(code) ?? "nothing");
    const after = { env: trace() ?? "clean", umask: Deno.umask() };
    traces.end([]);
    report[`${name}: ${what}`] = { seen, after, logged: logged.splice(0), spoilt: traces.spoilt };
  }
}

const nothing: [string, () => unknown] = ["nothing", trace];
const load = () => loadEnvFile(file);
await series("env", [nothing, ["loaded", load], ["next", trace], ["again", load], ["last", trace]]);
await series("validate", [nothing, ["loaded", load, trace]]);
await series("umask", [nothing, ["changed", () => void umask(0o077)], ["next", trace]]);
await series("program", [
  nothing,
  ["left", () => void spawn("sleep", ["97531"], { stdio: "ignore" }).unref()],
  ["next", trace],
]);
await series("ended program", [
  nothing,
  ["left", () => new Promise<void>((done) => spawn("sh", ["-c", "sleep 97532 &"]).on("exit", () => done()))],
]);
await series("thread", [
  nothing,
  ["left", () => void new Worker("setInterval(() => {}, 1000)", { eval: true })],
]);
console.log(JSON.stringify(report));
Deno.exit(0);
