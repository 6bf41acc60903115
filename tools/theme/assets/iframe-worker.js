// Search in pages opened from a disk: browsers start no worker there, so its script runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.inside = frame.contentWindow;
      const page = this.inside.document;
      const base = new URL(url, location);
      const load = (address) =>
        new Promise((done) => {
          const script = page.createElement("script");
          Object.assign(script, { src: address, async: false, onload: done });
          page.body.append(script);
        });
      this.inside.importScripts = (...addresses) => Promise.all(addresses.map((one) => load(new URL(one, base))));
      this.inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.ready = load(base);
    }
    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {
      this.inside.frameElement.remove();
    }
  };
}
