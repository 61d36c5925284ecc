// The state of a connection, built from snapshots and streams alone. Nothing here touches the page, a socket or a clock:
// applyFrame(state, messages) changes the state and returns notices. proto/exchange.proto states the rules.

import type { Authenticated, Market, ServerMessage } from "./gen/proto/exchange_pb";
import { applyToSlice, type Notice, Slice } from "./slice";
import { accountStream, isAccount, isBook, isSummary, marketOf, marketStream, otherForm } from "./streams";

export interface State {
  readonly slices: Map<string, Slice>;
  readonly positions: Map<string, bigint>; // stream -> seq up to which it is complete
  readonly gaps: Set<string>; // streams that missed a message and wait for a snapshot or a replay
  readonly stale: Set<string>; // kept from before; dropped unless the stream comes again
  readonly revoked: Set<bigint>; // markets whose books the exchange stopped sending: no longer visible
  accountFloor: bigint | null; // after resuming: the position of account streams that are still unknown
  sudo: boolean;
  switching: boolean; // SetSudo is not answered yet: a stream that ends may go on in its other form
  opening: boolean; // ActingAs has not ended the snapshots yet
  epoch: bigint;
  upTo: bigint; // all streams are complete up to this seq
  ownAccount: bigint;
  actingAs: bigint;
  pendingSnapshot: Slice | null; // between SnapshotBegin and SnapshotEnd
  section: Slice | null; // the stream of the messages that follow in this frame
}

export function newState(): State {
  return {
    slices: new Map(),
    positions: new Map(),
    gaps: new Set(),
    stale: new Set(),
    revoked: new Set(),
    accountFloor: null,
    sudo: false,
    switching: false,
    opening: true,
    epoch: 0n,
    upTo: 0n,
    ownAccount: 0n,
    actingAs: 0n,
    pendingSnapshot: null,
    section: null,
  };
}

/** The newest definition of every market, by id. Of two equally new ones, that of the book's stream. */
export function definitions(state: State): Map<bigint, Market> {
  const newest = new Map<bigint, Market>();
  const definedAt = new Map<bigint, bigint>(); // market -> seq of that definition
  for (const slice of state.slices.values()) {
    for (const [id, market] of slice.markets) {
      const [at, before] = [slice.definedAt.get(id) ?? 0n, definedAt.get(id)];
      if (before !== undefined && (at < before || (at === before && !isBook(slice.stream)))) continue;
      newest.set(id, market);
      definedAt.set(id, at);
    }
  }
  return newest;
}

/** Whether all snapshots of this connection have arrived. */
export function isLoaded(state: State): boolean {
  return !state.opening && !state.switching;
}

/** The slice of a market's book, masked or unmasked. */
export function bookSlice(state: State, id: bigint): Slice | undefined {
  const plain = marketStream(id);
  return state.slices.get(plain) ?? state.slices.get(otherForm(plain) ?? plain);
}

/** Whether this connection receives the market's book, in either form. */
export function subscribedToBook(state: State, id: bigint): boolean {
  const slice = bookSlice(state, id);
  return slice !== undefined && !state.stale.has(slice.stream);
}

/** Applies a frame's messages in order. A section ends with its frame at the latest. */
export function applyFrame(state: State, messages: readonly ServerMessage[]): Notice[] {
  const notices = messages.flatMap((message) => applyMessage(state, message));
  state.section = null;
  return notices;
}

export function applyMessage(state: State, message: ServerMessage): Notice[] {
  const control = applyControl(state, message);
  if (control) return control;
  // A reply resolves its request and changes no state; it also ends a section.
  if (message.requestId !== "") {
    state.section = null;
    return [];
  }
  if (state.section) {
    addAccount(state, message);
    return applyToSlice(state.section, message);
  }
  if (state.pendingSnapshot) applyToSlice(state.pendingSnapshot, message);
  return [];
}

/** Applies messages about the connection and its streams; null for all others. */
function applyControl(state: State, { requestId, message }: ServerMessage): Notice[] | null {
  switch (message.case) {
    case "authenticated":
      authenticated(state, message.value);
      return [];
    case "unsubscribed":
      for (const stream of message.value.streams) unsubscribed(state, stream, requestId !== "");
      state.section = null;
      return [];
    case "actingAs":
      state.actingAs = message.value.accountId;
      state.section = null;
      if (state.opening && !state.switching) dropStale(state);
      state.opening = false;
      return [{ kind: requestId === "" ? "account lost" : "ready" }];
    case "sudoSet":
      state.sudo = message.value.on;
      endSwitch(state);
      return [];
    case "streamPosition":
      return applyPosition(state, message.value.stream, message.value.prevSeq, message.value.seq);
    case "snapshotBegin":
      state.section = null;
      state.pendingSnapshot = new Slice(message.value.stream);
      return [];
    case "snapshotEnd":
      return snapshotEnd(state, message.value.stream, message.value.seq);
    case "upToDate":
      upToDate(state, message.value.seq, message.value.epoch);
      return [];
    default:
      return null;
  }
}

/** After a change of epoch or of own accounts all snapshots come again; streams that do not come again are dropped. */
function authenticated(state: State, value: Authenticated): void {
  state.section = null; // of the previous socket
  state.pendingSnapshot = null;
  state.ownAccount = value.accountId;
  state.opening = true;
  if (value.anew || value.epoch !== state.epoch) startAnew(state);
  state.epoch = value.epoch;
}

function startAnew(state: State): void {
  state.accountFloor = null;
  for (const stream of state.slices.keys()) state.stale.add(stream);
}

/** `requested`: by this page. In sudo a book that the exchange ends goes on in its other form. */
function unsubscribed(state: State, stream: string, requested: boolean): void {
  if (requested) forget(state, stream);
  else if (isBook(stream) && state.slices.has(stream) && (state.sudo || state.switching)) state.stale.add(stream);
  else revoke(state, stream);
}

/** SetSudo was answered or refused, or sudo has ended by itself. */
export function endSwitch(state: State): void {
  state.switching = false;
  if (!state.opening) dropStale(state);
}

function dropStale(state: State): void {
  for (const stream of [...state.stale]) revoke(state, stream);
}

function revoke(state: State, stream: string): void {
  forget(state, stream);
  if (isBook(stream) && !bookSlice(state, marketOf(stream))) state.revoked.add(marketOf(stream));
}

function forget(state: State, stream: string): void {
  state.slices.delete(stream);
  state.positions.delete(stream);
  state.gaps.delete(stream);
  state.stale.delete(stream);
}

/** A new account of the person: its stream begins here, whether or not a snapshot of it comes too. */
function addAccount(state: State, { message }: ServerMessage): void {
  if (message.case !== "accountCreated" || message.value.owners.length === 0 || !state.section) return;
  const { account } = message.value;
  if (!account || state.slices.has(accountStream(account.id))) return;
  addSlice(state, accountStream(account.id), state.section.seq).accounts.set(account.id, account);
}

function addSlice(state: State, stream: string, seq: bigint): Slice {
  const slice = new Slice(stream, seq);
  state.slices.set(stream, slice);
  state.positions.set(stream, seq);
  return slice;
}

function applyPosition(state: State, stream: string, prevSeq: bigint, seq: bigint): Notice[] {
  state.section = null;
  const known = state.slices.has(stream);
  if (!known && isBook(stream) && subscribedToBook(state, marketOf(stream))) return []; // its other form is subscribed
  // An unknown stream is at its beginning: if nothing came before this message, no snapshot is needed.
  const at = state.positions.get(stream) ?? (isAccount(stream) ? state.accountFloor : null) ?? 0n;
  if (seq <= at) return [];
  if (prevSeq > at) {
    if (state.gaps.has(stream) || !known) return [];
    state.gaps.add(stream);
    return [{ kind: "gap", stream }];
  }
  state.section = state.slices.get(stream) ?? addSlice(state, stream, seq);
  state.section.seq = seq;
  state.positions.set(stream, seq);
  return state.gaps.delete(stream) ? [{ kind: "synced", stream }] : [];
}

function snapshotEnd(state: State, stream: string, seq: bigint): Notice[] {
  state.section = null;
  const { pendingSnapshot } = state;
  if (pendingSnapshot?.stream !== stream) return [];
  const other = otherForm(stream);
  if (other !== null) {
    forget(state, other); // a book has one form at a time
    state.revoked.delete(marketOf(stream));
  }
  forget(state, stream);
  pendingSnapshot.seq = seq;
  for (const id of pendingSnapshot.markets.keys()) pendingSnapshot.definedAt.set(id, seq);
  state.slices.set(stream, pendingSnapshot);
  state.positions.set(stream, seq);
  state.pendingSnapshot = null;
  return [{ kind: "synced", stream }];
}

function upToDate(state: State, seq: bigint, epoch: bigint): void {
  state.section = null;
  if (!state.opening && !state.switching) dropStale(state);
  state.epoch = epoch;
  if (seq > state.upTo) state.upTo = seq;
  for (const [stream, at] of state.positions) {
    // A summary may follow its command by up to 0.25 s.
    if (at < seq && !state.gaps.has(stream) && !isSummary(stream)) state.positions.set(stream, seq);
  }
}

/** Begins a connection. Returns what Authenticate needs to resume, or null if all snapshots must come again: a message is
 * missing, or the state was received in sudo, which a new connection is not in. */
export function resume(state: State): { epoch: bigint; fromSeq: bigint } | null {
  const gapless = state.upTo > 0n && state.gaps.size === 0 && state.stale.size === 0;
  const resumes = gapless && !state.sudo && !state.switching;
  state.sudo = false;
  state.switching = false;
  state.opening = true;
  state.accountFloor = resumes ? state.upTo : null;
  if (resumes) return { epoch: state.epoch, fromSeq: state.upTo };
  startAnew(state);
  return null;
}
