/** The first words of a worker in its log: it has begun. */
export const WORKER_MARK = "furu worker ";
