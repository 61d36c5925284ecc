// Builds messages as the server sends them.

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type Order,
  OrderSchema,
  ServerFrameSchema,
  type ServerMessage,
  ServerMessageSchema,
  Side,
  type Trade,
  TradeSchema,
} from "../src/gen/proto/exchange_pb";

export function serverMessage(
  message: MessageInitShape<typeof ServerMessageSchema>["message"],
  requestId = "",
): ServerMessage {
  return create(ServerMessageSchema, { requestId, message: message ?? { case: undefined } });
}

export const position = (stream: string, prevSeq: bigint, seq: bigint): ServerMessage =>
  serverMessage({ case: "streamPosition", value: { stream, prevSeq, seq } });
export const begin = (stream: string): ServerMessage => serverMessage({ case: "snapshotBegin", value: { stream } });
export const end = (stream: string, seq: bigint): ServerMessage =>
  serverMessage({ case: "snapshotEnd", value: { stream, seq } });

export const bid = (id: bigint, price: bigint, open: bigint, accountId = 9n): Order =>
  order(id, Side.BID, price, open, accountId);
export const offer = (id: bigint, price: bigint, open: bigint, accountId = 9n): Order =>
  order(id, Side.OFFER, price, open, accountId);

function order(id: bigint, side: Side, price: bigint, open: bigint, accountId: bigint): Order {
  return create(OrderSchema, { id, marketId: 7n, accountId, side, price, size: open, open });
}

export const orders = (...resting: Order[]): ServerMessage =>
  serverMessage({ case: "orders", value: { orders: resting } });
export const created = (resting: Order, requestId = ""): ServerMessage =>
  serverMessage({ case: "orderCreated", value: { order: resting } }, requestId);
export const cancelled = (orderId: bigint, open = 0n): ServerMessage =>
  serverMessage({ case: "ordersCancelled", value: { orders: [{ orderId, marketId: 7n, open }] } });
export const trade = (id: bigint, makerOrderId: bigint, makerOpen: bigint, price = 5_000n): Trade =>
  create(TradeSchema, { id, marketId: 7n, price, size: 100n, makerOrderId, makerOpen, takerSide: Side.BID });
export const trades = (...done: Trade[]): ServerMessage => serverMessage({ case: "trades", value: { trades: done } });

export function frame(...messages: ServerMessage[]): ArrayBuffer {
  return toBinary(ServerFrameSchema, create(ServerFrameSchema, { messages })).slice().buffer;
}
