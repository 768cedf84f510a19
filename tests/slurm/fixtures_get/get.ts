import { configure, get } from "@furu/furu";
import { Step } from "../../e2e/fixtures_run/step.ts";

/** Gets one artifact, with the configuration that the argument gives, and prints how that ended. */
if (import.meta.main) {
  configure({ recordGit: "ignore", ...JSON.parse(Deno.args[0]!) });
  try {
    await get(Step({ id: "a", needs: [], beside: [] }));
    console.log("got it");
  } catch (error) {
    console.log(`${error}`);
  }
}
