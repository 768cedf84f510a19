import { defineTask, exists, get, plan, RunFailedError, runLocal, settle, z } from "../mod.ts";
const flag = Deno.env.get("FLAG")!;
export const Raw = defineTask({
  name: "t/Raw",
  params: z.object({ i: z.int() }),
  create: ({ params }) => {
    if (params.i === 3 && Deno.env.get("OK") !== "1") throw new Error("raw " + params.i);
    return params.i;
  },
});
export const Train = defineTask({
  name: "t/Train",
  params: z.object({ raw: Raw.schema }),
  create: async ({ params }) => {
    const v = await get(params.raw);
    if (v === 1 && Deno.env.get("OK") !== "1") throw new RangeError("no " + v);
    return v * 10;
  },
});
export const Mean = defineTask({
  name: "t/Mean",
  params: z.object({ runs: z.array(Train.schema) }),
  tolerate: ["runs"],
  create: async ({ params, log }) => {
    const all = await Promise.all(params.runs.map(settle));
    for (const each of all) if (each.status === "rejected") log.info(each.reason.message);
    return all.map((each) => each.status === "fulfilled" ? each.value : null);
  },
});
export const Report = defineTask({
  name: "t/Report",
  params: z.object({ mean: Mean.schema }),
  create: async ({ params }) => JSON.stringify(await get(params.mean)),
});
export const report = Report({ mean: Mean({ runs: [0, 1, 2, 3].map((i) => Train({ raw: Raw({ i }) })) }) });
export default [report];
if (import.meta.main) {
  const opts = {
    isolation: Deno.env.get("ISO") as never ?? "process",
    maxComputeRetries: 0,
    progress: "none" as const,
    retryFailed: Deno.env.get("RETRY") !== "0",
  };
  const p = await plan(report);
  console.log(
    [...p.nodes.values()].map((n) => `${n.artifact} ${n.status} ${JSON.stringify(n.state)}`).join("\n"),
  );
  if (Deno.args[0] === "get") console.log(await get(report));
  else {try {
      console.log(await runLocal([report], opts));
    } catch (e) {
      console.log((e as Error).message, (e as RunFailedError).summary);
    }}
  console.log("exists", await exists(report));
  console.log(await get(report));
}
