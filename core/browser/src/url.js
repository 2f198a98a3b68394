/**
 * Completes an address as a page's links are completed, and takes it apart. What has no scheme
 * gets that of the page, or https.
 */
export function parse(uri) {
  const { location } = globalThis;
  let text = uri ?? location.host;
  if (/^\/(?!\/)/.test(text)) text = location.host + text;
  const page = !location || location.protocol === "https:" ? "https:" : "http:";
  if (!/^(http|ws)s?:\/\//.test(text)) text = page + "//" + text.replace(/^\/\//, "");
  const url = new URL(text);
  return {
    secure: /^(https|wss):/.test(url.protocol),
    host: url.host, // with the port, unless it is the usual one
    // Not url.pathname, which has escapes: it is the name of a namespace.
    path: /^\w+:\/\/[^/?#]*([^?#]*)/.exec(text)[1] || "/",
    query: new URLSearchParams(url.search.replaceAll("+", "%2B")), // a plus is no space
  };
}
