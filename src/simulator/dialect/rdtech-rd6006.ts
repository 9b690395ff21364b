import type { SupplyOutput } from '../supply-output.ts';
import { ModbusRefusal, type ModbusUnit } from '../wire/modbus-server.ts';

/** Ratings as the maker gives them; the protections go a little higher. */
export const RD6006_RATING = { maxVolts: 60, maxAmps: 6, maxOvp: 62, maxOcp: 6.2 };

const MODEL = 60062;
const SERIAL = 1234;
const FIRMWARE = 128;
/** Registers that can be written. */
const V_SET = 8;
const I_SET = 9;
const OUTPUT = 18;
const OVP = 82;
const OCP = 83;

/**
 * RDTech RD6006 (registers as libsigrok's rdtech-dps and the Riden libraries read them): 10 mV, 1 mA, 10 mW a step. Both protections are always on.
 * Functions it does not know it does not answer.
 */
export function createRd6006(output: SupplyOutput): ModbusUnit {
  output.ovp.enabled = true;
  output.ocp.enabled = true;
  return {
    ignores: new Set([1, 2, 4, 5, 7, 8, 15, 17, 43]),
    readHolding(address) {
      const { volts, amps } = output.measure();
      switch (address) {
        case 0:
          return MODEL;
        case 1:
          return SERIAL >>> 16;
        case 2:
          return SERIAL & 0xffff;
        case 3:
          return FIRMWARE;
        case V_SET:
          return Math.round(output.volts * 100);
        case I_SET:
          return Math.round(output.ampLimit * 1000);
        case 10:
          return Math.round(volts * 100);
        case 11:
          return Math.round(amps * 1000);
        case 13:
          return Math.round(volts * amps * 100) & 0xffff;
        case 14:
          return 6500;
        case 16:
          return output.ovp.tripped ? 1 : output.ocp.tripped ? 2 : 0;
        case 17:
          return output.mode() === 'CC' ? 1 : 0;
        case OUTPUT:
          return output.on ? 1 : 0;
        case OVP:
          return Math.round(output.ovp.level * 100);
        case OCP:
          return Math.round(output.ocp.level * 1000);
        default:
          return address <= 255 ? 0 : undefined;
      }
    },
    writeHolding(address, value) {
      const put = (number: number, max: number, set: (number: number) => void): boolean => {
        if (number > max + 1e-9) throw new ModbusRefusal(3);
        set(number);
        return true;
      };
      switch (address) {
        case V_SET:
          return put(value / 100, 61, (volts) => {
            output.volts = volts;
          });
        case I_SET:
          return put(value / 1000, 6.1, (amps) => {
            output.ampLimit = amps;
          });
        case OVP:
          return put(value / 100, RD6006_RATING.maxOvp, (volts) => {
            output.ovp.level = volts;
          });
        case OCP:
          return put(value / 1000, RD6006_RATING.maxOcp, (amps) => {
            output.ocp.level = amps;
          });
        case OUTPUT:
          if (value > 1) throw new ModbusRefusal(3);
          // Switching it on clears a trip, as at the front panel.
          if (value === 1) {
            output.ovp.tripped = false;
            output.ocp.tripped = false;
          }
          output.switch(value === 1);
          return true;
        default:
          return false;
      }
    },
  };
}
