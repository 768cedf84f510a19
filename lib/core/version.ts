import config from "../../deno.json" with { type: "json" };

/** The version of furu, as it is published. */
export const FURU_VERSION: string = config.version;
