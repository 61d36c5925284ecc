import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { waitMs } from "../src/backoff";
import { Connection, GAP_MS_MAX, type Light, SILENCE_MS_MAX, type Socket, STEADY_MS } from "../src/connection";
import { ClientFrameSchema, type ClientMessage, Reason, type ServerMessage } from "../src/gen/proto/exchange_pb";
import { AGAIN_MS_MAX, ANSWER_MS_MAX, newKey, Requests } from "../src/requests";
import { frame, say } from "./say";

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

  hear(...messages: ServerMessage[]): void {
    this.onmessage?.({ data: frame(...messages) } as MessageEvent<ArrayBuffer>);
  }

  garbage(): void {
    this.onmessage?.({ data: Uint8Array.from([0x0a, 0xff]).buffer } as MessageEvent<ArrayBuffer>);
  }

  lose(code: number): void {
    this.onclose?.({ code } as CloseEvent);
  }
}

/** A world whose clock moves by hand; random() is always a half. */
class FakeWorld {
  readonly sockets: FakeSocket[] = [];
  readonly lights: Light[] = [];
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
      hello: () => ({ case: "authenticate", value: { actAs: 5n } }),
      frame: (messages) => this.frames.push([...messages]),
      light: (light) => this.lights.push(light),
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

  get light(): Light | undefined {
    return this.lights.at(-1);
  }

  goLive(): void {
    this.connection.connect();
    this.socket.open();
    this.socket.hear(ready);
  }
}

const ready = say({ case: "actingAs", value: { accountId: 5n } }, "authenticate");
const upToDate = say({ case: "upToDate", value: { seq: 1n, epoch: 1n } });

test("authenticates first, and is live when it is told whom it acts as", () => {
  const world = new FakeWorld();
  world.connection.connect();
  world.socket.open();
  assert.equal(world.socket.binaryType, "arraybuffer");
  assert.deepEqual(
    world.socket.sent.map((message) => message.message.case),
    ["authenticate"],
  );
  assert.equal(world.connection.send("r1", { case: "out", value: {} }), false);
  world.socket.hear(say({ case: "authenticated", value: { epoch: 1n } }, "authenticate"));
  assert.equal(world.connection.live, false);
  world.socket.hear(ready);
  assert.equal(world.connection.send("r1", { case: "out", value: {} }), true);
  assert.deepEqual(
    world.lights.map((light) => light.kind),
    ["resyncing", "live"],
  );
  assert.equal(world.frames.length, 2);
});

test("a lost socket is opened again after the time that the light counts down", () => {
  const world = new FakeWorld();
  world.goLive();
  world.socket.lose(1006);
  assert.deepEqual(world.light, { kind: "offline", retryAtMs: world.now + 375 });
  world.pass(374);
  assert.equal(world.sockets.length, 1);
  world.pass(1);
  assert.equal(world.sockets.length, 2);
  assert.deepEqual(world.light, { kind: "resyncing" });
});

test("waits longer after each failure, up to a limit, and starts over once a connection held", () => {
  const world = new FakeWorld();
  world.connection.connect();
  const waits: number[] = [];
  for (let count = 0; count < 9; count += 1) {
    world.socket.lose(1006);
    const { light } = world;
    assert.equal(light?.kind, "offline");
    waits.push(light.retryAtMs - world.now);
    world.pass(light.retryAtMs - world.now);
  }
  assert.deepEqual(waits, [375, 750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500, 22_500]);
  world.socket.open();
  world.socket.hear(ready);
  world.pass(STEADY_MS);
  world.socket.hear(upToDate);
  world.socket.lose(1006);
  assert.deepEqual(world.light, { kind: "offline", retryAtMs: world.now + 375 });
});

test("a server that accepts and drops at once is not hammered", () => {
  const world = new FakeWorld();
  world.goLive();
  world.socket.lose(4008);
  world.pass(375);
  world.socket.open();
  world.socket.hear(ready);
  world.socket.lose(4008);
  assert.deepEqual(world.light, { kind: "offline", retryAtMs: world.now + 750 });
});

test("after a restart all browsers come back spread over five seconds", () => {
  const waits = [0, 0.25, 0.999].map((chance) => waitMs(1012, 0, () => chance));
  assert.deepEqual(waits, [0, 1_250, 4_995]);
  assert.equal(
    waitMs(1006, 20, () => 1),
    30_000,
  );
});

test("silence is a lost connection", () => {
  const world = new FakeWorld();
  world.goLive();
  world.pass(SILENCE_MS_MAX);
  world.socket.hear(upToDate);
  world.pass(SILENCE_MS_MAX);
  assert.equal(world.socket.closed, false);
  world.pass(2_000);
  assert.equal(world.sockets[0]?.closed, true);
  assert.equal(world.connection.live, false);
});

test("a gap shows, and one that no snapshot fills starts anew", () => {
  const world = new FakeWorld();
  world.goLive();
  world.connection.missing("market.7");
  assert.deepEqual(world.light, { kind: "resyncing" });
  world.connection.missing(null);
  assert.deepEqual(world.light, { kind: "live" });
  world.connection.missing("market.7");
  for (let seconds = 0; seconds * 1_000 < GAP_MS_MAX + 2_000; seconds += 2) {
    world.socket.hear(upToDate);
    world.pass(2_000);
  }
  assert.equal(world.sockets[0]?.closed, true);
});

test("bytes of another protocol end the connection, unheard", () => {
  const world = new FakeWorld();
  world.goLive();
  world.socket.garbage();
  assert.equal(world.sockets[0]?.closed, true);
  assert.equal(world.light?.kind, "offline");
  assert.equal(world.frames.length, 1);
});

test("who is signed out is told so and does not try again", () => {
  const world = new FakeWorld();
  world.connection.connect();
  world.socket.open();
  world.socket.hear(
    say({ case: "refused", value: { code: Reason.NOT_AUTHENTICATED, message: "sign in" } }, "authenticate"),
  );
  assert.deepEqual(world.light, { kind: "signed out" });
  world.pass(600_000);
  assert.equal(world.sockets.length, 1);
});

test("who signs out elsewhere is told so here", () => {
  const world = new FakeWorld();
  world.goLive();
  world.socket.lose(4001);
  assert.deepEqual(world.light, { kind: "signed out" });
  assert.equal(world.connection.live, false);
  world.pass(600_000);
  assert.equal(world.sockets.length, 1);
});

test("connect in the middle of a wait tries at once, and only once", () => {
  const world = new FakeWorld();
  world.goLive();
  world.socket.lose(1006);
  world.connection.connect();
  world.connection.connect();
  assert.equal(world.sockets.length, 2);
  world.pass(1_000);
  assert.equal(world.sockets.length, 2);
});

test("a request gets its answer by its id", async () => {
  const sent: string[] = [];
  const requests = new Requests(
    (requestId) => sent.push(requestId) > 0,
    () => 0,
  );
  const [first, second] = [requests.ask({ case: "out", value: {} }), requests.ask({ case: "out", value: {} })];
  assert.deepEqual(sent, ["r1", "r2"]);
  requests.answer([
    say({ case: "ordersCancelled", value: {} }, "r2"),
    say({ case: "refused", value: { message: "no" } }, "r1"),
  ]);
  const answers = await Promise.all([first, second]);
  assert.deepEqual(
    answers.map((answer) => answer.kind === "answer" && answer.message.message.case),
    ["refused", "ordersCancelled"],
  );
});

test("what could not be sent says so at once", async () => {
  const requests = new Requests(
    () => false,
    () => 0,
  );
  assert.deepEqual(await requests.ask({ case: "out", value: {} }), { kind: "unsent" });
});

test("after a lost socket a young request is sent again unchanged, an old one is unknown", async () => {
  let now = 0;
  const sent: [string, unknown][] = [];
  const requests = new Requests(
    (requestId, message) => sent.push([requestId, message?.value]) > 0,
    () => now,
  );
  const old = requests.ask({ case: "createOrder", value: { clientOrderId: "a" } });
  now = AGAIN_MS_MAX;
  void requests.ask({ case: "createOrder", value: { clientOrderId: "b" } });
  now = AGAIN_MS_MAX + 1;
  requests.resume();
  assert.deepEqual(await old, { kind: "unknown" });
  assert.deepEqual(sent.slice(2), [["r2", { clientOrderId: "b" }]]);
});

test("an answer that does not come is unknown in the end", async () => {
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
