import { z } from "zod";
import { TooLittleError } from "../../../lib/core/errors.ts";
import { defineTask } from "../../../lib/task/define.ts";

/** Fails in its first so many attempts. */
export const Failing = defineTask({
  name: "submit/Failing",
  params: z.object({ times: z.int() }),
  retries: 2,
  retryDelaySec: 0.01,
  create: ({ params: { times }, attempt }) => {
    console.log(`attempt ${attempt}`);
    if (attempt <= times) throw new Error("not yet");
    return attempt;
  },
});

/** Has too little memory with its first spec. */
export const Hungry = defineTask({
  name: "submit/Hungry",
  params: z.object({}),
  spec: ["default", "big"],
  create: (): number => {
    throw new TooLittleError("memory", "no room");
  },
});
