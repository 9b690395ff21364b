import type { SimulatedOrder } from '../definition/definition-exchanges.ts';

const VALUE = '{value}';

/** The order a whole message is, and what stands in it for `{value}`; digits only where it is not set apart. */
export function orderMeant(
  orders: readonly SimulatedOrder[],
  message: string,
): { order: SimulatedOrder; value: string } | undefined {
  for (const order of orders) {
    const at = order.text.indexOf(VALUE);
    if (at < 0) {
      if (message === order.text) return { order, value: '' };
      continue;
    }
    const before = order.text.slice(0, at);
    const after = order.text.slice(at + VALUE.length);
    const value = message.slice(before.length, message.length - after.length);
    if (message.startsWith(before) && message.endsWith(after) && /^[\d.]+$/.test(value)) return { order, value };
  }
  return undefined;
}
