import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import type { Light, Socket } from "../src/connection";
import { Desk } from "../src/desk";
import {
  ClientFrameSchema,
  Reason,
  Side,
  type Authenticate,
  type ClientMessage,
  type ServerMessage,
} from "../src/gen/proto/exchange_pb";
import type { Page } from "../src/page";
import { at, begin, cancelled, end, frame, say } from "./say";

const page: Page = {
  name: "market",
  account: 5n,
  accountName: "Alice",
  available: 0n,
  chip: "chips",
  markets: [7n, 8n],
  market: null,
  stake: null,
  words: { status: {}, closedTicket: {}, transferKind: {} },
};

/** A desk whose sockets are in our hands. */
function newDesk(): { desk: Desk; lights: string[]; sent: ClientMessage[]; hear(...messages: ServerMessage[]): void; reconnect(): void } {
  const sent: ClientMessage[] = [];
  let socket: Socket | null = null;
  const world = {
    openSocket: () => {
      const send = (data: Uint8Array): void => void sent.push(...fromBinary(ClientFrameSchema, data).messages);
      socket = { binaryType: "blob", onopen: null, onmessage: null, onclose: null, send, close: () => undefined };
      return socket;
    },
    nowMs: () => 0,
    random: () => 0,
    later: () => 0,
    cancel: () => undefined,
  };
  const lights: string[] = [];
  const light = ({ kind }: Light): void => void lights.push(kind);
  const desk = new Desk(page, world, { light, changed: () => undefined, happened: () => undefined });
  const open = (): void => {
    desk.connection.connect();
    socket?.onopen?.({} as Event);
  };
  open();
  return {
    desk,
    lights,
    sent,
    hear: (...messages) => socket?.onmessage?.({ data: frame(...messages) } as MessageEvent<ArrayBuffer>),
    reconnect: () => {
      socket?.onclose?.({ code: 1006 } as CloseEvent);
      open();
    },
  };
}

function hello(sent: readonly ClientMessage[]): Authenticate {
  const last = sent.filter((message) => message.message.case === "authenticate").at(-1)?.message;
  assert.equal(last?.case, "authenticate");
  return last.value;
}

const ready = say({ case: "actingAs", value: { accountId: 5n } }, "authenticate");
const upToDate = say({ case: "upToDate", value: { seq: 20n, epoch: 3n } });
const snapshots = [begin("account.5"), end("account.5", 10n), begin("market.7"), end("market.7", 12n), ready];

test("the first time it asks for everything, as the page's account", () => {
  const { sent } = newDesk();
  const asked = hello(sent);
  assert.deepEqual([asked.actAs, asked.framesPerSecond, asked.epoch, asked.fromSeq, asked.token], [5n, 60, 0n, 0n, ""]);
  assert.deepEqual(
    asked.subscriptions.map((wish) => [wish.stream.value, wish.fromSeq]),
    [
      [7n, 0n],
      [8n, 0n],
    ],
  );
});

test("after a lost socket it resumes where every stream stands", () => {
  const { sent, hear, reconnect } = newDesk();
  hear(...snapshots, upToDate, at("market.7", 12n, 25n));
  reconnect();
  const asked = hello(sent);
  assert.deepEqual([asked.epoch, asked.fromSeq], [3n, 20n]);
  assert.deepEqual(
    asked.subscriptions.map((wish) => wish.fromSeq),
    [25n, 0n],
  );
});

test("with a gap open it asks for everything", () => {
  const { desk, sent, hear, reconnect } = newDesk();
  hear(...snapshots, upToDate, at("account.5", 30n, 31n), cancelled(1n));
  assert.equal(desk.state.gaps.size, 1);
  reconnect();
  assert.deepEqual([hello(sent).epoch, hello(sent).fromSeq], [0n, 0n]);
});

test("an order whose answer was lost is sent again with the same key", async () => {
  const { desk, sent, hear, reconnect } = newDesk();
  hear(...snapshots);
  const answer = desk.place({ marketId: 7n, side: Side.BID, price: 4_800n, size: 100n });
  reconnect();
  hear(ready);
  const orders = sent.map((message) => message.message).filter((message) => message.case === "createOrder");
  assert.equal(orders.length, 2);
  assert.deepEqual(orders[0]?.value, orders[1]?.value);
  assert.match(orders[0]?.value.clientOrderId ?? "", /^[0-9a-f]{32}$/);
  hear(say({ case: "orderCreated", value: {} }, sent.at(-1)?.requestId ?? ""));
  assert.equal((await answer).kind, "answer");
});

const unsubscribed = say({ case: "unsubscribed", value: { streams: ["account.5"] } });
const putBack = say({ case: "actingAs", value: { accountId: 2n } });

test("an account that was taken away ends the connection: nothing more is asked for it", () => {
  const { desk, lights, sent, hear } = newDesk();
  hear(...snapshots);
  assert.equal(lights.at(-1), "live");
  hear(unsubscribed, putBack);
  assert.equal(lights.at(-1), "account lost");
  assert.equal(desk.account, undefined);
  const count = sent.length;
  void desk.place({ marketId: 7n, side: Side.BID, price: 4_800n, size: 100n });
  assert.equal(sent.length, count);
  assert.equal(desk.connection.live, false);
});

test("another account that was taken away is only forgotten", () => {
  const { desk, lights, hear } = newDesk();
  hear(...snapshots, begin("account.6"), end("account.6", 10n));
  hear(say({ case: "unsubscribed", value: { streams: ["account.6"] } }));
  assert.deepEqual([desk.state.slices.has("account.6"), lights.at(-1)], [false, "live"]);
});

test("an account that was taken away meanwhile is noticed when coming back", () => {
  const { lights, hear, reconnect } = newDesk();
  hear(...snapshots);
  reconnect();
  hear(say({ case: "refused", value: { code: Reason.ACCOUNT_NOT_FOUND } }, "authenticate"));
  assert.equal(lights.at(-1), "account lost");
});

test("names come from the public stream", () => {
  const { desk, hear } = newDesk();
  assert.deepEqual([desk.accountName(5n), desk.marketName(7n)], ["account 5", "market 7"]);
  const accounts = say({ case: "accounts", value: { accounts: [{ id: 5n, name: "Alice" }] } });
  hear(
    begin("public"),
    accounts,
    say({ case: "markets", value: { markets: [{ id: 7n, name: "Rain" }] } }),
    end("public", 1n),
  );
  assert.deepEqual([desk.accountName(5n), desk.marketName(7n)], ["Alice", "Rain"]);
});
