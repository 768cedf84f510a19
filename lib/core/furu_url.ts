/** URL of the folder of furu's own code, which may be on a server; with a slash at its end. */
export const FURU_URL: string = new URL("../../", import.meta.url).href;
