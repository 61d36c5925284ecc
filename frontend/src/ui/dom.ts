// DOM helpers that change only what differs, so that focus and screen readers are not disturbed.

export function find<E extends Element = HTMLElement>(root: ParentNode, selector: string): E {
  const found = root.querySelector<E>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

export const slot = <E extends HTMLElement = HTMLElement>(root: ParentNode, name: string): E =>
  find<E>(root, `[data-slot="${name}"]`);

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function template(root: ParentNode, name: string): HTMLTemplateElement {
  return find<HTMLTemplateElement>(root, `template[data-template="${name}"]`);
}

export function instantiate(from: HTMLTemplateElement): HTMLElement {
  const copy = from.content.firstElementChild?.cloneNode(true);
  if (!(copy instanceof HTMLElement)) throw new Error("an empty template");
  return copy;
}

/** How items become rows. A row is filled again only when its signature, the text of all that it shows, changes. */
export interface Rows<T> {
  body: Element;
  template: HTMLTemplateElement;
  key(item: T): string;
  signature(item: T): string;
  fill(row: HTMLElement, item: T): void;
}

const signatures = new WeakMap<Element, string>();

/** Makes the keyed children of `body` match `items`, in order. Rows from the server are reused by key; children without a
 * key are headings and stay in front. */
export function showRows<T>({ body, template: from, key, signature, fill }: Rows<T>, items: readonly T[]): void {
  const wanted = new Set(items.map(key));
  const rows = new Map<string, HTMLElement>();
  for (const row of body.querySelectorAll<HTMLElement>(":scope > [data-key]")) {
    const name = row.dataset.key ?? "";
    if (wanted.has(name)) rows.set(name, row);
    else row.remove();
  }
  let next = body.querySelector(":scope > [data-key]");
  for (const item of items) {
    const row = rows.get(key(item)) ?? instantiate(from);
    if (row === next) next = next.nextElementSibling;
    else body.insertBefore(row, next);
    const text = signature(item);
    if (signatures.get(row) === text) continue;
    signatures.set(row, text);
    setAttribute(row, "data-key", key(item));
    fill(row, item);
  }
}

/** Shows the text for an empty table and hides the parts that need rows, or the reverse. */
export function showEmpty(root: ParentNode, name: string, empty: boolean): void {
  find(root, `[data-empty="${name}"]`).hidden = !empty;
  for (const part of root.querySelectorAll<HTMLElement>(`[data-full="${name}"]`)) part.hidden = empty;
}

/** A signature for Rows, of integers and texts. */
export const signatureOf = (...parts: unknown[]): string => parts.map(String).join("|");
