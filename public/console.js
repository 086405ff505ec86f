// The console's small helpers, the same on every page: keys, theme, copying. Plain script, nothing loaded.
(() => {
  const root = document.documentElement;
  const GO = {
    ...{ m: "/", s: "/submit", j: "/jobs", n: "/network", p: "/provider", b: "/billing", e: "/settings" },
    o: "/operator/providers",
  };
  const GO_MS = 1200;
  let goUntil = 0;

  const typing = (target) =>
    target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;

  function open(path) {
    // A link that is already there lets Next change the page without loading it anew.
    const link = document.querySelector(`a[data-go][href="${path}"]`);
    if (link instanceof HTMLElement) link.click();
    else location.assign(path);
  }

  function toggleHelp() {
    const help = document.getElementById("help");
    if (!(help instanceof HTMLDialogElement)) return;
    if (help.open) help.close();
    else help.showModal();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    if (event.key === "?") {
      event.preventDefault();
      toggleHelp();
      return;
    }
    if (document.querySelector("dialog[open], [role=dialog]")) return;
    const now = performance.now();
    if (now < goUntil) {
      goUntil = 0;
      const path = GO[event.key.toLowerCase()];
      if (path) {
        event.preventDefault();
        open(path);
      }
      return;
    }
    if (event.key === "g" || event.key === "G") goUntil = now + GO_MS;
    else if (event.key === "/") {
      const field = document.querySelector("[data-search]");
      if (field instanceof HTMLElement) {
        event.preventDefault();
        field.focus();
      } else open("/");
    }
  });

  function toggleTheme() {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    const theme = dark ? "light" : "dark";
    root.dataset.theme = theme;
    // biome-ignore lint/suspicious/noDocumentCookie: the cookie store API is not in every browser yet
    document.cookie = `berth_theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  }

  async function copy(button) {
    const before = button.textContent;
    let after = "Copied";
    try {
      await navigator.clipboard.writeText(button.dataset.copy ?? "");
    } catch {
      after = "Not allowed";
    }
    button.textContent = after;
    setTimeout(() => {
      button.textContent = before;
    }, 1500);
  }

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target.closest("button") : null;
    if (!target) return;
    if (target.dataset.copy !== undefined) copy(target);
    else if (target.dataset.theme !== undefined) toggleTheme();
    else if (target.dataset.help !== undefined) toggleHelp();
  });

  // Selects of a filter form apply at once; text waits for Enter or the button.
  document.addEventListener("change", (event) => {
    const { target } = event;
    if (target instanceof HTMLSelectElement) target.closest("form[data-auto]")?.requestSubmit();
  });
})();
