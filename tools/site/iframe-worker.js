/* A browser starts no worker from a disk: there its script runs in a frame that is not shown, so that the search
 * works without a server, too. */
if (location.protocol === "file:")
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      this.started = new Promise(resolve => { frame.onload = () => resolve(frame.contentWindow) })
      frame.srcdoc = `<script>postMessage = data => dispatchEvent(new CustomEvent("answer", { detail: data }))</script>
        <script src="${url}"></script>`
      this.started.then(inside => inside.addEventListener("answer", event =>
        this.dispatchEvent(new MessageEvent("message", { data: event.detail }))))
      document.addEventListener("DOMContentLoaded", () => document.body.append(frame))
      if (document.body) document.body.append(frame)
    }
    postMessage(data) {
      this.started.then(inside => inside.dispatchEvent(new inside.MessageEvent("message", { data })))
    }
    terminate() {}
  }
