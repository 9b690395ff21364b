/** IEEE 488.2 8.7.9 with nine digits of length, as scopes send it. */
export function definiteBlock(bytes: Uint8Array): Uint8Array {
  const framed = new Uint8Array(11 + bytes.length);
  framed.set(new TextEncoder().encode(`#9${String(bytes.length).padStart(9, '0')}`));
  framed.set(bytes, 11);
  return framed;
}
