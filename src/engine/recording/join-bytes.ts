/** Several buffers as one owned one. */
export function joinBytes(buffers: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0));
  let at = 0;
  for (const buffer of buffers) {
    all.set(buffer, at);
    at += buffer.byteLength;
  }
  return all;
}
