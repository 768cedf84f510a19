import { type Artifact, type CreateContext, defineTask, get, settle, z } from "@furu/furu";
import { act, SCENE } from "./acts.ts";

const anyStep: z.ZodType<Artifact<string>> = z.lazy(() =>
  z.union([Step.schema, Other.schema]) as unknown as z.ZodType<Artifact<string>>
);

const params = z.object({
  id: z.string(),
  /** What `create` does, one after the other. */
  does: z.array(z.string()).default([]),
  needs: z.array(anyStep).default([]),
  /** Artifacts that don't count for identity. */
  beside: z.array(anyStep).default([]),
  /** Artifacts that it can do without. */
  may: z.array(anyStep).optional(),
  spec: z.string().default("default"),
  /** Seconds. */
  limit: z.number().default(1000),
  /** What it takes of limits. */
  takes: z.array(z.string()).default([]),
  /** Its turn. */
  priority: z.int().optional(),
  /** What is returned besides the id: so many characters. */
  size: z.int().default(0),
});

const options = {
  params,
  unhashed: ["spec", "limit", "takes", "priority", "beside", "does"] as const,
  tolerate: ["may"] as const,
  spec: ({ spec }: Params) => spec,
  limits: ({ takes }: Params) => takes,
  priority: ({ priority }: Params) => priority,
};

/** Appends to one file for all, so that the order and the number of creates can be read from it. */
function remember(what: string, id: string): void {
  Deno.writeTextFileSync(`${SCENE}/${what}`, `${id}\n`, { append: true });
}

type Params = z.output<typeof params>;

async function create(ctx: CreateContext<Params>): Promise<string> {
  const { id, does, needs, beside, may = [], size } = ctx.params;
  remember("created", id);
  const values: string[] = [];
  for (const below of [...needs, ...beside]) values.push(await get(below));
  for (const { artifact: { params }, ...each } of await Promise.all(may.map(settle))) {
    values.push(each.status === "fulfilled" ? each.value : `no ${(params as Params).id}`);
  }
  await act(ctx, does);
  remember("returned", id);
  // What cannot be stored.
  if (does.includes("return Model")) return { model: new (class Model {})() } as unknown as string;
  return `${id}(${values.join()})${"x".repeat(size)}`;
}

export const Step = defineTask({ name: "run/Step", ...options, timeLimit: limitOf, create });

/** As Step, under another name. */
export const Other = defineTask({ name: "run/Other", ...options, timeLimit: limitOf, create });

function limitOf({ limit }: Params): number {
  return limit;
}

/** An artifact that a task asks for without having declared it. */
export function undeclared(id: string): Artifact {
  return Step({ id });
}
