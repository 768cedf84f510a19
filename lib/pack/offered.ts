/** The names that a pipeline may import without saying in a configuration what they are. */
export const OFFERED: readonly string[] = ["@furu/furu", "@furu/furu/cli", "zod"];
