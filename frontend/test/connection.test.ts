import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { waitMs } from "../src/backoff";
import {
  Connection,
  type ConnectionState,
  GAP_MS_MAX,
  SILENCE_MS_MAX,
  type Socket,
  STALE_MS,
  STEADY_MS,
} from "../src/connection";
import { ClientFrameSchema, type ClientMessage, Reason, type ServerMessage } from "../src/gen/proto/exchange_pb";
import { ANSWER_MS_MAX, newKey, RESEND_MS_MAX, Requests } from "../src/requests";
import { frame, serverMessage } from "./messages";

class FakeSocket implements Socket {
  binaryType: BinaryType = "blob";
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  readonly sent: ClientMessage[] = [];
  closed = false;

  send(data: Uint8Array): void {
    this.sent.push(...fromBinary(ClientFrameSchema, data).messages);
  }

  close(): void {
    this.closed = true;
  }

  open(): void {
    this.onopen?.({} as Event);
  }

  receive(...messages: ServerMessage[]): void {
    this.onmessage?.({ data: frame(...messages) } as MessageEvent<ArrayBuffer>);
  }

  garbage(): void {
    this.onmessage?.({ data: Uint8Array.from([0x0a, 0xff]).buffer } as MessageEvent<ArrayBuffer>);
  }

  revoke(code: number): void {
    this.onclose?.({ code } as CloseEvent);
  }
}

/** A world whose clock the test moves; random() is always 0.5. */
class FakeWorld {
  readonly sockets: FakeSocket[] = [];
  readonly states: ConnectionState[] = [];
  readonly frames: ServerMessage[][] = [];
  now = 1_000_000;
  private timers: { at: number; run: () => void }[] = [];
  readonly connection = new Connection(
    {
      openSocket: () => {
        const socket = new FakeSocket();
        this.sockets.push(socket);
        return socket;
      },
      nowMs: () => this.now,
      random: () => 0.5,
      later: (run, ms) => {
        const timer = { at: this.now + ms, run };
        this.timers.push(timer);
        return () => {
          this.timers = this.timers.filter((other) => other !== timer);
        };
      },
    },
    {
      authenticate: () => ({ case: "authenticate", value: { actAs: 5n } }),
      onFrame: (messages) => this.frames.push([...messages]),
      onState: (state) => this.states.push(state),
    },
  );

  pass(ms: number): void {
    const until = this.now + ms;
    while (true) {
      const next = this.timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    this.now = until;
  }

  get socket(): FakeSocket {
    const last = this.sockets.at(-1);
    assert.ok(last);
    return last;
  }

  get state(): ConnectionState | undefined {
    return this.states.at(-1);
  }

  goLive(): void {
    this.connection.connect();
    this.socket.open();
    this.socket.receive(ready);
  }
}

const ready = serverMessage({ case: "actingAs", value: { accountId: 5n } }, "authenticate");
const upToDate = serverMessage({ case: "upToDate", value: { seq: 1n, epoch: 1n } });

test("authenticates first, and is live once it receives ActingAs", () => {
  const world = new FakeWorld();
  world.connection.connect();
  world.socket.open();
  assert.equal(world.socket.binaryType, "arraybuffer");
  assert.deepEqual(
    world.socket.sent.map((message) => message.message.case),
    ["authenticate"],
  );
  assert.equal(world.connection.send("r1", { case: "out", value: {} }), false);
  world.socket.receive(serverMessage({ case: "authenticated", value: { epoch: 1n } }, "authenticate"));
  assert.equal(world.connection.live, false);
  world.socket.receive(ready);
  assert.equal(world.connection.send("r1", { case: "out", value: {} }), true);
  assert.deepEqual(
    world.states.map((state) => state.kind),
    ["resyncing", "live"],
  );
  assert.equal(world.frames.length, 2);
});

test("a lost socket is opened again after the announced wait", () => {
  const world = new FakeWorld();
  world.goLive();
  world.socket.revoke(1006);
  assert.deepEqual(world.state, { kind: "offline", retryAtMs: world.now + 375 });
  world.pass(374);
  assert.equal(world.sockets.length, 1);
  world.pass(1);
  assert.equal(world.sockets.length, 2);
  assert.deepEqual(world.state, { kind: "resyncing" });
});

test("waits longer after each failure, up to a limit, and resets once a connection lasted", () => {
  const world = new FakeWorld();
  world.connection.connect();
  const waits: number[] = [];
  for (let count = 0; count < 9; count += 1) {
    world.socket.revoke(1006);
    const { state } = world;
    assert.equal(state?.kind, "offline");
    waits.push(state.retryAtMs - world.now);
    world.pass(state.retryAtMs - world.now);
  }
  assert.deepEqual(waits, [375, 750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500, 22_500]);
  world.socket.open();
  world.socket.receive(ready);
  world.pass(STEADY_MS);
  world.socket.receive(upToDate);
  world.socket.revoke(1006);
  assert.deepEqual(world.state, { kind: "offline", retryAtMs: world.now + 375 });
});

test("a server that accepts and drops at once is not flooded with retries", () => {
  const world = new FakeWorld();
  world.goLive();
  world.socket.revoke(4008);
  world.pass(375);
  world.socket.open();
  world.socket.receive(ready);
  world.socket.revoke(4008);
  assert.deepEqual(world.state, { kind: "offline", retryAtMs: world.now + 750 });
});

test("after a restart browsers reconnect spread over five seconds", () => {
  const waits = [0, 0.25, 0.999].map((chance) => waitMs(1012, 0, () => chance));
  assert.deepEqual(waits, [0, 1_250, 4_995]);
  assert.equal(
    waitMs(1006, 20, () => 1),
    30_000,
  );
});

test("silence counts as a lost connection", () => {
  const world = new FakeWorld();
  world.goLive();
  world.pass(SILENCE_MS_MAX);
  world.socket.receive(upToDate);
  world.pass(SILENCE_MS_MAX);
  assert.equal(world.socket.closed, false);
  world.pass(2_000);
  assert.equal(world.sockets[0]?.closed, true);
  assert.equal(world.connection.live, false);
});

test("ten seconds without UpToDate show, whatever else comes, and the next one ends it", () => {
  const world = new FakeWorld();
  world.goLive();
  world.pass(STALE_MS - 1);
  assert.deepEqual(world.state, { kind: "live" });
  world.socket.receive(upToDate);
  world.pass(STALE_MS - 1);
  world.socket.receive(serverMessage({ case: "trades", value: {} }));
  assert.deepEqual(world.state, { kind: "live" });
  world.pass(1);
  assert.deepEqual(world.state, { kind: "not answering" });
  assert.equal(world.connection.live, true); // a request may still be sent: the exchange says BUSY
  world.socket.receive(upToDate);
  assert.deepEqual(world.state, { kind: "live" });
  world.pass(STALE_MS);
  assert.deepEqual(world.state, { kind: "not answering" });
});

test("a gap does not hide that the exchange does not answer, nor does its end", () => {
  const world = new FakeWorld();
  world.goLive();
  world.pass(STALE_MS);
  world.connection.setGap("market.7");
  assert.deepEqual(world.state, { kind: "not answering" });
  world.socket.receive(upToDate);
  assert.deepEqual(world.state, { kind: "resyncing" });
  world.connection.setGap(null);
  assert.deepEqual(world.state, { kind: "live" });
});

test("the wait for UpToDate ends with its socket and begins again with the next", () => {
  const world = new FakeWorld();
  world.goLive();
  world.pass(STALE_MS - 500);
  world.socket.revoke(1006);
  world.pass(400); // the retry
  world.socket.open();
  world.socket.receive(ready);
  world.pass(STALE_MS - 1);
  assert.deepEqual(world.state, { kind: "live" });
  world.pass(1);
  assert.deepEqual(world.state, { kind: "not answering" });
});

test("a gap shows as resyncing, and reconnects if no snapshot fills it", () => {
  const world = new FakeWorld();
  world.goLive();
  world.connection.setGap("market.7");
  assert.deepEqual(world.state, { kind: "resyncing" });
  world.connection.setGap(null);
  assert.deepEqual(world.state, { kind: "live" });
  world.connection.setGap("market.7");
  for (let seconds = 0; seconds * 1_000 < GAP_MS_MAX + 2_000; seconds += 2) {
    world.socket.receive(upToDate);
    world.pass(2_000);
  }
  assert.equal(world.sockets[0]?.closed, true);
});

test("bytes of another protocol end the connection and are not applied", () => {
  const world = new FakeWorld();
  world.goLive();
  world.socket.garbage();
  assert.equal(world.sockets[0]?.closed, true);
  assert.equal(world.state?.kind, "offline");
  assert.equal(world.frames.length, 1);
});

test("a signed-out browser shows it and does not try again", () => {
  const world = new FakeWorld();
  world.connection.connect();
  world.socket.open();
  world.socket.receive(
    serverMessage({ case: "refused", value: { code: Reason.NOT_AUTHENTICATED, message: "sign in" } }, "authenticate"),
  );
  assert.deepEqual(world.state, { kind: "signed out" });
  world.pass(600_000);
  assert.equal(world.sockets.length, 1);
});

test("signing out elsewhere shows here", () => {
  const world = new FakeWorld();
  world.goLive();
  world.socket.revoke(4001);
  assert.deepEqual(world.state, { kind: "signed out" });
  assert.equal(world.connection.live, false);
  world.pass(600_000);
  assert.equal(world.sockets.length, 1);
});

test("connect during a wait tries at once, and only once", () => {
  const world = new FakeWorld();
  world.goLive();
  world.socket.revoke(1006);
  world.connection.connect();
  world.connection.connect();
  assert.equal(world.sockets.length, 2);
  world.pass(1_000);
  assert.equal(world.sockets.length, 2);
});

test("a request gets the answer with its id", async () => {
  const sent: string[] = [];
  const requests = new Requests(
    (requestId) => sent.push(requestId) > 0,
    () => 0,
  );
  const [first, second] = [requests.ask({ case: "out", value: {} }), requests.ask({ case: "out", value: {} })];
  assert.deepEqual(sent, ["r1", "r2"]);
  requests.answer([
    serverMessage({ case: "ordersCancelled", value: {} }, "r2"),
    serverMessage({ case: "refused", value: { message: "no" } }, "r1"),
  ]);
  const answers = await Promise.all([first, second]);
  assert.deepEqual(
    answers.map((answer) => answer.kind === "answer" && answer.message.message.case),
    ["refused", "ordersCancelled"],
  );
});

test("a request that could not be sent is answered at once", async () => {
  const requests = new Requests(
    () => false,
    () => 0,
  );
  assert.deepEqual(await requests.ask({ case: "out", value: {} }), { kind: "unsent" });
});

test("after a lost socket a recent request is sent again unchanged, an old one is unknown", async () => {
  let now = 0;
  const sent: [string, unknown][] = [];
  const requests = new Requests(
    (requestId, message) => sent.push([requestId, message?.value]) > 0,
    () => now,
  );
  const old = requests.ask({ case: "createOrder", value: { clientOrderId: "a" } });
  now = RESEND_MS_MAX;
  void requests.ask({ case: "createOrder", value: { clientOrderId: "b" } });
  now = RESEND_MS_MAX + 1;
  requests.resume();
  assert.deepEqual(await old, { kind: "unknown" });
  assert.deepEqual(sent.slice(2), [["r2", { clientOrderId: "b" }]]);
});

test("a request without an answer becomes unknown", async () => {
  let now = 0;
  const requests = new Requests(
    () => true,
    () => now,
  );
  const asked = requests.ask({ case: "out", value: {} });
  now = ANSWER_MS_MAX + 1;
  requests.expire();
  assert.deepEqual(await asked, { kind: "unknown" });
});

test("keys are 32 hex digits and differ", () => {
  const keys = new Set(Array.from({ length: 100 }, newKey));
  assert.equal(keys.size, 100);
  for (const key of keys) assert.match(key, /^[0-9a-f]{32}$/);
});
