/** Writes what belongs together in one go: a system call costs more than most of what is done for a request. */
import type { Socket } from "node:net"

/** A part of a body; text is UTF-8. */
export type BodyPiece = Buffer | string

/** A larger body is not worth copying between what stands around it. */
const copiedBytes = 16 * 1024

export const byteLengthOf = (body: ReadonlyArray<BodyPiece>): number => {
  let length = 0
  for (const piece of body) length += Buffer.byteLength(piece)
  return length
}

/**
 * Writes a body of so many bytes with what stands before and behind it, in Latin-1. `written` is called when the
 * operating system has it all. False when the socket's other end should take it before more is written.
 */
export const writeMessage = (
  socket: Socket,
  before: string,
  body: ReadonlyArray<BodyPiece>,
  bodyBytes: number,
  after: string,
  written?: (error?: Error | null) => void
): boolean => {
  if (bodyBytes > copiedBytes) {
    socket.cork()
    socket.write(before, "latin1")
    for (const piece of body) socket.write(piece)
    const flowing = socket.write(after, "latin1", written)
    socket.uncork()
    return flowing
  }
  const message = Buffer.allocUnsafe(before.length + bodyBytes + after.length)
  let at = message.write(before, "latin1")
  for (const piece of body) at += typeof piece === "string" ? message.write(piece, at) : piece.copy(message, at)
  message.write(after, at, "latin1")
  return socket.write(message, written)
}
