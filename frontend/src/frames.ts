// Encodes requests and decodes server frames.

import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ClientFrameSchema, ClientMessageSchema, ServerFrameSchema, type ServerMessage } from "./gen/proto/exchange_pb";

export type Request = MessageInitShape<typeof ClientMessageSchema>["message"];

export const FRAME_BYTES_MAX = 4 * 1024 * 1024; // the server writes at most 256 KiB, but joins frames

/** The messages of a frame, or of several joined frames. Throws if it cannot be decoded. */
export function decode(data: ArrayBuffer): ServerMessage[] {
  if (data.byteLength > FRAME_BYTES_MAX) throw new RangeError(`a frame of ${data.byteLength} bytes`);
  return fromBinary(ServerFrameSchema, new Uint8Array(data)).messages;
}

/** A frame with one message. */
export function encode(requestId: string, message: Request): Uint8Array<ArrayBuffer> {
  const messages = [create(ClientMessageSchema, { requestId, message: message ?? { case: undefined } })];
  return toBinary(ClientFrameSchema, create(ClientFrameSchema, { messages }));
}
