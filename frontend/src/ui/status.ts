// A market's status as a badge.

import type { Words } from "../page";
import { setText, slot } from "./dom";

const BASE = "badge badge-sm";

export function showStatus(root: ParentNode, status: number, words: Words): void {
  const badge = slot(root, "status");
  const name = `${BASE} status-${status}`;
  if (badge.className !== name) badge.className = name;
  setText(badge, words.status[String(status)] ?? "");
}
