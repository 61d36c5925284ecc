import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import type { Light, Socket } from "../src/connection";
import { Desk } from "../src/desk";
import {
  type Authenticate,
  ClientFrameSchema,
  type ClientMessage,
  Reason,
  type ServerMessage,
  Side,
} from "../src/gen/proto/exchange_pb";
import type { Page } from "../src/page";
import { at, begin, cancelled, end, frame, say, trade } from "./say";

const page: Page = {
  name: "market",
  account: 5n,
  accountName: "Alice",
  available: 0n,
  chip: "chips",
  markets: [7n, 8n],
  summaries: false,
  sudo: false,
  market: null,
  stake: null,
  words: { status: {}, closedTicket: {}, transferKind: {} },
};

/** A desk whose sockets are in our hands. */
function newDesk(more: Partial<Page> = {}): {
  desk: Desk;
  lights: string[];
  sent: ClientMessage[];
  hear(...messages: ServerMessage[]): void;
  reconnect(): void;
} {
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
    later: () => () => undefined,
  };
  const lights: string[] = [];
  const light = ({ kind }: Light): void => void lights.push(kind);
  const desk = new Desk({ ...page, ...more }, world, { light, changed: () => undefined, happened: () => undefined });
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

const kinds = (sent: readonly ClientMessage[]): (string | undefined)[] => sent.map((message) => message.message.case);
const own = say({ case: "authenticated", value: { accountId: 3n, epoch: 3n } }, "authenticate");
const readyAsOwn = say({ case: "actingAs", value: { accountId: 3n } }, "authenticate");
const actsAsGuest = say({ case: "actingAs", value: { accountId: 5n } }, "act as");
const unseen = say({ case: "unsubscribed", value: { streams: ["market.8"] } });

test("in sudo it asks for sudo, then for the markets that are not seen without, then acts as the page's account", async () => {
  const { desk, sent, hear, reconnect } = newDesk({ sudo: true });
  assert.deepEqual([hello(sent).actAs, hello(sent).subscriptions.length], [0n, 2]);
  hear(own, begin("market.7"), end("market.7", 12n), unseen, readyAsOwn);
  assert.deepEqual(kinds(sent), ["authenticate", "setSudo", "subscribe", "actAs"]);
  assert.deepEqual(
    sent.slice(2).map(({ message }) => {
      if (message.case === "subscribe") return message.value.subscriptions.map((wish) => wish.stream.value);
      return message.case === "actAs" ? message.value.accountId : null;
    }),
    [[8n], 5n],
  );
  assert.equal((await desk.out(7n, Side.BID)).kind, "unsent"); // it would be another account's
  hear(say({ case: "sudoSet", value: { on: true } }, "sudo"), begin("market.8"), end("market.8", 13n), actsAsGuest);
  void desk.out(7n, Side.BID);
  assert.equal(kinds(sent).at(-1), "out");

  reconnect();
  const asked = hello(sent);
  assert.deepEqual([asked.actAs, asked.epoch, asked.subscriptions.length], [0n, 0n, 2]);
  hear(own, unseen, readyAsOwn);
  assert.deepEqual(kinds(sent).slice(-3), ["setSudo", "subscribe", "actAs"]);
  hear(actsAsGuest);
  assert.equal(kinds(sent).at(-1), "out"); // again, once it is the page's account's
});

test("sudo that is refused leaves what is seen without", () => {
  const { desk, hear } = newDesk({ sudo: true });
  hear(own, begin("market.7"), end("market.7", 12n), unseen, readyAsOwn);
  hear(say({ case: "refused", value: {} }, "sudo"));
  assert.deepEqual([desk.state.switching, desk.state.sudo, desk.market(7n)?.stream], [false, false, "market.7"]);
});

test("without sudo a market that may not be seen any more is not asked for again", () => {
  const { sent, hear, reconnect } = newDesk();
  hear(...snapshots, upToDate, say({ case: "unsubscribed", value: { streams: ["market.7"] } }));
  reconnect();
  assert.deepEqual(
    hello(sent).subscriptions.map((wish) => wish.stream.value),
    [8n],
  );
  assert.equal(kinds(sent).includes("setSudo"), false);
});

test("nothing is sent in the name of an account that is not the page's any more", async () => {
  const { desk, sent, hear } = newDesk();
  hear(...snapshots, say({ case: "actingAs", value: { accountId: 3n } }));
  assert.equal((await desk.cancel(1n)).kind, "unsent");
  assert.deepEqual(kinds(sent), ["authenticate"]);
});

const defined = (...ids: bigint[]): ServerMessage =>
  say({ case: "markets", value: { markets: ids.map((id) => ({ id, name: `Market ${id}` })) } });

const listed = (desk: Desk): bigint[] | null => desk.markets && [...desk.markets.keys()];

test("the list's markets come and go: made, withdrawn, lost", () => {
  const { desk, hear } = newDesk({ markets: [], summaries: true });
  hear(begin("public"), defined(7n), end("public", 10n));
  assert.equal(listed(desk), null); // more may follow
  hear(begin("market.8.summary"), defined(8n), end("market.8.summary", 10n), ready);
  assert.deepEqual(listed(desk), [7n, 8n]);
  hear(at("public", 10n, 11n), say({ case: "marketCreated", value: { market: { id: 9n } } }));
  assert.deepEqual(listed(desk), [7n, 9n, 8n]);
  hear(say({ case: "unsubscribed", value: { streams: ["market.8.summary"] } }));
  hear(at("public", 11n, 12n), say({ case: "marketWithdrawn", value: { marketId: 7n } }));
  assert.deepEqual([listed(desk), desk.summary(8n)], [[9n], undefined]);
});

test("in sudo the list waits for what only sudo shows", () => {
  const { desk, hear } = newDesk({ markets: [], summaries: true, sudo: true });
  hear(own, begin("public"), defined(7n), end("public", 10n), readyAsOwn);
  assert.equal(listed(desk), null);
  hear(begin("market.8.summary"), defined(8n), end("market.8.summary", 10n));
  hear(say({ case: "sudoSet", value: { on: true } }, "sudo"));
  assert.deepEqual(listed(desk), [7n, 8n]);
});

test("own trades are known from fills, also where the market hides whose they are, and after a snapshot", () => {
  const bounds = { minSettlement: 0n, maxSettlement: 100n, tickSize: 1n, smallestSize: 1n };
  const { desk, hear } = newDesk({ market: { id: 7n, status: 1, depth: 12, ...bounds } });
  const fills = (accountId: bigint, marketId: bigint, tradeId: bigint): ServerMessage =>
    say({ case: "fills", value: { accountId, fills: [{ marketId, tradeId }] } });
  hear(...snapshots, begin("account.6"), end("account.6", 10n));
  hear(at("account.5", 10n, 11n), fills(5n, 7n, 1n), fills(5n, 8n, 2n), at("account.6", 10n, 11n), fills(6n, 7n, 3n));
  const ownTrades = (): boolean[] => [1n, 2n, 3n].map((id) => desk.isOwn(trade(id, 99n, 0n)));
  assert.deepEqual(ownTrades(), [true, false, false]);
  hear(begin("account.5"), end("account.5", 12n));
  assert.deepEqual(ownTrades(), [true, false, false]);
  assert.equal(desk.isOwn({ ...trade(4n, 99n, 0n), sellerId: 5n }), true); // told before we listened
});

test("a page that wants summaries gets a line of every market, anew with each connection", () => {
  const { desk, sent, hear, reconnect } = newDesk({ markets: [], summaries: true });
  const line = say({ case: "marketSummary", value: { marketId: 7n, bid: 4_000n } });
  hear(begin("market.7.summary"), line, end("market.7.summary", 10n), ready, upToDate);
  assert.equal(desk.summary(7n)?.bid, 4_000n);
  reconnect();
  assert.deepEqual(
    hello(sent).subscriptions.map((wish) => [wish.stream.case, wish.fromSeq]),
    [["marketSummary", 0n]],
  );
});
