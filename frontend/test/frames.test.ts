import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { decode, encode, FRAME_BYTES_MAX } from "../src/frames";
import { ClientFrameSchema, Side } from "../src/gen/proto/exchange_pb";
import { bid, cancelled, created, frame, orders, position } from "./messages";

function join(...parts: ArrayBuffer[]): ArrayBuffer {
  const bytes = parts.flatMap((part) => [...new Uint8Array(part)]);
  return Uint8Array.from(bytes).buffer;
}

test("joined frames read as one longer frame", () => {
  const joined = join(frame(position("market.7", 1n, 2n), cancelled(3n)), frame(created(bid(4n, 4_800n, 100n), "r1")));
  assert.deepEqual(
    decode(joined).map((message) => [message.requestId, message.message.case]),
    [
      ["", "streamPosition"],
      ["", "ordersCancelled"],
      ["r1", "orderCreated"],
    ],
  );
});

test("64-bit integers arrive exactly", () => {
  const huge = 9_007_199_254_740_993n; // 2^53 + 1: a double cannot hold it
  const [message] = decode(frame(orders(bid(huge, -huge, huge))));
  assert.equal(message?.message.case, "orders");
  const [order] = message?.message.case === "orders" ? message.message.value.orders : [];
  assert.equal(order?.id, huge);
  assert.equal(order?.price, -huge);
});

test("an empty frame has no messages; garbage and oversized frames throw", () => {
  assert.deepEqual(decode(new ArrayBuffer(0)), []);
  assert.throws(() => decode(Uint8Array.from([0x0a, 0xff, 0xff]).buffer));
  assert.throws(() => decode(new ArrayBuffer(FRAME_BYTES_MAX + 1)), RangeError);
});

test("a request is a frame with one message and exact integers", () => {
  const value = { marketId: 7n, side: Side.OFFER, price: 9_007_199_254_740_993n, size: 1n, clientOrderId: "k" };
  const { messages } = fromBinary(ClientFrameSchema, encode("r1", { case: "createOrder", value }));
  assert.equal(messages.length, 1);
  assert.equal(messages[0]?.requestId, "r1");
  assert.equal(messages[0]?.message.case, "createOrder");
  assert.equal(messages[0]?.message.case === "createOrder" && messages[0].message.value.price, 9_007_199_254_740_993n);
});
