/** Codes with which a system says that a hard link is not to be had here, or not to this file. */
export const NO_LINKS: readonly string[] = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];
