// One intent, one effect. A form is locked while its answer is awaited and keeps its key until it acted. The second click of
// a double click and the repeats of a held key send nothing. While the page is not live, forms that would send are locked.

import { Reason } from "../gen/proto/exchange_pb";
import { type Answer, newKey } from "../requests";
import { find, setAttribute, setText } from "./dom";

const KEYED = 'form:has([name="key"])';

const awaiting = new Set<HTMLFormElement>(); // their answers
let lockReason = ""; // why no form may send now; "" if it may

/** Guards every form of the page. Forms that the script does not send itself are locked until the next page is here. */
export function enhanceForms(): void {
  document.addEventListener("keydown", dropRepeatedEnter, true);
  document.addEventListener("click", dropSecondClick, true);
  document.addEventListener("submit", dropWhileLocked, true);
  document.addEventListener("submit", lockWhilePosting);
  window.addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return; // the Back button shows the page as it was left
    const left = [...awaiting];
    awaiting.clear();
    left.forEach(mark);
  });
}

/** Locks every form that has a key and shows the reason; "" unlocks them. */
export function lockForms(reason: string): void {
  if (reason === lockReason) return;
  lockReason = reason;
  for (const form of document.querySelectorAll<HTMLFormElement>(KEYED)) {
    mark(form);
    showReason(form);
  }
}

/** Sends with the form's key unless an answer is awaited (then null). After it acted the form has a new key. */
export async function once(form: HTMLFormElement, send: (key: string) => Promise<Answer>): Promise<Answer | null> {
  if (lockReason !== "") return { kind: "unsent" };
  if (awaiting.has(form)) return null;
  const key = find<HTMLInputElement>(form, '[name="key"]');
  awaiting.add(form);
  mark(form);
  try {
    const answer = await send(key.value);
    if (isUsed(answer)) key.value = newKey();
    return answer;
  } finally {
    awaiting.delete(form);
    mark(form);
  }
}

/** Whether the key stands for a command that was carried out. Without an answer it may, and the form keeps it. */
function isUsed(answer: Answer): boolean {
  if (answer.kind !== "answer") return false;
  const { message } = answer.message;
  return message.case !== "refused" || message.value.code === Reason.KEY_CONFLICT;
}

/** Shows whether the form's buttons do anything. They keep the focus, as disabled ones would not. */
function mark(form: HTMLFormElement): void {
  const locked = awaiting.has(form) || (lockReason !== "" && form.matches(KEYED));
  for (const button of form.querySelectorAll("button")) {
    setAttribute(button, "aria-disabled", String(locked));
    setAttribute(button, "title", locked ? lockReason : "");
  }
}

/** Beside the fields of a form. A form of buttons only has the reason in their titles. */
function showReason(form: HTMLFormElement): void {
  let line = form.querySelector("[data-locked]");
  if (lockReason === "") line?.remove();
  else if (form.querySelector("input:not([type=hidden]), textarea, select")) {
    if (!line) {
      line = document.createElement("p");
      line.className = "text-sm text-warning-text";
      line.setAttribute("data-locked", "");
      form.append(line);
    }
    setText(line, lockReason);
  }
}

function dropRepeatedEnter(event: KeyboardEvent): void {
  const { target } = event;
  if (event.key !== "Enter" || !event.repeat || !(target instanceof Element)) return;
  if (target.closest("form") && !(target instanceof HTMLTextAreaElement)) event.preventDefault();
}

function dropSecondClick(event: MouseEvent): void {
  const button = event.target instanceof Element ? event.target.closest("form button") : null;
  if (button && event.detail > 1) event.preventDefault();
}

function dropWhileLocked(event: SubmitEvent): void {
  const { target } = event;
  if (lockReason === "" || !(target instanceof Element) || !target.matches(KEYED)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

function lockWhilePosting(event: SubmitEvent): void {
  const { target } = event;
  if (event.defaultPrevented || !(target instanceof HTMLFormElement) || target.method !== "post") return;
  if (awaiting.has(target)) event.preventDefault();
  awaiting.add(target);
  mark(target);
}
