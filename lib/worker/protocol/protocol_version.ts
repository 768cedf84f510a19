/** The version of the messages. A process that speaks another one is refused. */
export const PROTOCOL_VERSION = 1;
