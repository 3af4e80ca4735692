// Starts the panel where it finds itself: in UXP, in CEP, or in a browser.
(function (rotolink) {
  "use strict";

  const HTTP = "127.0.0.1:50751";

  function hostHere(document) {
    if (typeof require === "function" && !globalThis.__adobe_cep__) return new rotolink.hosts.Uxp(require);
    if (globalThis.__adobe_cep__) return new rotolink.hosts.Cep(globalThis.__adobe_cep__, globalThis.cep.fs, rotolink.hostScript);
    return new rotolink.hosts.Page(() => document.getElementById("path").value, (name, text) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      link.download = name;
      link.click();
    });
  }

  /** Where the daemon is: the page's own server, or this machine. */
  function address() {
    const { location } = globalThis;
    return location && location.protocol === "http:" ? location.host : HTTP;
  }

  function start(document) {
    let view = null;
    let due = false;
    const changed = () => {
      if (due) return;
      due = true;
      setTimeout(() => { due = false; if (view) view.show(); }, 0);
    };
    let host;
    try {
      host = hostHere(document);
    } catch (error) {
      document.getElementById("said").textContent = error.message;
      document.getElementById("said").className = "error";
      return null;
    }
    const desk = new rotolink.Desk(host, changed);
    view = new rotolink.View(document, desk, host instanceof rotolink.hosts.Page);
    desk.connect(`ws://${address()}/ws`);
    rotolink.panel = { desk, view };
    globalThis.addEventListener("resize", changed);
    return rotolink.panel;
  }

  rotolink.start = start;
  if (typeof document === "undefined") return;
  if (typeof require === "function" && !globalThis.__adobe_cep__) {
    require("uxp").entrypoints.setup({
      plugin: { create() {}, destroy() { if (rotolink.panel) rotolink.panel.desk.close(); } },
      panels: { main: { show() { if (!rotolink.panel) setTimeout(() => start(document), 0); }, hide() {}, destroy() {} } },
    });
  } else start(document);
}(globalThis.Rotolink = globalThis.Rotolink || {}));
