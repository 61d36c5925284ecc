// Bytes to messages and back.
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ClientFrameSchema, ClientMessageSchema, ServerFrameSchema, type ServerMessage } from "./gen/proto/exchange_pb";

export type Request = MessageInitShape<typeof ClientMessageSchema>["message"];

export const FRAME_BYTES_MAX = 4 * 1024 * 1024; // far above the 256 KiB that the server writes: joined frames

/** The messages of a frame, or of several that were joined. Throws on anything that is not one. */
export function decode(data: ArrayBuffer): ServerMessage[] {
  if (data.byteLength > FRAME_BYTES_MAX) throw new RangeError(`a frame of ${data.byteLength} bytes`);
  return fromBinary(ServerFrameSchema, new Uint8Array(data)).messages;
}

/** A frame with one message. */
export function encode(requestId: string, message: Request): Uint8Array<ArrayBuffer> {
  const messages = [create(ClientMessageSchema, { requestId, message: message ?? { case: undefined } })];
  return toBinary(ClientFrameSchema, create(ClientFrameSchema, { messages }));
}
