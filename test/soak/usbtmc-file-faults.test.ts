/** The suite of test/conformance with 10,000 faults over /dev/usbtmcN. */
process.env.LABWIRE_REAL_FAULTS = '10000';
await import('../conformance/usbtmc-file-faults.test.ts');

export {};
