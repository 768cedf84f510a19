/** x */
export const PAGE_SOURCES = "";
/** x */
export const PAGE_SCRIPT = "";
/** x */
export const PAGE_STYLE = "";
