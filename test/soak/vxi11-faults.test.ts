/** The suite of test/conformance with 10,000 faults over VXI-11. */
process.env.LABWIRE_REAL_FAULTS = '10000';
await import('../conformance/vxi11-faults.test.ts');

export {};
