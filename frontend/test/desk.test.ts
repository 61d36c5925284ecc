import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import type { ConnectionState, Socket } from "../src/connection";
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
import { begin, cancelled, end, frame, position, serverMessage, trade } from "./messages";

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
  exposure: null,
  listing: { find: "", page: 1 },
  words: { status: {}, closedTicket: {}, transferKind: {} },
};

/** A desk with a socket that the test controls. */
function newDesk(more: Partial<Page> = {}): {
  desk: Desk;
  states: string[];
  sent: ClientMessage[];
  receive(...messages: ServerMessage[]): void;
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
  const states: string[] = [];
  const onConnection = ({ kind }: ConnectionState): void => void states.push(kind);
  const desk = new Desk({ ...page, ...more }, world, {
    onConnection,
    onChange: () => undefined,
    onNotices: () => undefined,
  });
  const open = (): void => {
    desk.connection.connect();
    socket?.onopen?.({} as Event);
  };
  open();
  return {
    desk,
    states,
    sent,
    receive: (...messages) => socket?.onmessage?.({ data: frame(...messages) } as MessageEvent<ArrayBuffer>),
    reconnect: () => {
      socket?.onclose?.({ code: 1006 } as CloseEvent);
      open();
    },
  };
}

function lastAuthenticate(sent: readonly ClientMessage[]): Authenticate {
  const last = sent.filter((message) => message.message.case === "authenticate").at(-1)?.message;
  assert.equal(last?.case, "authenticate");
  return last.value;
}

const KEY = "f".repeat(32);
const ready = serverMessage({ case: "actingAs", value: { accountId: 5n } }, "authenticate");
const upToDate = serverMessage({ case: "upToDate", value: { seq: 20n, epoch: 3n } });
const snapshots = [begin("account.5"), end("account.5", 10n), begin("market.7"), end("market.7", 12n), ready];

test("the first connection asks for everything, as the page's account", () => {
  const { sent } = newDesk();
  const request = lastAuthenticate(sent);
  assert.deepEqual(
    [request.actAs, request.framesPerSecond, request.epoch, request.fromSeq, request.token],
    [5n, 60, 0n, 0n, ""],
  );
  assert.deepEqual(
    request.subscriptions.map((subscription) => [subscription.stream.value, subscription.fromSeq]),
    [
      [7n, 0n],
      [8n, 0n],
    ],
  );
});

test("after a lost socket it resumes from the position of every stream", () => {
  const { sent, receive, reconnect } = newDesk();
  receive(...snapshots, upToDate, position("market.7", 12n, 25n));
  reconnect();
  const request = lastAuthenticate(sent);
  assert.deepEqual([request.epoch, request.fromSeq], [3n, 20n]);
  assert.deepEqual(
    request.subscriptions.map((subscription) => subscription.fromSeq),
    [25n, 0n],
  );
});

test("with an open gap it asks for everything", () => {
  const { desk, sent, receive, reconnect } = newDesk();
  receive(...snapshots, upToDate, position("account.5", 30n, 31n), cancelled(1n));
  assert.equal(desk.state.gaps.size, 1);
  reconnect();
  assert.deepEqual([lastAuthenticate(sent).epoch, lastAuthenticate(sent).fromSeq], [0n, 0n]);
});

test("an order without an answer is sent again with the same key", async () => {
  const { desk, sent, receive, reconnect } = newDesk();
  receive(...snapshots);
  const answer = desk.place({ marketId: 7n, side: Side.BID, price: 4_800n, size: 100n }, KEY);
  reconnect();
  receive(ready);
  const orders = sent.map((message) => message.message).filter((message) => message.case === "createOrder");
  assert.equal(orders.length, 2);
  assert.deepEqual(orders[0]?.value, orders[1]?.value);
  assert.equal(orders[0]?.value.clientOrderId, KEY);
  receive(serverMessage({ case: "orderCreated", value: {} }, sent.at(-1)?.requestId ?? ""));
  assert.equal((await answer).kind, "answer");
});

const unsubscribed = serverMessage({ case: "unsubscribed", value: { streams: ["account.5"] } });
const putBack = serverMessage({ case: "actingAs", value: { accountId: 2n } });

test("losing the acting account ends the connection, and nothing more is sent for it", () => {
  const { desk, states, sent, receive } = newDesk();
  receive(...snapshots);
  assert.equal(states.at(-1), "live");
  receive(unsubscribed, putBack);
  assert.equal(states.at(-1), "account lost");
  assert.equal(desk.account, undefined);
  const count = sent.length;
  void desk.place({ marketId: 7n, side: Side.BID, price: 4_800n, size: 100n }, KEY);
  assert.equal(sent.length, count);
  assert.equal(desk.connection.live, false);
});

test("what the page shows is stale from the loss of the connection until the next snapshots", () => {
  const { desk, receive, reconnect } = newDesk();
  assert.equal(desk.stale, false); // the server has just rendered it
  assert.deepEqual([desk.formsPost, desk.lockReason], [true, ""]);
  receive(...snapshots);
  assert.equal(desk.stale, false);
  assert.deepEqual([desk.formsPost, desk.lockReason], [false, ""]);
  reconnect();
  assert.equal(desk.stale, true);
  assert.match(desk.lockReason, /^The connection is coming back\./);
  receive(ready);
  assert.equal(desk.stale, false);
  assert.equal(desk.lockReason, "");
});

test("losing another account only forgets it", () => {
  const { desk, states, receive } = newDesk();
  receive(...snapshots, begin("account.6"), end("account.6", 10n));
  receive(serverMessage({ case: "unsubscribed", value: { streams: ["account.6"] } }));
  assert.deepEqual([desk.state.slices.has("account.6"), states.at(-1)], [false, "live"]);
});

test("losing the acting account while disconnected is noticed on reconnecting", () => {
  const { states, receive, reconnect } = newDesk();
  receive(...snapshots);
  reconnect();
  receive(serverMessage({ case: "refused", value: { code: Reason.ACCOUNT_NOT_FOUND } }, "authenticate"));
  assert.equal(states.at(-1), "account lost");
});

test("names come from the public stream", () => {
  const { desk, receive } = newDesk();
  assert.deepEqual([desk.accountName(5n), desk.marketName(7n)], ["account 5", "market 7"]);
  const accounts = serverMessage({ case: "accounts", value: { accounts: [{ id: 5n, name: "Alice" }] } });
  receive(
    begin("public"),
    accounts,
    serverMessage({ case: "markets", value: { markets: [{ id: 7n, name: "Rain" }] } }),
    end("public", 1n),
  );
  assert.deepEqual([desk.accountName(5n), desk.marketName(7n)], ["Alice", "Rain"]);
});

const kinds = (sent: readonly ClientMessage[]): (string | undefined)[] => sent.map((message) => message.message.case);
const own = serverMessage({ case: "authenticated", value: { accountId: 3n, epoch: 3n } }, "authenticate");
const readyAsOwn = serverMessage({ case: "actingAs", value: { accountId: 3n } }, "authenticate");
const actsAsGuest = serverMessage({ case: "actingAs", value: { accountId: 5n } }, "act as");
const unseen = serverMessage({ case: "unsubscribed", value: { streams: ["market.8"] } });

test("in sudo it sets sudo, then subscribes to markets that need it, then acts as the page's account", async () => {
  const { desk, sent, receive, reconnect } = newDesk({ sudo: true });
  assert.deepEqual([lastAuthenticate(sent).actAs, lastAuthenticate(sent).subscriptions.length], [0n, 2]);
  receive(own, begin("market.7"), end("market.7", 12n), unseen, readyAsOwn);
  assert.deepEqual(kinds(sent), ["authenticate", "setSudo", "subscribe", "actAs"]);
  assert.deepEqual(
    sent.slice(2).map(({ message }) => {
      if (message.case === "subscribe")
        return message.value.subscriptions.map((subscription) => subscription.stream.value);
      return message.case === "actAs" ? message.value.accountId : null;
    }),
    [[8n], 5n],
  );
  assert.equal((await desk.out(7n, Side.BID, KEY)).kind, "unsent"); // the socket still acts as another account
  receive(
    serverMessage({ case: "sudoSet", value: { on: true } }, "sudo"),
    begin("market.8"),
    end("market.8", 13n),
    actsAsGuest,
  );
  void desk.out(7n, Side.BID, KEY);
  assert.equal(kinds(sent).at(-1), "out");

  reconnect();
  const request = lastAuthenticate(sent);
  assert.deepEqual([request.actAs, request.epoch, request.subscriptions.length], [0n, 0n, 2]);
  receive(own, unseen, readyAsOwn);
  assert.deepEqual(kinds(sent).slice(-3), ["setSudo", "subscribe", "actAs"]);
  receive(actsAsGuest);
  assert.equal(kinds(sent).at(-1), "out"); // sent again once the socket acts as the page's account
});

test("refused sudo keeps what is visible without it", () => {
  const { desk, receive } = newDesk({ sudo: true });
  receive(own, begin("market.7"), end("market.7", 12n), unseen, readyAsOwn);
  receive(serverMessage({ case: "refused", value: {} }, "sudo"));
  assert.deepEqual([desk.state.switching, desk.state.sudo, desk.market(7n)?.stream], [false, false, "market.7"]);
});

test("without sudo a market that is no longer visible is not subscribed to again", () => {
  const { sent, receive, reconnect } = newDesk();
  receive(...snapshots, upToDate, serverMessage({ case: "unsubscribed", value: { streams: ["market.7"] } }));
  reconnect();
  assert.deepEqual(
    lastAuthenticate(sent).subscriptions.map((subscription) => subscription.stream.value),
    [8n],
  );
  assert.equal(kinds(sent).includes("setSudo"), false);
});

test("nothing is sent while the socket acts as another account", async () => {
  const { desk, sent, receive } = newDesk();
  receive(...snapshots, serverMessage({ case: "actingAs", value: { accountId: 3n } }));
  assert.equal((await desk.cancel(1n, KEY)).kind, "unsent");
  assert.deepEqual(kinds(sent), ["authenticate"]);
});

const defined = (...ids: bigint[]): ServerMessage =>
  serverMessage({ case: "markets", value: { markets: ids.map((id) => ({ id, name: `Market ${id}` })) } });

const listed = (desk: Desk): bigint[] | null => desk.markets && [...desk.markets.keys()];

test("markets join and leave the list: created, withdrawn, no longer visible", () => {
  const { desk, receive } = newDesk({ markets: [], summaries: true });
  receive(begin("public"), defined(7n), end("public", 10n));
  assert.equal(listed(desk), null); // more snapshots may follow
  receive(begin("market.8.summary"), defined(8n), end("market.8.summary", 10n), ready);
  assert.deepEqual(listed(desk), [7n, 8n]);
  receive(position("public", 10n, 11n), serverMessage({ case: "marketCreated", value: { market: { id: 9n } } }));
  assert.deepEqual(listed(desk), [7n, 9n, 8n]);
  receive(serverMessage({ case: "unsubscribed", value: { streams: ["market.8.summary"] } }));
  receive(position("public", 11n, 12n), serverMessage({ case: "marketWithdrawn", value: { marketId: 7n } }));
  assert.deepEqual([listed(desk), desk.summary(8n)], [[9n], undefined]);
});

test("in sudo the list waits for the markets that only sudo shows", () => {
  const { desk, receive } = newDesk({ markets: [], summaries: true, sudo: true });
  receive(own, begin("public"), defined(7n), end("public", 10n), readyAsOwn);
  assert.equal(listed(desk), null);
  receive(begin("market.8.summary"), defined(8n), end("market.8.summary", 10n));
  receive(serverMessage({ case: "sudoSet", value: { on: true } }, "sudo"));
  assert.deepEqual(listed(desk), [7n, 8n]);
});

test("own trades are known from fills, even where the market hides ids, and after a snapshot", () => {
  const bounds = { minSettlement: 0n, maxSettlement: 100n, tickSize: 1n, smallestSize: 1n };
  const { desk, receive } = newDesk({ market: { id: 7n, status: 1, depth: 12, unlisted: "", ...bounds } });
  const fills = (accountId: bigint, marketId: bigint, tradeId: bigint): ServerMessage =>
    serverMessage({ case: "fills", value: { accountId, fills: [{ marketId, tradeId }] } });
  receive(...snapshots, begin("account.6"), end("account.6", 10n));
  receive(
    position("account.5", 10n, 11n),
    fills(5n, 7n, 1n),
    fills(5n, 8n, 2n),
    position("account.6", 10n, 11n),
    fills(6n, 7n, 3n),
  );
  const ownTrades = (): boolean[] => [1n, 2n, 3n].map((id) => desk.isOwn(trade(id, 99n, 0n)));
  assert.deepEqual(ownTrades(), [true, false, false]);
  receive(begin("account.5"), end("account.5", 12n));
  assert.deepEqual(ownTrades(), [true, false, false]);
  assert.equal(desk.isOwn({ ...trade(4n, 99n, 0n), sellerId: 5n }), true); // from before the connection
});

test("a page with summaries gets one of every market, again on each connection", () => {
  const { desk, sent, receive, reconnect } = newDesk({ markets: [], summaries: true });
  const line = serverMessage({ case: "marketSummary", value: { marketId: 7n, bid: 4_000n } });
  receive(begin("market.7.summary"), line, end("market.7.summary", 10n), ready, upToDate);
  assert.equal(desk.summary(7n)?.bid, 4_000n);
  reconnect();
  assert.deepEqual(
    lastAuthenticate(sent).subscriptions.map((subscription) => [subscription.stream.case, subscription.fromSeq]),
    [["marketSummary", 0n]],
  );
});
