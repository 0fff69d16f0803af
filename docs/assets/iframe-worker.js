// Search runs in a worker, and browsers refuse workers to pages that are opened from the disk.
// There a hidden frame does the worker's part: it has a script and messages, as a worker has.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(script) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.documentElement.appendChild(frame)
      this.inside = frame.contentWindow
      this.inside.postMessage = data =>
        this.dispatchEvent(new MessageEvent("message", { data }))
      this.loaded = new Promise((done, failed) => {
        const element = this.inside.document.createElement("script")
        element.onload = done
        element.onerror = failed
        element.src = new URL(script, location)
        this.inside.document.documentElement.appendChild(element)
      })
    }
    postMessage(data) {
      this.loaded.then(() =>
        this.inside.dispatchEvent(new this.inside.MessageEvent("message", { data }))
      )
    }
    terminate() {
      this.inside.frameElement.remove()
    }
  }
}
