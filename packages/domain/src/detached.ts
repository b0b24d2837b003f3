/**
 * The same text, which keeps nothing of a larger one that it was cut from. V8 lets what is cut out of a text (13 characters
 * or more) point into it, so that the whole stays in memory for as long as the cut does: a key of a table, and behind it
 * the request that it came with.
 */
export const detached = (text: string): string => Buffer.from(text, "utf16le").toString("utf16le")
