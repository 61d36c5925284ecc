// What every page has: menus that close, lists that filter, colours that change without a reload.

export function enhanceChrome(): void {
  enhanceMenus();
  enhanceFilters();
  enhanceTheme();
}

/** Closes the open menu; false if there is none. */
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
      if (event.key === "Enter") event.preventDefault(); // it filters; it sends nothing
    });
  }
}

/** Shows of its lists, as they are now, what the field seeks. */
export function filter(input: HTMLInputElement): void {
  const sought = input.value.trim().toLocaleLowerCase();
  for (const list of document.querySelectorAll<HTMLElement>(`[data-filtered="${input.dataset.filter}"]`)) {
    // What its heading says is so of all of a list; a list without a match goes with its heading.
    const heading = list.querySelector("[data-heading]");
    const items = [...list.children].filter((item): item is HTMLElement => item !== heading);
    const all = heading !== null && says(heading, sought);
    for (const item of items) item.hidden = !all && !says(item, sought);
    list.hidden = items.every((item) => item.hidden);
  }
}

const says = (element: Element, sought: string): boolean => element.textContent.toLocaleLowerCase().includes(sought);

function enhanceTheme(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("[data-theme-switch]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const theme = event.submitter instanceof HTMLButtonElement ? event.submitter.value : "";
      if (theme) document.documentElement.dataset.theme = theme;
      else delete document.documentElement.dataset.theme;
      // The server keeps it in a cookie and would lead back to this page, which is here already.
      const body = new FormData(form);
      body.set("theme", theme);
      void fetch(form.action, { method: "POST", body, redirect: "manual" });
    });
  }
}
