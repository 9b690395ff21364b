/** The suite of test/conformance with 10,000 faults over the maker's VISA. */
process.env.LABWIRE_REAL_FAULTS = '10000';
await import('../conformance/vendor-visa-faults.test.ts');

export {};
