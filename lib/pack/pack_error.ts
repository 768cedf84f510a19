import { FuruError } from "../core/errors.ts";

/** One file cannot be made: says of what, why, and what to do. */
export class PackError extends FuruError {}
