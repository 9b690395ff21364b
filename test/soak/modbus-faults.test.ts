/** The faults of the Modbus suite, 10,000 over TCP and 10,000 over RTU. */
process.env.LABWIRE_REAL_FAULTS = '10000';
await import('../../src/engine/transport/modbus/modbus.test.ts');

export {};
