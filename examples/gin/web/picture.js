// Pictures: made small before they are sent, and shown from memory by blob: URLs.

const mostSide = 1600; // pixels
const mostBytes = 600_000; // the server takes a little more
const types = ["image/png", "image/jpeg", "image/gif"]; // that the server takes

/** shrink reads a picture that a user chose. It resolves to what is sent: {data, picture: {type, width, height}}. */
export async function shrink(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error("This file is no picture that can be shown.");
  }
  const { width, height } = bitmap;
  if (types.includes(file.type) && file.size <= mostBytes && Math.max(width, height) <= mostSide) {
    return { data: await file.arrayBuffer(), picture: { type: file.type, width, height } };
  }
  for (let side = mostSide; side >= 200; side /= 1.5) {
    const result = await redraw(bitmap, Math.min(1, side / Math.max(width, height)));
    if (result.data.byteLength <= mostBytes) {
      return result;
    }
  }
  throw new Error("This picture cannot be made small enough.");
}

async function redraw(bitmap, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // JPEG has no transparency
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
  return { data: await blob.arrayBuffer(), picture: { type: "image/jpeg", width: canvas.width, height: canvas.height } };
}

const urls = new Map(); // by the key of the message

/** urlFor makes bytes a URL that an image can show. There is one for each message. */
export function urlFor(key, data, type) {
  if (!urls.has(key)) {
    urls.set(key, URL.createObjectURL(new Blob([data], { type })));
  }
  return urls.get(key);
}

/** knownURL returns the URL that urlFor made, if it did. */
export const knownURL = (key) => urls.get(key);

export function toBase64(buffer) {
  let binary = "";
  for (const byte of new Uint8Array(buffer)) {
    binary += String.fromCharCode(byte);
  }
  return btoa(binary);
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
}
