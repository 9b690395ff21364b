/** The suite of test/conformance with 10,000 faults on each real transport. */
process.env.LABWIRE_REAL_FAULTS = '10000';
await import('../conformance/session-faults.test.ts');

export {};
