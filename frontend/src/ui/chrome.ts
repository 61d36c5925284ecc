// The parts of every page: menus that close, lists that filter, colours that change without a reload.

export function enhanceChrome(): void {
  enhanceMenus();
  enhanceFilters();
  enhanceTheme();
}

/** Closes the open menu; returns false if none is open. */
export function closeMenu(): boolean {
  const menu = document.querySelector<HTMLDetailsElement>("details[data-menu][open]");
  if (!menu) return false;
  menu.open = false;
  menu.querySelector("summary")?.focus();
  return true;
}

function enhanceMenus(): void {
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details[data-menu][open]")) {
      if (event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && closeMenu()) event.preventDefault();
  });
}

function enhanceFilters(): void {
  for (const input of document.querySelectorAll<HTMLInputElement>("input[data-filter]")) {
    input.hidden = false;
    input.addEventListener("input", () => filter(input));
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault(); // do not submit the form around it
    });
  }
}

/** Shows only what matches the field, in every list that it filters. */
export function filter(input: HTMLInputElement): void {
  const query = input.value.trim().toLocaleLowerCase();
  for (const list of document.querySelectorAll<HTMLElement>(`[data-filtered="${input.dataset.filter}"]`)) {
    // A heading that matches shows its whole list; a list without any match is hidden with its heading.
    const heading = list.querySelector("[data-heading]");
    const items = [...list.children].filter((item): item is HTMLElement => item !== heading);
    const all = heading !== null && containsText(heading, query);
    for (const item of items) item.hidden = !all && !containsText(item, query);
    list.hidden = items.every((item) => item.hidden);
  }
}

const containsText = (element: Element, query: string): boolean =>
  element.textContent.toLocaleLowerCase().includes(query);

function enhanceTheme(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("[data-theme-switch]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const theme = event.submitter instanceof HTMLButtonElement ? event.submitter.value : "";
      if (theme) document.documentElement.dataset.theme = theme;
      else delete document.documentElement.dataset.theme;
      // The server sets the cookie and redirects to this page, which is already here: do not follow.
      const body = new FormData(form);
      body.set("theme", theme);
      void fetch(form.action, { method: "POST", body, redirect: "manual" });
    });
  }
}
