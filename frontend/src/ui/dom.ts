// Small helpers that change only what differs: a page that is read aloud or has the focus stays calm.

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

export function stamp(from: HTMLTemplateElement): HTMLElement {
  const copy = from.content.firstElementChild?.cloneNode(true);
  if (!(copy instanceof HTMLElement)) throw new Error("an empty template");
  return copy;
}

/** How items become rows. sign: all that the row shows, so that an unchanged one is left alone. */
export interface Rows<T> {
  body: Element;
  template: HTMLTemplateElement;
  key(item: T): string;
  sign(item: T): string;
  fill(row: HTMLElement, item: T): void;
}

const signs = new WeakMap<Element, string>();

/** Makes the keyed children of `body` those of `items`, in order. Rows that the server wrote are taken over by their
 * key; what has none is a heading and stays in front. */
export function showRows<T>({ body, template: from, key, sign, fill }: Rows<T>, items: readonly T[]): void {
  const wanted = new Set(items.map(key));
  const rows = new Map<string, HTMLElement>();
  for (const row of body.querySelectorAll<HTMLElement>(":scope > [data-key]")) {
    const name = row.dataset.key ?? "";
    if (wanted.has(name)) rows.set(name, row);
    else row.remove();
  }
  let next = body.querySelector(":scope > [data-key]");
  for (const item of items) {
    const row = rows.get(key(item)) ?? stamp(from);
    if (row === next) next = next.nextElementSibling;
    else body.insertBefore(row, next);
    const signature = sign(item);
    if (signs.get(row) === signature) continue;
    signs.set(row, signature);
    setAttribute(row, "data-key", key(item));
    fill(row, item);
  }
}

/** Shows the text that stands for an empty table, and hides what is only there with a full one. */
export function showEmpty(root: ParentNode, name: string, empty: boolean): void {
  find(root, `[data-empty="${name}"]`).hidden = !empty;
  for (const part of root.querySelectorAll<HTMLElement>(`[data-full="${name}"]`)) part.hidden = empty;
}

/** Stringified ints and texts: a signature for Rows. */
export const signature = (...parts: unknown[]): string => parts.map(String).join("|");
