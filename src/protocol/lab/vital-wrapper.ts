/**
 * Takes the wrappers off that VITAL's MessagePack puts around Python's own types: `{__datetime__: text}`, `{__uuid__: text}`, and
 * `{__ndarray__: list, dtype, shape}`, whose list may be flat: then it is cut by its shape. Everything else stays as it is.
 */
export function unwrapVital(value: unknown): unknown {
  if (Array.isArray(value)) return typeof value[0] === 'number' ? value : value.map(unwrapVital);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  const fields = value as Record<string, unknown>;
  if ('__datetime__' in fields) return fields.__datetime__;
  if ('__uuid__' in fields) return fields.__uuid__;
  if (Array.isArray(fields.__ndarray__)) return shaped(fields.__ndarray__, fields.shape);
  return Object.fromEntries(Object.entries(fields).map(([key, item]) => [key, unwrapVital(item)]));
}

function shaped(list: unknown[], shape: unknown): unknown[] {
  if (Array.isArray(list[0]) || !Array.isArray(shape) || shape.length !== 2) return list;
  const [rows, columns] = shape as unknown[];
  if (typeof rows !== 'number' || typeof columns !== 'number' || !(rows > 0 && rows * columns === list.length))
    return list;
  return Array.from({ length: rows }, (_, row) => list.slice(row * columns, (row + 1) * columns));
}
